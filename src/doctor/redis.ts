import { errorReason } from '../core/reason.ts';
import {
  type ConfirmationPolicy,
  PERSISTENCE,
  PROMOTED,
  unsyncedBecause,
} from '../ledger/redis/confirmation.ts';
import type { RedisDriver } from '../ledger/redis/connection.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { BYTES_A_PAYMENT, roomFinding } from './room.ts';

const TIMEOUT_MS = 3000;
const VERSION_MIN = 7;
const CLOCK_WARN_MS = 250;
const FULL = 0.9;

/** An unused key and an unused channel with the gateway's prefixes. */
const ROOT = '{dinossauro}:';
const KEY = `${ROOT}doctor`;
const CHANNEL = `${ROOT}notices:doctor`;

/**
 * Every command that the gateway and its functions use, in a form that does nothing when the key does not exist. They
 * are queued in a transaction that is then discarded: Redis checks permissions when it queues a command.
 */
export const COMMANDS: readonly (readonly [name: string, ...args: string[]])[] = [
  ['FCALL', 'dinossauro_doctor', '1', KEY],
  ['FUNCTION', 'LOAD', 'doctor'],
  ['SUBSCRIBE', CHANNEL],
  ['PUBLISH', CHANNEL, ''],
  ['SCAN', '0'],
  ['UNLINK', KEY],
  ['EXISTS', KEY],
  ['GET', KEY],
  ['APPEND', KEY, ''],
  ['HGET', KEY, 'f'],
  ['HGETALL', KEY],
  ['HMGET', KEY, 'f'],
  ['HSET', KEY, 'f', '', 'a field without a value'],
  ['HSETNX', KEY, 'f', ''],
  ['HDEL', KEY, 'f'],
  ['HEXISTS', KEY, 'f'],
  ['HLEN', KEY],
  ['HINCRBY', KEY, 'f', 'no number'],
  ['SADD', KEY, 'm'],
  ['SMEMBERS', KEY],
  ['ZADD', KEY, 'no number', 'm'],
  ['ZREM', KEY, 'm'],
  ['ZRANGE', KEY, '0', '0'],
  ['ZRANDMEMBER', KEY],
  ['ZCARD', KEY],
  ['WAIT', '0', '1'],
  ['TIME'],
];

/** What it uses besides in a cluster. */
export const CLUSTER_COMMANDS: typeof COMMANDS = [
  ['CLUSTER', 'SLOTS'],
  ['CLUSTER', 'COUNTKEYSINSLOT', '0'],
];

/** What it uses besides if it keeps events. */
export const EVENT_COMMANDS: typeof COMMANDS = [
  ['XADD', KEY, 'no id', 'f', ''],
  ['XRANGE', KEY, '-', '+'],
  ['XREVRANGE', KEY, '+', '-'],
  ['XTRIM', KEY, 'MAXLEN', '0'],
];

/** Skipped for an account without MULTI: outside a transaction these would change something, or disturb the driver. */
const ONLY_QUEUED = ['SUBSCRIBE', 'APPEND', 'HSETNX', 'SADD'];

export interface RedisParts extends ConfirmationPolicy {
  /** A driver that is not connected yet. */
  readonly driver: RedisDriver;
  readonly nowMs: () => number;
  readonly leaseMs: number;
  readonly retentionMs: number;
  /** The beginning of all keys of a shard that this server has. Default: that of shard 0. */
  readonly root?: string;
  /** Whether the server must be a node of a cluster. */
  readonly isInCluster: boolean;
  readonly keepsEvents?: boolean;
}

/** Checks Redis as the ledger would use it. Changes nothing. */
export async function checkRedis({
  driver,
  nowMs,
  leaseMs,
  root = ROOT,
  keepsEvents = false,
  ...expected
}: RedisParts): Promise<Finding[]> {
  driver.on('error', () => {});
  const timer = setTimeout(() => driver.destroy(), TIMEOUT_MS);
  try {
    await driver.connect();
    return [
      ...(await checkServer(driver, expected)),
      await checkRights(
        driver,
        [
          ...COMMANDS,
          ...(expected.isInCluster ? CLUSTER_COMMANDS : []),
          ...(keepsEvents ? EVENT_COMMANDS : []),
        ].map(([name, ...args]) => [name, ...args.map((arg) => arg.replace(ROOT, root))]),
      ),
      await checkClock(driver, nowMs, leaseMs),
    ];
  } catch (error) {
    return [unreachable(errorReason(error))];
  } finally {
    clearTimeout(timer);
    driver.destroy();
  }
}

export function unreachable(reason: string): Finding {
  const remedy = /WRONGPASS|NOAUTH/.test(reason)
    ? 'correct the user and password in LEDGER_URL'
    : /ECONNREFUSED|ENOENT/.test(reason)
      ? 'nothing listens there: start Redis, or correct LEDGER_URL'
      : /certificate|self.signed/i.test(reason)
        ? 'its certificate is not trusted: set LEDGER_CA_FILE to the certificate of its authority'
        : 'correct LEDGER_URL, or check the network and firewalls in between';
  return fail('redis', `Redis: ${reason}`, remedy);
}

type Expected = Pick<RedisParts, 'isInCluster' | 'retentionMs'> & ConfirmationPolicy;

async function checkServer(driver: RedisDriver, expected: Expected): Promise<Finding[]> {
  const info = await attempt(driver, ['INFO']);
  if (info.kind === 'refused') {
    return [
      warn(
        'redis',
        `Redis refuses INFO: ${info.reason}`,
        'grant the account +info: version, persistence and memory could not be checked',
      ),
    ];
  }
  const text = String(info.reply);
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1] ?? '';
  return [
    checkVersion(field('redis_version')),
    ...checkMode(field('redis_mode'), expected),
    ...checkRole(field('role'), field('loading')),
    ...(await checkPersistence(driver, expected, field('aof_last_write_status'))),
    ...checkReplicas(expected, Number(field('connected_slaves'))),
    checkMemory(field('maxmemory_policy'), Number(field('maxmemory')), Number(field('used_memory'))),
    ...checkRoom(Number(field('maxmemory')), Number(field('used_memory')), expected.retentionMs),
  ];
}

function checkVersion(version: string): Finding {
  if (Number.parseInt(version, 10) >= VERSION_MIN) return ok('redis', `Redis ${version}`);
  return fail(
    'redis',
    `Redis ${version}`,
    `install Redis ${VERSION_MIN} or later: the gateway needs Redis Functions`,
  );
}

function checkMode(mode: string, { isInCluster }: Expected): Finding[] {
  if ((mode === 'cluster') === isInCluster) return [];
  return isInCluster
    ? [fail('redis', 'this Redis does not run in cluster mode', 'write redis:// in LEDGER_URL')]
    : [fail('redis', 'this Redis runs in cluster mode', 'write redis-cluster:// in LEDGER_URL')];
}

function checkRole(role: string, loading: string): Finding[] {
  if (role === 'slave') return [fail('redis', 'this Redis is a replica', 'set LEDGER_URL to the primary')];
  return loading === '1' ? [warn('redis', 'Redis is loading its data', 'wait until it has finished')] : [];
}

/** Whether a write counts only once a crash can no longer lose it. */
async function checkPersistence(
  driver: RedisDriver,
  { replicas, allowsUnconfirmed, failsOver }: ConfirmationPolicy,
  lastWrite: string,
): Promise<Finding[]> {
  if (lastWrite === 'err') {
    return [fail('persistence', 'Redis failed to write its append-only file', 'check its log and its disk')];
  }
  const unsynced = await unsyncedReason(driver);
  const reason = unsynced ?? (failsOver && replicas === 0 ? PROMOTED : null);
  if (reason === null)
    return [ok('persistence', 'each write is synced before its answer (appendfsync always)')];
  if (replicas > 0) {
    return [
      warn(
        'persistence',
        `writes count once replicas have them, but Redis itself may lose some when it restarts (${reason})`,
        'set appendonly yes and appendfsync always, or make sure that it comes back as a replica',
      ),
    ];
  }
  const seen = `a crash of Redis may lose writes that it has answered (${reason})`;
  const remedy = failsOver
    ? 'set LEDGER_REPLICAS'
    : 'set appendonly yes and appendfsync always in Redis, or LEDGER_REPLICAS';
  if (!allowsUnconfirmed) return [fail('persistence', seen, remedy)];
  return [warn('persistence', `${seen}, which LEDGER_ALLOW_UNCONFIRMED allows`, remedy)];
}

async function unsyncedReason(driver: RedisDriver): Promise<string | null> {
  const answer = await attempt(driver, ['CONFIG', 'GET', ...PERSISTENCE]);
  if (answer.kind === 'refused') return 'the account may not read its settings with CONFIG GET';
  const settings = new Map(Object.entries(Object(answer.reply)));
  return unsyncedBecause((name) => String(settings.get(name)));
}

function checkReplicas({ replicas }: ConfirmationPolicy, connected: number): Finding[] {
  if (replicas === 0) {
    if (connected === 0) return [];
    const seen = `${connected} connected ${connected === 1 ? 'replica' : 'replicas'}, and LEDGER_REPLICAS=0`;
    return [warn('replicas', `${seen}: one that is promoted may lack writes`, 'set LEDGER_REPLICAS')];
  }
  const seen = `${connected} of the ${replicas} replicas of LEDGER_REPLICAS are connected`;
  if (connected >= replicas) return [ok('replicas', seen)];
  return [fail('replicas', seen, 'start the others: until then no write counts')];
}

function checkMemory(policy: string, limitBytes: number, usedBytes: number): Finding {
  const seen = `maxmemory ${limitBytes === 0 ? 'unlimited' : `${Math.round(limitBytes / 2 ** 20)} MiB`}, ${policy}`;
  if (limitBytes > 0 && policy.startsWith('allkeys')) {
    return fail('eviction', `${seen}: Redis would delete payments`, 'set maxmemory-policy noeviction');
  }
  if (policy !== 'noeviction') return warn('eviction', seen, 'set maxmemory-policy noeviction');
  if (limitBytes > 0 && usedBytes > limitBytes * FULL) {
    return warn('eviction', `${seen}, nearly full`, 'raise maxmemory: when it is reached, payments wait');
  }
  return ok('eviction', seen);
}

function checkRoom(limitBytes: number, usedBytes: number, retentionMs: number): Finding[] {
  return limitBytes === 0 ? [] : [roomFinding(limitBytes - usedBytes, BYTES_A_PAYMENT.redis, retentionMs)];
}

async function checkRights(driver: RedisDriver, commands: typeof COMMANDS): Promise<Finding> {
  const isQueued = (await attempt(driver, ['MULTI'])).kind === 'ok';
  const tried = isQueued ? commands : commands.filter(([name]) => !ONLY_QUEUED.includes(name));
  const refused: string[] = [];
  let fault = '';
  for (const command of tried) {
    const answer = await attempt(driver, command);
    if (answer.kind === 'ok') continue;
    if (answer.reason.startsWith('NOPERM')) refused.push(nameOf(command));
    // A slot that moves is what checkStranded reports.
    else if (!/^(ERR|ASK|TRYAGAIN) /.test(answer.reason)) fault = answer.reason;
  }
  if (isQueued) await attempt(driver, ['DISCARD']);
  if (refused.length > 0) {
    return fail(
      'rights',
      `the account lacks: ${refused.join(', ')}`,
      'grant it the permissions listed in ops/redis.acl',
    );
  }
  if (fault !== '')
    return fail('rights', `Redis refuses commands: ${fault}`, 'check its log and the findings above');
  const untested = isQueued ? '' : `, except ${ONLY_QUEUED.join(', ')}, which need MULTI to be tested`;
  return ok('rights', `the account may use every command that the gateway needs${untested}`);
}

function nameOf([name, first = '']: (typeof COMMANDS)[number]): string {
  return name === 'FUNCTION' || name === 'CLUSTER' ? `${name} ${first}` : name;
}

/** Compares its clock with ours, as precisely as the round trip allows. */
async function checkClock(driver: RedisDriver, nowMs: () => number, leaseMs: number): Promise<Finding> {
  const beforeMs = nowMs();
  const answer = await attempt(driver, ['TIME']);
  const afterMs = nowMs();
  if (answer.kind === 'refused' || !Array.isArray(answer.reply)) {
    return warn('clock', 'the clock of Redis could not be read', 'grant the account +time');
  }
  const [seconds, microseconds] = answer.reply.map((part) => Number(String(part))) as [number, number];
  const theirsMs = seconds * 1000 + microseconds / 1000;
  const errorMs = (afterMs - beforeMs) / 2 + 1;
  const differenceMs = Math.round(theirsMs - (beforeMs + afterMs) / 2);
  const seen = `the clock of Redis is ${Math.abs(differenceMs)} ms ${differenceMs < 0 ? 'behind' : 'ahead'}`;
  const certainMs = Math.abs(differenceMs) - errorMs;
  const remedy = 'synchronize the clocks of both machines with NTP';
  if (certainMs > leaseMs / 2) return fail('clock', `${seen}: too much for LEASE_MS`, remedy);
  if (certainMs > CLOCK_WARN_MS) return warn('clock', seen, remedy);
  return ok('clock', seen);
}

type Attempt =
  | { readonly kind: 'ok'; readonly reply: unknown }
  | { readonly kind: 'refused'; readonly reason: string };

/** An error reply is a value; a lost connection throws. */
async function attempt(driver: RedisDriver, command: readonly string[]): Promise<Attempt> {
  try {
    return { kind: 'ok', reply: await driver.sendCommand(command) };
  } catch (error) {
    const reason = errorReason(error);
    if (!/^[A-Z]+ /.test(reason)) throw error;
    return { kind: 'refused', reason };
  }
}

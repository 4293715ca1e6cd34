import { errorReason } from '../core/reason.ts';
import type { RedisDriver } from '../ledger/redis/connection.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

const TIMEOUT_MS = 3000;
const VERSION_MIN = 7;
const CLOCK_WARN_MS = 250;
const FULL = 0.9;

/** The keys and channels of the gateway, and one of each that nobody has. */
const KEY = '{dinossauro}:doctor';
const CHANNEL = '{dinossauro}:notices:doctor';

/**
 * What the gateway asks of Redis, itself and in its functions, in forms that do nothing where there is no such key.
 * They are queued in a transaction that is then discarded: Redis checks the rights of an account as it queues.
 */
export const COMMANDS: readonly (readonly [name: string, ...args: string[]])[] = [
  ['FCALL', 'dinossauro_doctor', '1', KEY],
  ['FUNCTION', 'LOAD', 'doctor'],
  ['SUBSCRIBE', CHANNEL],
  ['PUBLISH', CHANNEL, ''],
  ['SCAN', '0'],
  ['UNLINK', KEY],
  ['DEL', KEY],
  ['EXISTS', KEY],
  ['GET', KEY],
  ['SET', KEY, '', 'XX'],
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
  ['SREM', KEY, 'm'],
  ['SPOP', KEY],
  ['SMEMBERS', KEY],
  ['TIME'],
];

/** An account without transactions is not tried for what would do something, nor for what the driver must know of. */
const ONLY_QUEUED = ['SUBSCRIBE', 'APPEND', 'HSETNX', 'SADD'];

export interface RedisParts {
  /** A driver that is not connected yet. */
  readonly driver: RedisDriver;
  readonly nowMs: () => number;
  readonly leaseMs: number;
}

/** A Redis as the ledger would find it. Nothing in it is changed. */
export async function checkRedis({ driver, nowMs, leaseMs }: RedisParts): Promise<Finding[]> {
  driver.on('error', () => {});
  const timer = setTimeout(() => driver.destroy(), TIMEOUT_MS);
  try {
    await driver.connect();
    return [
      ...(await checkServer(driver)),
      await checkRights(driver),
      await checkClock(driver, nowMs, leaseMs),
    ];
  } catch (error) {
    return [unreachable(errorReason(error))];
  } finally {
    clearTimeout(timer);
    driver.destroy();
  }
}

function unreachable(reason: string): Finding {
  const remedy = /WRONGPASS|NOAUTH/.test(reason)
    ? 'correct user and password in LEDGER_URL'
    : /ECONNREFUSED|ENOENT/.test(reason)
      ? 'nobody listens there: start Redis, or correct LEDGER_URL'
      : /certificate|self.signed/i.test(reason)
        ? 'its certificate is not trusted: name its authority in LEDGER_CA_FILE'
        : 'correct LEDGER_URL, or open the way to it';
  return fail('redis', `Redis: ${reason}`, remedy);
}

async function checkServer(driver: RedisDriver): Promise<Finding[]> {
  const info = await attempt(driver, ['INFO']);
  if (info.kind === 'refused') {
    return [
      warn(
        'redis',
        `Redis refuses INFO: ${info.reason}`,
        'give its account +info: version, log and memory are not seen',
      ),
    ];
  }
  const text = String(info.reply);
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1] ?? '';
  return [
    checkVersion(field('redis_version')),
    ...checkRole(field('role'), field('loading')),
    await checkPersistence(driver, field('aof_enabled'), field('aof_last_write_status')),
    checkMemory(field('maxmemory_policy'), Number(field('maxmemory')), Number(field('used_memory'))),
  ];
}

function checkVersion(version: string): Finding {
  if (Number.parseInt(version, 10) >= VERSION_MIN) return ok('redis', `Redis ${version}`);
  return fail('redis', `Redis ${version}`, `Redis ${VERSION_MIN} or later is needed, for its functions`);
}

function checkRole(role: string, loading: string): Finding[] {
  if (role === 'slave') return [fail('redis', 'this Redis is a replica', 'name the primary in LEDGER_URL')];
  return loading === '1' ? [warn('redis', 'Redis is loading its data', 'wait')] : [];
}

async function checkPersistence(driver: RedisDriver, isOn: string, lastWrite: string): Promise<Finding> {
  if (isOn !== '1') {
    return fail(
      'persistence',
      'no append-only file: a restart of Redis forgets the books',
      'set appendonly yes',
    );
  }
  if (lastWrite === 'err') {
    return fail(
      'persistence',
      'Redis failed to write its append-only file',
      'look at its log, and at its disk',
    );
  }
  const answer = await attempt(driver, ['CONFIG', 'GET', 'appendfsync']);
  if (answer.kind === 'refused') {
    return ok(
      'persistence',
      'append-only file; its account may not see appendfsync: everysec or always it should be',
    );
  }
  const fsync = /always|everysec|no$/.exec(textOf(answer.reply))?.[0] ?? 'unknown';
  if (fsync === 'always') return ok('persistence', 'append-only file, appendfsync always');
  if (fsync === 'everysec') {
    return ok(
      'persistence',
      'append-only file, appendfsync everysec: a crash of its machine may cost two seconds',
    );
  }
  return warn('persistence', `appendfsync ${fsync}`, 'set appendfsync everysec, or always');
}

function checkMemory(policy: string, limitBytes: number, usedBytes: number): Finding {
  const seen = `maxmemory ${limitBytes === 0 ? 'unlimited' : `${Math.round(limitBytes / 2 ** 20)} MiB`}, ${policy}`;
  if (limitBytes > 0 && policy.startsWith('allkeys')) {
    return fail('eviction', `${seen}: payments would be dropped`, 'set maxmemory-policy noeviction');
  }
  if (policy !== 'noeviction') return warn('eviction', seen, 'set maxmemory-policy noeviction');
  if (limitBytes > 0 && usedBytes > limitBytes * FULL) {
    return warn('eviction', `${seen}, nearly full`, 'raise maxmemory: when it is reached, payments wait');
  }
  return ok('eviction', seen);
}

async function checkRights(driver: RedisDriver): Promise<Finding> {
  const isQueued = (await attempt(driver, ['MULTI'])).kind === 'ok';
  const tried = isQueued ? COMMANDS : COMMANDS.filter(([name]) => !ONLY_QUEUED.includes(name));
  const refused: string[] = [];
  let trouble = '';
  for (const command of tried) {
    const answer = await attempt(driver, command);
    if (answer.kind === 'ok') continue;
    if (answer.reason.startsWith('NOPERM')) refused.push(nameOf(command));
    else if (!answer.reason.startsWith('ERR')) trouble = answer.reason;
  }
  if (isQueued) await attempt(driver, ['DISCARD']);
  if (refused.length > 0) {
    return fail(
      'rights',
      `its account may not: ${refused.join(', ')}`,
      'give it the rights that ops/redis.acl lists',
    );
  }
  if (trouble !== '')
    return fail('rights', `Redis takes nothing: ${trouble}`, 'see its log, and the findings above');
  const unseen = isQueued ? '' : `, as far as can be seen without MULTI (not ${ONLY_QUEUED.join(', ')})`;
  return ok('rights', `its account may do all that the gateway does${unseen}`);
}

function nameOf([name, first = '']: (typeof COMMANDS)[number]): string {
  return name === 'FUNCTION' ? `${name} ${first}` : name;
}

/** By how much its clock and ours differ, as well as that can be told over the way to it. */
async function checkClock(driver: RedisDriver, nowMs: () => number, leaseMs: number): Promise<Finding> {
  const beforeMs = nowMs();
  const answer = await attempt(driver, ['TIME']);
  const afterMs = nowMs();
  if (answer.kind === 'refused' || !Array.isArray(answer.reply)) {
    return warn('clock', "the clock of Redis can't be seen", 'give its account +time');
  }
  const [seconds, microseconds] = answer.reply.map((part) => Number(String(part))) as [number, number];
  const theirsMs = seconds * 1000 + microseconds / 1000;
  const doubtMs = (afterMs - beforeMs) / 2 + 1;
  const differenceMs = Math.round(theirsMs - (beforeMs + afterMs) / 2);
  const seen = `the clock of Redis is ${Math.abs(differenceMs)} ms ${differenceMs < 0 ? 'behind' : 'ahead'}`;
  const certainMs = Math.abs(differenceMs) - doubtMs;
  const remedy = 'let both machines keep their clocks by NTP';
  if (certainMs > leaseMs / 2) return fail('clock', `${seen}: leases would not hold`, remedy);
  if (certainMs > CLOCK_WARN_MS) return warn('clock', seen, remedy);
  return ok('clock', seen);
}

type Attempt =
  | { readonly kind: 'ok'; readonly reply: unknown }
  | { readonly kind: 'refused'; readonly reason: string };

/** What Redis has against a command is a finding; that it is gone is thrown. */
async function attempt(driver: RedisDriver, command: readonly string[]): Promise<Attempt> {
  try {
    return { kind: 'ok', reply: await driver.sendCommand(command) };
  } catch (error) {
    const reason = errorReason(error);
    if (!/^[A-Z]+ /.test(reason)) throw error;
    return { kind: 'refused', reason };
  }
}

/** The words of a reply, whatever it is made of. */
function textOf(reply: unknown): string {
  if (reply instanceof Map) return [...reply].flat().map(String).join(' ');
  if (Array.isArray(reply)) return reply.map(String).join(' ');
  if (typeof reply === 'object' && reply !== null && !Buffer.isBuffer(reply))
    return Object.entries(reply).flat().map(String).join(' ');
  return String(reply);
}

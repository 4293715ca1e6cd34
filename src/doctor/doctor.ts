import { type Config, readConfig } from '../config/config.ts';
import {
  demoEnvironment,
  SIMULATED_PROCESSORS,
  simulatedAddress,
  simulatesProcessors,
} from '../config/demo.ts';
import { harmfulVariables } from '../config/environment.ts';
import type { Clock } from '../core/clock.ts';
import { errorReason } from '../core/reason.ts';
import { addressOf, placeOf } from '../core/redis-url.ts';
import { slotOf } from '../ledger/redis/hash-slot.ts';
import { shardRoots } from '../ledger/redis/hash-tags.ts';
import { addedProcessors } from './added-processors.ts';
import { PENDING_LIMIT, REDIS_TIMEOUT_MS } from './ask-ledger.ts';
import { checkBooks } from './books.ts';
import { checkDirectory, checkLeftJournals, checkLmdb, checkLock, freeBytesAt } from './directory.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { checkKeys } from './keys.ts';
import { checkLimits, readLimits } from './limits.ts';
import { checkListen, gatewayAnswers } from './listen.ts';
import { checkContract, checkProcessor } from './processors.ts';
import { checkRedis, unreachable } from './redis.ts';
import { BYTES_A_PAYMENT, roomFinding } from './room.ts';
import { checkNative, checkNode } from './runtime.ts';
import { checkStranded } from './stranded.ts';
import { checkWebhooks } from './webhooks.ts';

const MIB = 2 ** 20;
/** Room for a few million payments. */
const LEDGER_ROOM_BYTES = 512 * MIB;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Checks everything that a gateway with this environment needs, one group of findings after another. Without
 * processors in the environment, it checks for `npm start`. It changes nothing, and sends no processor a request.
 */
export async function* examine(environment: Environment, clock: Clock): AsyncGenerator<readonly Finding[]> {
  yield [checkNode(process.versions)];
  yield [await checkNative('uWebSockets.js', () => import('../http/uws.ts'))];
  yield [await checkNative('lmdb', () => import('../ledger/lmdb/ledger.ts'))];
  yield harmfulVariables(environment).map((line) => warn('environment', line, ''));
  const isDemo = simulatesProcessors(environment);
  const reading = readConfig(demoEnvironment(environment));
  yield reading.warnings.map((warning) => warn('settings', warning, ''));
  if (reading.kind === 'wrong') {
    yield reading.problems.map((problem) =>
      fail('settings', problem, 'Fix this first; the other checks need valid settings.'),
    );
    return;
  }
  const { config } = reading;
  yield [
    ok(
      'settings',
      isDemo ? 'valid; no processors are set, so these are the checks for dinossauro start' : 'valid',
    ),
  ];
  yield checkKeys(config, clock.nowMs());
  yield checkLimits(readLimits(), config);
  const isRunning = await gatewayAnswers(config.listen);
  const own = await checkOwn(config, isDemo);
  yield isRunning ? own.map(excused) : own;
  yield checkDirectory({
    check: 'journal',
    path: config.journalDir,
    roomBytes: config.journalSegmentCount * MIB,
    elsewhere: 'set JOURNAL_DIR',
  });
  yield await checkLeftJournals({
    directory: config.journalDir,
    ledger: config.ledger,
    takesOver: config.takesOverJournals,
  });
  const ledgerFindings = await checkLedger(config, clock);
  yield ledgerFindings;
  if (!ledgerFindings.some(({ level }) => level === 'fail')) {
    yield await checkBooks(config, clock);
    const added = await addedProcessors(config, environment, clock);
    yield added.findings;
    yield await checkStranded({ ...config, processors: [...config.processors, ...added.targets] }, clock);
    yield await checkWebhooks(config, clock);
    yield await Promise.all(added.targets.map(checkProcessor));
  }
  yield (await Promise.all(config.processors.map(checkContract))).flat();
  if (!isDemo) yield await Promise.all(config.processors.map(checkProcessor));
}

/** Checks what a gateway cannot share: its address, its journal and the addresses of its simulated processors. */
async function checkOwn(config: Config, isDemo: boolean): Promise<Finding[]> {
  const simulated = isDemo ? SIMULATED_PROCESSORS : [];
  return [
    await checkListen('listen', config.listen, 'set LISTEN to another address'),
    await checkLock(config.journalDir),
    ...(await Promise.all(
      simulated.map((each) =>
        checkListen(
          'processor',
          simulatedAddress(each),
          `set ${each.setting} to the URL of a real processor`,
        ),
      ),
    )),
  ];
}

/** A gateway is running, so what it uses is in use: no failure, unless a second one is wanted. */
function excused(finding: Finding): Finding {
  if (finding.level !== 'fail') return finding;
  return warn(
    finding.check,
    `${finding.seen} (a gateway is running)`,
    `to run a second one: ${finding.remedy}`,
  );
}

function roomAt(path: string, retentionMs: number): Finding[] {
  const freeBytes = freeBytesAt(path);
  return freeBytes === null ? [] : [roomFinding(freeBytes, BYTES_A_PAYMENT.lmdb, retentionMs)];
}

async function checkLedger(
  { ledger, leaseMs, retentionMs }: Config,
  clock: Clock,
): Promise<readonly Finding[]> {
  if (ledger.kind === 'lmdb') {
    const elsewhere = 'set LEDGER_URL';
    const { path } = ledger;
    return [
      ...checkDirectory({ check: 'ledger', path, roomBytes: LEDGER_ROOM_BYTES, elsewhere }),
      ...(await checkLmdb(path)),
      ...roomAt(path, retentionMs),
    ];
  }
  return checkServers({ ledger, leaseMs, retentionMs, clock });
}

interface ServersParts {
  readonly ledger: Extract<Config['ledger'], { kind: 'redis' }>;
  readonly leaseMs: number;
  readonly retentionMs: number;
  readonly clock: Clock;
}

/** Checks each Redis that has a shard, where the gateways would look for it. */
async function checkServers({
  ledger,
  leaseMs,
  retentionMs,
  clock,
}: ServersParts): Promise<readonly Finding[]> {
  const { newDriver, newLocator } = await import('../ledger/redis/driver.ts');
  const { tls = {}, shardCount = 1, replicas = 0, allowsUnconfirmed = false } = ledger;
  const locator = newLocator(placeOf(ledger.url), { tls, clock, timeoutMs: REDIS_TIMEOUT_MS });
  const rootOf = new Map<string, string>();
  try {
    for (const root of shardRoots(shardCount)) {
      const url = await locator.find(slotOf(root));
      if (!rootOf.has(url)) rootOf.set(url, root);
    }
  } catch (error) {
    return [unreachable(errorReason(error))];
  }
  const { kind } = locator.place;
  const found = Array.from(rootOf, async ([url, root]) => {
    const findings = await checkRedis({
      driver: newDriver(url, tls, REDIS_TIMEOUT_MS, PENDING_LIMIT),
      root,
      isInCluster: kind === 'cluster',
      keepsEvents: ledger.outbox !== undefined,
      failsOver: kind !== 'server',
      nowMs: () => clock.nowMs(),
      leaseMs,
      retentionMs,
      replicas,
      allowsUnconfirmed,
    });
    if (kind === 'server') return findings;
    return findings.map((finding) => ({ ...finding, seen: `${addressOf(url)}: ${finding.seen}` }));
  });
  return (await Promise.all(found)).flat();
}

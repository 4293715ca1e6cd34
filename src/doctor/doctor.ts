import assert from 'node:assert/strict';
import { type Config, readConfig } from '../config/config.ts';
import {
  demoEnvironment,
  SIMULATED_PROCESSORS,
  simulatedAddress,
  simulatesProcessors,
} from '../config/demo.ts';
import { harmfulVariables } from '../config/environment.ts';
import type { Clock } from '../core/clock.ts';
import { parseRedisUrl } from '../core/redis-url.ts';
import { slotOf } from '../ledger/redis/hash-slot.ts';
import { checkBooks } from './books.ts';
import { checkDirectory, checkLeftJournals, checkLmdb, checkLock } from './directory.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { checkLimits, readLimits } from './limits.ts';
import { checkListen, gatewayAnswers } from './listen.ts';
import { checkContract, checkProcessor } from './processors.ts';
import { checkRedis } from './redis.ts';
import { checkNative, checkNode } from './runtime.ts';
import { checkStranded } from './stranded.ts';

const REDIS_TIMEOUT_MS = 3000;
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
    yield await checkStranded(config, clock);
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

async function checkLedger({ ledger, leaseMs }: Config, clock: Clock): Promise<readonly Finding[]> {
  if (ledger.kind === 'lmdb') {
    const elsewhere = 'set LEDGER_URL';
    const { path } = ledger;
    return [
      ...checkDirectory({ check: 'ledger', path, roomBytes: LEDGER_ROOM_BYTES, elsewhere }),
      ...(await checkLmdb(path)),
    ];
  }
  const place = parseRedisUrl(ledger.url);
  assert(place !== undefined, 'the URL of a ledger is valid');
  const { driversFor } = await import('../ledger/redis/driver.ts');
  const { ROOT_DEFAULT } = await import('../ledger/redis/ledger.ts');
  const newDriver = driversFor(place, slotOf(ROOT_DEFAULT), {
    tls: ledger.tls ?? {},
    timeoutMs: REDIS_TIMEOUT_MS,
    pendingLimit: 64,
    clock,
  });
  return checkRedis({
    driver: newDriver(),
    isInCluster: place.kind === 'cluster',
    failsOver: place.kind !== 'server',
    nowMs: () => clock.nowMs(),
    leaseMs,
    replicas: ledger.replicas ?? 0,
    allowsUnconfirmed: ledger.allowsUnconfirmed ?? false,
  });
}

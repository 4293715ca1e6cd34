import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { type Config, readConfig } from './config/config.ts';
import { openFileLimit, shareDescriptors } from './config/descriptors.ts';
import { sanitizeEnvironment } from './config/environment.ts';
import { formatAddress } from './core/address.ts';
import { LATE, systemClock, within } from './core/clock.ts';
import { collectGarbage } from './core/garbage.ts';
import { countDroppedLines, createLogger, type Log } from './core/log.ts';
import { isSetupError } from './core/setup-error.ts';
import { onStopRequest, type StopCause } from './core/stop-request.ts';
import { hasBlockedThread } from './core/thread.ts';
import { type HttpServer, openHttpServer } from './http/http-server.ts';
import type { Listener } from './http/uws.ts';
import { lockDirectory } from './journal/directory-lock.ts';
import { markLedger, otherLedger } from './journal/ledger-mark.ts';
import { LeftJournalWatch, takeOverJournals } from './journal/left-behind.ts';
import { Recovery } from './journal/recovery.ts';
import { journalFileCount, replay } from './journal/replay.ts';
import { continuesLedger, enterLedger } from './ledger/open.ts';
import { Pool } from './pool/pool.ts';
import type { PoolTask } from './pool/worker.ts';
import { openCallbackReader, openCallbackReaders } from './processor/callback-readers.ts';
import { allocateSharedMemory, RECORDS_PER_SEGMENT } from './shared-memory/allocate.ts';
import { IdempotencyCache } from './shared-memory/idempotency-cache.ts';
import { MetricsTable } from './shared-memory/metrics-table.ts';
import { Ring } from './shared-memory/ring.ts';
import { SegmentTable } from './shared-memory/segment-table.ts';
import { SharedState } from './shared-memory/state.ts';

/** Payments accepted between the removal of the lock and its discovery are lost if this process crashes as well. */
const LOCK_CHECK_MS = 1000;
const SESSION_SECRET_BYTES = 32;
/** How long the HTTP threads may take to close. Each waits a second at most for what is still being written. */
const HTTP_CLOSE_MS = 3000;

// Composition root of one gateway instance. Settings come from the environment; a signal stops it.
const reading = readConfig(process.env);
if (reading.kind === 'wrong') {
  for (const line of [...reading.problems, ...reading.warnings]) console.error(`dinossauro: ${line}`);
  process.exit(1);
}
const log = createLogger(reading.config.logLevel, { instance: reading.config.instanceId });
for (const line of [...reading.warnings, ...sanitizeEnvironment(process.env)]) log.warn({}, line);
// Nothing has been accepted yet, so there is nothing to finish.
onStopRequest((signal) => {
  log.info({ signal }, 'stopped before listening');
  process.exit(0);
});
await run(reading.config, log);

async function run(configured: Config, log: Log): Promise<void> {
  const { journalDir } = configured;
  // libuv starts its threads on first use and aborts the process if it cannot. Do that before anything is accepted.
  await stat('/');
  const lock = await lockDirectory(journalDir, systemClock);
  if (lock.kind !== 'locked') fail(`JOURNAL_DIR=${journalDir}: ${lock.reason}`);
  const other = otherLedger(journalDir, configured.ledger);
  const parts = { clock: systemClock, random: Math.random };
  const isContinued = other !== null && (await continuesLedger(configured.ledger, other, parts));
  const mismatch = markLedger(journalDir, configured.ledger, isContinued);
  if (mismatch !== null) fail(`JOURNAL_DIR=${journalDir}: ${mismatch}`);
  const entered = await enterLedger(configured.ledger, parts);
  if (entered.kind === 'failed') fail(entered.reason);
  const release = () => {
    entered.leave();
    lock.release();
  };
  process.once('exit', release);
  const neighbourhood = {
    directory: journalDir,
    ledger: configured.ledger,
    takesOver: configured.takesOverJournals,
  };
  for (const taken of await takeOverJournals(neighbourhood, RECORDS_PER_SEGMENT, systemClock)) {
    if (taken.failure === null) log.info({ ...taken }, 'took over the journal of another instance');
    else log.error({ ...taken }, 'the journal of another instance cannot be taken over');
  }
  const share = shareDescriptors(configured, openFileLimit());
  if (share.reduced.length > 0) {
    const { reduced, wantedLimit } = share;
    log.warn({ reduced, wantedLimit }, 'the open-file limit (ulimit -n) is too low: limits reduced');
  }
  const shared = allocateSharedMemory(configured, journalFileCount(journalDir));
  const sharedState = new SharedState(shared.state, shared.shape);
  countDroppedLines((lineCount) => sharedState.countDroppedLines(lineCount));
  const metricsTable = new MetricsTable(shared.metricsTable, shared.shape);
  const ring = new Ring(shared.ring);
  const segments = new SegmentTable(shared.segments);
  const replayed = replay(journalDir, segments);
  if (replayed.kind === 'failed') fail(`JOURNAL_DIR=${journalDir}: ${replayed.reason}`);
  if (replayed.damaged.length > 0) log.error({ damaged: replayed.damaged }, 'journal has damaged records');
  if (replayed.recordCount > 0) log.info({ ...replayed, damaged: undefined }, 'journal replayed');

  // After a crash payments are waiting, so the warm-up is skipped.
  const warmUpPayments = replayed.recordCount === 0 ? configured.warmUpPayments : 0;
  const { maxConnections, callsMax, processors } = share;
  const sessionSecret = configured.sessionSecret || randomBytes(SESSION_SECRET_BYTES).toString('hex');
  const config = { ...configured, maxConnections, callsMax, processors, warmUpPayments, sessionSecret };
  const recovery = new Recovery({
    directory: journalDir,
    segments,
    idempotencyCache: new IdempotencyCache(shared.idempotencyCache),
    ring,
    clock: systemClock,
    log,
    stopping: () => sharedState.stopping,
    journalAccepts: config.acceptDurability === 'journal',
  });
  recovery.fillCache();
  const pool = new Pool({
    threadCount: config.poolThreadCount,
    taskOf: (thread, isFirst): PoolTask => ({ thread, config, shared, isFirst }),
    onDeath: (thread) => {
      const metrics = metricsTable.thread(thread);
      metrics.count('deaths');
      metrics.clearGauges();
      sharedState.threadDied(thread);
      void recovery.pushAgain();
    },
    onSetupError: (line) => {
      console.error(`dinossauro: ${line}`);
      void endAtOnce(pool);
    },
    cutOff: () => sharedState.cutOff(),
    clock: systemClock,
    log,
  });
  const onDeath = (error: unknown): Promise<never> => {
    log.error({ err: error }, 'an HTTP thread died: exiting');
    return endAtOnce(pool);
  };
  const httpServer = await openCallbackReaders(config.processors)
    .then((readers) => {
      const contracts = { readers, open: openCallbackReader };
      return openHttpServer({
        config,
        shared,
        clock: systemClock,
        log,
        contracts,
        onDeath: (error) => void onDeath(error),
      });
    })
    .catch((error: unknown) => (isSetupError(error) ? fail(error.message) : onDeath(error)));
  collectGarbage();
  pool.start();
  const listened = await httpServer.listen();
  if (listened.kind === 'failed') {
    fail(`LISTEN: ${listened.reason}; choose another address, or run dinossauro doctor`);
  }
  // Tells a parent process with an IPC channel, such as `npm start`.
  process.send?.('listening', () => {});
  void recovery.pushAgain();
  void new LeftJournalWatch({ neighbourhood, sharedState, clock: systemClock, log }).run();
  const { listener } = listened;
  log.info({ listen: formatAddress(listener.address), ledger: config.ledger.kind }, 'gateway listens');

  const running = { config, sharedState, ring, pool, httpServer, listener, release, log };
  onStopRequest((cause) => void stop(cause, running));
  const lockCheck = setInterval(() => {
    if (lock.isHeld() || sharedState.stopping) return;
    clearInterval(lockCheck);
    void stop('lock lost', running);
  }, LOCK_CHECK_MS);
}

interface Running {
  readonly config: Config;
  readonly sharedState: SharedState;
  readonly ring: Ring;
  readonly pool: Pool;
  readonly httpServer: HttpServer;
  readonly listener: Listener;
  /** Releases the journal and the ledger. */
  readonly release: () => void;
  readonly log: Log;
}

/**
 * Shutdown: fail readiness, stop listening, drain, exit. Payments that are left are in the journal or claimed, and are
 * settled after the next start.
 */
async function stop(cause: StopCause | 'lock lost', running: Running): Promise<never> {
  const { config, sharedState, ring, pool, httpServer, listener, release, log } = running;
  if (cause === 'lock lost') {
    const { journalDir } = config;
    log.error({ journalDir }, 'the journal lock was removed: settling accepted payments, then exiting');
  } else {
    log.info({ signal: cause }, 'stopping');
  }
  sharedState.stop();
  listener.close();
  ring.wakeAll();
  const outcome = await pool.stop(config.stopTimeoutMs);
  const isClosed =
    outcome !== 'stuck' && (await within(systemClock, HTTP_CLOSE_MS, httpServer.close())) !== LATE;
  if (!isClosed || hasBlockedThread()) {
    log.error({ waiting: ring.size }, 'a thread is blocked on a ledger lock: killing this process');
    release();
    killThisProcess();
  }
  log.info({ outcome, waiting: ring.size }, 'stopped');
  process.exit(cause === 'lock lost' ? 1 : 0);
}

/** Ends threads that may be writing to the ledger before the process, which LMDB may otherwise never let end. */
async function endAtOnce(pool: Pool): Promise<never> {
  if ((await pool.stop(0)) === 'stuck') killThisProcess();
  process.exit(1);
}

/** Node would wait for a thread that is blocked, also in `process.exit`. */
function killThisProcess(): void {
  process.kill(process.pid, 'SIGKILL');
}

function fail(line: string): never {
  console.error(`dinossauro: ${line}`);
  process.exit(1);
}

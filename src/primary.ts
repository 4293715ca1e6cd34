import { type Config, readConfig } from './config/config.ts';
import { formatAddress } from './core/address.ts';
import { systemClock } from './core/clock.ts';
import { createLogger, type Log } from './core/log.ts';
import { isSetupError } from './core/setup-error.ts';
import { type HttpFront, openFront } from './http/http-server.ts';
import type { Listener } from './http/uws.ts';
import { lockDirectory } from './journal/directory-lock.ts';
import { Recovery } from './journal/recovery.ts';
import { journalFileCount, replay } from './journal/replay.ts';
import { enterLedger } from './ledger/open.ts';
import { Pool } from './pool/pool.ts';
import type { PoolTask } from './pool/worker.ts';
import { allocateSharedMemory } from './shared-memory/allocate.ts';
import { Recent } from './shared-memory/idempotency-cache.ts';
import { Meters } from './shared-memory/metrics-table.ts';
import { Ring } from './shared-memory/ring.ts';
import { Segments } from './shared-memory/segment-table.ts';
import { Board } from './shared-memory/state.ts';

// Composition root of one instance of the gateway: its settings come from the environment, it ends by a signal.
const reading = readConfig(process.env);
if (reading.kind === 'wrong') {
  for (const line of reading.problems) console.error(`dinossauro: ${line}`);
  process.exit(1);
}
const log = createLogger(reading.config.logLevel, { instance: reading.config.instanceId });
await run(reading.config, log);

async function run(configured: Config, log: Log): Promise<void> {
  const { journalDir } = configured;
  const lock = await lockDirectory(journalDir, systemClock);
  if (lock.kind !== 'locked') fail(`JOURNAL_DIR=${journalDir}: ${lock.reason}`);
  const entered = await enterLedger(configured.ledger, { clock: systemClock, random: Math.random });
  if (entered.kind === 'failed') fail(entered.reason);
  const shared = allocateSharedMemory(configured, journalFileCount(journalDir));
  const board = new Board(shared.board, shared.boardShape);
  const meters = new Meters(shared.meters, shared.boardShape);
  const ring = new Ring(shared.ring);
  const segments = new Segments(shared.segments);
  const replayed = replay(journalDir, segments);
  if (replayed.kind === 'failed') fail(`JOURNAL_DIR=${journalDir}: ${replayed.reason}`);
  if (replayed.damaged.length > 0) log.error({ damaged: replayed.damaged }, 'journal has damaged records');
  if (replayed.recordCount > 0) log.info({ ...replayed, damaged: undefined }, 'journal replayed');

  // After a crash payments are waiting, and compiled code is not worth their time.
  const config = replayed.recordCount === 0 ? configured : { ...configured, warmUpPayments: 0 };
  const recovery = new Recovery({
    directory: journalDir,
    segments,
    recent: new Recent(shared.recent),
    ring,
    clock: systemClock,
    log,
    stopping: () => board.stopping,
    journalAccepts: config.acceptDurability === 'journal',
  });
  recovery.remember();
  const pool = new Pool({
    threadCount: config.poolThreadCount,
    taskOf: (thread, isFirst): PoolTask => ({ thread, config, shared, isFirst }),
    onDeath: (thread) => {
      const sheet = meters.sheet(thread);
      sheet.count('deaths');
      sheet.clearGauges();
      board.threadDied(thread);
      void recovery.pushAgain();
    },
    log,
  });
  const front = await openFront({
    config,
    shared,
    clock: systemClock,
    log,
    onDeath: (error) => fail(lineOf(error)),
  }).catch((error: unknown) => {
    if (isSetupError(error)) fail(error.message);
    throw error;
  });
  pool.start();
  const listened = await front.listen();
  if (listened.kind === 'failed') {
    fail(`LISTEN: ${listened.reason}; set another one, or see what dinossauro doctor says`);
  }
  // To what has started this process and joined itself to it, if anything has.
  process.send?.('listening', () => {});
  void recovery.pushAgain();
  const { listener } = listened;
  log.info({ listen: formatAddress(listener.address), ledger: config.ledger.kind }, 'gateway listens');

  const signal = await new Promise<Signal>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
    // What started this process, and joined itself to it by a channel, is no more.
    process.once('disconnect', () => resolve('disconnect'));
  });
  const release = () => {
    entered.leave();
    lock.release();
  };
  await stop(signal, { config, board, ring, pool, front, listener, release, log });
}

type Signal = NodeJS.Signals | 'disconnect';

interface Running {
  readonly config: Config;
  readonly board: Board;
  readonly ring: Ring;
  readonly pool: Pool;
  readonly front: HttpFront;
  readonly listener: Listener;
  readonly release: () => void;
  readonly log: Log;
}

/** Not ready, then deaf, then drained, then gone. What is left is in the journal or claimed, for the next start. */
async function stop(signal: Signal, running: Running): Promise<never> {
  const { config, board, ring, pool, front, listener, release, log } = running;
  log.info({ signal }, 'stopping');
  board.stop();
  listener.close();
  ring.wakeAll();
  const outcome = await pool.stop(config.stopTimeoutMs);
  if (outcome === 'stuck') {
    log.error({ waiting: ring.size }, 'a thread waits for a lock of the ledger: this process kills itself');
    release();
    // Node would wait for that thread, also in `process.exit`.
    process.kill(process.pid, 'SIGKILL');
  }
  await front.close();
  release();
  log.info({ outcome, waiting: ring.size }, 'stopped');
  process.exit(0);
}

function lineOf(error: unknown): string {
  return isSetupError(error) ? error.message : String(error);
}

function fail(line: string): never {
  console.error(`dinossauro: ${line}`);
  process.exit(1);
}

import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { makeDirectory } from '../core/directory.ts';
import type { Log } from '../core/log.ts';
import { MemoryLedger } from '../ledger/memory/ledger.ts';
import { allocateSharedMemory, RECORDS_PER_SEGMENT } from '../shared-memory/allocate.ts';
import { propagationOnlyTracer } from '../tracing/open.ts';
import { NO_CONTRACTS } from './callbacks.ts';
import { HttpThread } from './thread.ts';
import { listen } from './uws.ts';

/** Requests in one packet. Pipelining is safe because each handler responds before it returns. */
const PIPELINED = 20;
const LEAST_CAPACITY = 1024;

/**
 * Sends `config.warmUpPayments` payments through a temporary HTTP thread with its own ledger, journal and shared memory,
 * so that the code is compiled before the first real payment. A failure is only logged.
 */
export async function warmUpHttp(index: number, config: Config, clock: Clock, log: Log): Promise<void> {
  if (config.warmUpPayments === 0) return;
  const journalDir = join(config.journalDir, `warm-up-${index}`);
  try {
    makeDirectory(journalDir);
    await postAll(warmUpConfig(config, journalDir), clock, log);
    rmSync(journalDir, { recursive: true });
  } catch (error) {
    log.warn({ err: error }, 'warm-up failed');
  }
}

/** Has room for every payment, because no pool takes any. */
function warmUpConfig(config: Config, journalDir: string): Config {
  const queueCapacity = 2 ** Math.ceil(Math.log2(Math.max(LEAST_CAPACITY, config.warmUpPayments)));
  const journalSegmentCount = 2 + Math.floor(config.warmUpPayments / RECORDS_PER_SEGMENT);
  return {
    ...config,
    journalDir,
    queueCapacity,
    journalSegmentCount,
    acceptDurability: 'journal',
    paymentsAccess: 'open',
    apiKeys: { file: '', listed: [], admin: [] },
  };
}

async function postAll(config: Config, clock: Clock, log: Log): Promise<void> {
  const ledger = new MemoryLedger(config.processors.map(({ name }) => name));
  const shared = allocateSharedMemory(config, 0);
  const thread = new HttpThread({
    index: 0,
    config,
    shared,
    clock,
    log,
    ledger,
    leases: [],
    tracer: propagationOnlyTracer,
    contracts: NO_CONTRACTS,
    webhooks: null,
  });
  try {
    const listened = await listen(thread.app, { kind: 'tcp', host: '127.0.0.1', port: 0 });
    if (listened.kind === 'failed') throw new Error(listened.reason);
    const { address } = listened.listener;
    if (address.kind !== 'tcp') throw new Error('expected a TCP address');
    await converse(connect(address.port, address.host), config.warmUpPayments);
    listened.listener.close();
  } finally {
    await thread.close();
  }
}

/** Posts `count` payments over one connection, one packet at a time, and waits for all responses. */
function converse(socket: Socket, count: number): Promise<void> {
  let sent = 0;
  let answered = 0;
  const sendMore = () => {
    const packet: string[] = [];
    while (packet.length < PIPELINED && sent < count) packet.push(post(sent++));
    socket.write(packet.join(''));
  };
  return new Promise((resolve, reject) => {
    socket.setEncoding('latin1');
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.once('connect', sendMore);
    socket.on('data', (text: string) => {
      answered += text.split('HTTP/1.1 ').length - 1;
      if (answered >= count) {
        resolve();
        socket.destroy();
      } else if (answered >= sent) sendMore();
    });
  });
}

/** Ids of all digits, and amounts with none, one and two decimal places. */
function post(number: number): string {
  const body = JSON.stringify({ correlationId: randomUUID(), amount: (1000 + number) / 100 });
  return `POST /payments HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

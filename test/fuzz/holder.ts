import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

/** The task of a thread that holds connections. */
export interface Holding {
  readonly port: number;
  readonly connections: number;
}

/** Its report, once a second. */
export interface Held {
  /** Connections open now. */
  readonly openCount: number;
  /** Connections that the server has closed so far; each was reopened. */
  readonly closedCount: number;
}

/** Low enough that opening them does not itself slow the honest client. */
const OPEN_PER_TICK = 40;
const TICK_MS = 20;
const DRIP_MS = 1_000;
const REPORT_MS = 1_000;

const WHOLE = 'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n';
const HEAD = 'GET /livez HTTP/1.1\r\nHost: a\r\n';
const BODY = 'POST /payments HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n';
/** What each connection sends first, and whether it continues byte by byte. */
const WAYS = [
  { beginning: '', drips: false },
  { beginning: WHOLE, drips: false },
  { beginning: HEAD, drips: true },
  { beginning: BODY, drips: true },
] as const;

const { port, connections } = workerData as Holding;
let wanted = connections;
let openCount = 0;
let closedCount = 0;
let opened = 0;

setInterval(() => {
  for (let count = 0; count < OPEN_PER_TICK && wanted > 0; count++) hold(opened++);
}, TICK_MS);
setInterval(() => parentPort?.postMessage({ openCount, closedCount } satisfies Held), REPORT_MS);

/**
 * A quarter of the connections send nothing, a quarter send one request, and the others send headers or a body at one
 * byte per second. A connection that the server closes is reopened.
 */
function hold(number: number): void {
  wanted--;
  const localAddress = `127.20.${Math.floor(number / 200) % 250}.${(number % 200) + 1}`;
  const way = WAYS[number % WAYS.length] ?? WAYS[0];
  const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true });
  let dripping: NodeJS.Timeout | undefined;
  let wasOpen = false;
  socket.on('connect', () => {
    openCount++;
    wasOpen = true;
    socket.write(way.beginning);
    if (way.drips) dripping = setInterval(() => socket.write('x'), DRIP_MS);
  });
  socket.on('data', () => {});
  socket.on('error', () => {});
  socket.on('close', () => {
    clearInterval(dripping);
    if (wasOpen) {
      openCount--;
      closedCount++;
    }
    wanted++;
  });
}

import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

/** What a thread that holds connections is told. */
export interface Holding {
  readonly port: number;
  readonly connections: number;
}

/** What it says, once a second. */
export interface Held {
  /** Open, at this moment. */
  readonly openCount: number;
  /** Closed by the server so far; each was opened again. */
  readonly closedCount: number;
}

const OPEN_PER_TICK = 50;
const TICK_MS = 20;
const DRIP_MS = 1_000;
const REPORT_MS = 1_000;

const HEAD = 'GET /livez HTTP/1.1\r\nHost: a\r\n';
const BODY = 'POST /payments HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n';
/** What each connection begins with. An idle one never says anything. */
const BEGINNINGS = ['', '', HEAD, BODY] as const;

const { port, connections } = workerData as Holding;
let wanted = connections;
let openCount = 0;
let closedCount = 0;
let opened = 0;

setInterval(() => {
  for (let count = 0; count < OPEN_PER_TICK && wanted > 0; count++) hold(opened++);
}, TICK_MS);
setInterval(() => parentPort?.postMessage({ openCount, closedCount } satisfies Held), REPORT_MS);

/** Half are idle, a quarter drips headers and a quarter a body, a byte a second. What the server closes is opened again. */
function hold(number: number): void {
  wanted--;
  const localAddress = `127.20.${Math.floor(number / 200) % 250}.${(number % 200) + 1}`;
  const beginning = BEGINNINGS[number % BEGINNINGS.length] ?? '';
  const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true });
  let dripping: NodeJS.Timeout | undefined;
  let wasOpen = false;
  socket.on('connect', () => {
    openCount++;
    wasOpen = true;
    if (beginning === '') return;
    socket.write(beginning);
    dripping = setInterval(() => socket.write('x'), DRIP_MS);
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

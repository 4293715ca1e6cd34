import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { listenLocally } from '../listen-locally.ts';
import { Random } from '../sim/random.ts';
import { freePort } from '../system/port.ts';
import { Link, type LinkFault } from './link.ts';

const ALWAYS = 1;

interface Ends {
  readonly link: Link;
  /** The caller's end of the link. */
  connect(): Promise<Caller>;
  /** The text received at the far end. */
  arrived(): string;
}

interface Caller {
  readonly socket: Socket;
  readonly ended: Promise<Ended>;
}

/** The text received until the connection ended, and the error that ended it. */
interface Ended {
  readonly text: string;
  readonly code: string | undefined;
}

/** A link to a server that answers each chunk in capitals. */
async function withRoad(use: (ends: Ends) => Promise<void>): Promise<void> {
  let arrived = '';
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.setEncoding('latin1').on('data', (text: string) => {
      arrived += text;
      socket.write(text.toUpperCase());
    });
  });
  const link = await Link.before(await listenLocally(server), await freePort(), new Random(1));
  try {
    await use({ link, connect: () => call(link.port), arrived: () => arrived });
  } finally {
    await link.close();
    server.close();
    await once(server, 'close');
  }
}

async function call(port: number): Promise<Caller> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let code: string | undefined;
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code;
  });
  const ended = new Promise<Ended>((resolve) => socket.once('close', () => resolve({ text, code })));
  await Promise.race([new Promise((resolve) => socket.once('connect', resolve)), ended]);
  return { socket, ended };
}

function under(fault: LinkFault, what: string, check: (ends: Ends) => Promise<void>): void {
  test(`${fault.kind}: ${what}`, () =>
    withRoad(async (ends) => {
      await ends.link.setFault(fault);
      await check(ends);
    }));
}

under({ kind: 'none' }, 'request and answer arrive', async (ends) => {
  const { socket, ended } = await ends.connect();
  socket.write('hello');
  await once(socket, 'data');
  socket.end();
  assert.equal(await ended, { text: 'HELLO', code: undefined });
});

under({ kind: 'delay', delayMs: 20 }, 'everything arrives late and in order', async (ends) => {
  const { socket, ended } = await ends.connect();
  socket.write('one');
  await ends.link.setFault({ kind: 'none' });
  socket.write('two');
  while (socket.bytesRead < 6) await once(socket, 'data');
  socket.end();
  assert.equal(await ended, { text: 'ONETWO', code: undefined });
});

under({ kind: 'delay', delayMs: 60_000 }, 'data whose sender has given up never arrives', async (ends) => {
  const { socket, ended } = await ends.connect();
  socket.write('hello', () => socket.destroy());
  await ended;
  assert.is(ends.arrived(), '');
});

under({ kind: 'reset', rate: ALWAYS }, 'a chunk is lost with its connection', async (ends) => {
  const { socket, ended } = await ends.connect();
  socket.write('hello');
  assert.equal(await ended, { text: '', code: 'ECONNRESET' });
  assert.is(ends.arrived(), '');
});

under({ kind: 'cut', rate: ALWAYS }, 'half of the answer arrives, then the connection ends', async (ends) => {
  const { socket, ended } = await ends.connect();
  socket.write('four');
  assert.equal(await ended, { text: 'FO', code: undefined });
  assert.is(ends.arrived(), 'four');
});

under({ kind: 'away' }, 'connections are refused until the link is back', async (ends) => {
  assert.is((await (await ends.connect()).ended).code, 'ECONNREFUSED');
  await ends.link.setFault({ kind: 'none' });
  const { ended } = await ends.connect();
  await ends.link.setFault({ kind: 'away' });
  assert.is((await ended).code, 'ECONNRESET');
});

test.run();

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_CONTRACTS } from '../../src/http/callbacks.ts';
import { Dashboard } from '../../src/http/dashboard.ts';
import { HttpThread } from '../../src/http/thread.ts';
import { createApp } from '../../src/http/uws.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { allocateSharedMemory } from '../../src/shared-memory/allocate.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { Ring } from '../../src/shared-memory/ring.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { assertKept } from '../contract/kept.ts';
import { KeptLog } from '../kept-log.ts';
import { keyringOf } from '../keyring.ts';
import { ManualClock, rest } from '../manual-clock.ts';
import { configIn } from '../settings.ts';
import { pause, until } from '../system/until.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { type Served, serveHere } from './served.ts';

const TOKEN = 'a-token-of-16-ch';
const SOON_MS = 5000;

interface Heard {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** An HTTP thread with a dashboard. */
class World {
  readonly clock = new ManualClock();
  readonly #directory = temporaryDirectory();
  readonly #sockets: WebSocket[] = [];
  #thread: HttpThread | null = null;
  #listener: Served | null = null;
  port = 0;

  static async open(settings: Record<string, string>): Promise<World> {
    const world = new World();
    const config = configIn(world.#directory, settings);
    const shared = allocateSharedMemory(config, 0);
    const thread = await HttpThread.open(0, config, shared, world.clock, new KeptLog(), NO_CONTRACTS);
    world.#thread = thread;
    world.#listener = await serveHere(thread.app);
    world.port = world.#listener.port;
    return world;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async ask(path: string, headers: Record<string, string> = {}, method = 'GET', body = ''): Promise<Heard> {
    const heard = await new Promise<Heard>((resolve, reject) => {
      const asking = request(`${this.origin}${path}`, { method, headers, agent: false });
      asking.once('error', reject);
      // The connection was upgraded to a WebSocket.
      asking.once('upgrade', (response, socket) => {
        socket.destroy();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: '' });
      });
      asking.once('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => {
          text += part;
        });
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
      });
      asking.end(body);
    });
    const named = new Map(Object.entries(heard.headers).map(([name, value]) => [name, String(value)]));
    assertKept({ method, target: path, ...heard, headers: named });
    return heard;
  }

  /** The gateway's response to a request to watch. */
  knock(headers: Record<string, string> = {}): Promise<Heard> {
    return this.ask('/dashboard/live', { ...handshake, ...headers });
  }

  /** A viewer, and the messages it has received. */
  async watch(): Promise<{ socket: WebSocket; heard: { kind: string }[] }> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.port}/dashboard/live`);
    this.#sockets.push(socket);
    const heard: { kind: string }[] = [];
    socket.onmessage = ({ data }) => heard.push(JSON.parse(data));
    await until('the hello and the first frame', SOON_MS, () => heard.length >= 2);
    return { socket, heard };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    this.#listener?.close();
    await this.#thread?.close();
  }
}

const handshake = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

function suiteOf(name: string, settings: Record<string, string>) {
  const test = suite<{ world: World }>(name);
  test.before.each(async (context) => {
    context.world = await World.open(settings);
  });
  test.after.each(({ world }) => world.close());
  return test;
}

function slugOf({ body }: Heard): string {
  return JSON.parse(body).type.replace('/errors#', '');
}

const off = suiteOf('dashboard, off', { DASHBOARD_ACCESS: 'off' });
off('the routes do not exist', async ({ world }) => {
  for (const path of ['/', '/dashboard', '/dashboard/main.js', '/dashboard/live'])
    assert.is(slugOf(await world.ask(path)), 'no-such-route');
  assert.is(slugOf(await world.knock()), 'no-such-route');
});
off.run();

const loopback = suiteOf('dashboard, on loopback', {});
loopback('the page and its files have headers that restrict them to the gateway', async ({ world }) => {
  const pages = await Promise.all(
    ['', '/payments', '/webhooks'].map((page) => world.ask(`/dashboard${page}`)),
  );
  for (const page of pages) {
    assert.is(page.status, 200);
    assert.is(page.headers['content-type'], 'text/html; charset=utf-8');
    assert.match(String(page.headers['content-security-policy']), /default-src 'none'.*connect-src 'self';/);
    for (const once of [/<!doctype html>/g, /<title>/g, /<main id="main"/g, /<dialog id="help"/g])
      assert.is(page.body.match(once)?.length, 1, String(once));
    assert.not.match(page.body, /<!-- /, 'no place of the shell is left');
  }
  const paths = Array.from(
    pages
      .map(({ body }) => body)
      .join('')
      .matchAll(/(?:href|src)="(\/dashboard\/[^"]+\.(?:css|js))"/g),
    ([, path = '']) => path,
  );
  assert.ok(paths.length >= 4);
  for (const path of paths) {
    const file = await world.ask(path);
    assert.is(file.status, 200, path);
    assert.match(
      String(file.headers['content-type']),
      path.endsWith('.css') ? /^text\/css/ : /^text\/javascript/,
    );
    assert.is(file.headers['x-content-type-options'], 'nosniff');
  }
});
loopback('the address of the gateway leads a browser to the page', async ({ world }) => {
  for (const method of ['GET', 'HEAD']) {
    const { status, headers } = await world.ask('/', {}, method);
    assert.equal([status, headers.location, headers['cache-control']], [302, '/dashboard', 'no-store']);
  }
  assert.is((await world.ask('/', {}, 'POST')).status, 405);
  assert.is(slugOf(await world.ask('/', { Via: '1.1 proxy' })), 'loopback-only');
});
loopback('other files are not served, nor are pages by their file names', async ({ world }) => {
  for (const path of [
    '',
    'index.html',
    'payments.html',
    'shell.html',
    'sign-in.html',
    'none.js',
    '..%2ffeed.ts',
    'uplot.d.ts',
    'live',
  ]) {
    assert.is((await world.ask(`/dashboard/${path}`)).status, 404, path);
  }
  assert.is((await world.ask('/dashboard', {}, 'POST')).status, 405);
  assert.is(
    (await world.ask('/dashboard/session', {}, 'POST')).status,
    405,
    'there is nothing to sign in to',
  );
});
loopback('every module that a page imports is served', async ({ world }) => {
  const seen = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    if (seen.has(name)) return;
    seen.add(name);
    const { status, body } = await world.ask(`/dashboard/${name}`);
    assert.is(status, 200, name);
    for (const [, next = ''] of body.matchAll(/^import .* from '\.\/(.+)';$/gm)) await visit(next);
  };
  await visit('main.js');
  await visit('payments.js');
  assert.ok(seen.size > 5);
});
loopback(
  'requests through a proxy, with another host or from another origin are refused',
  async ({ world }) => {
    for (const headers of [
      { Via: '1.1 proxy' },
      { Host: 'gateway.example' },
      { Origin: 'http://evil.example' },
    ]) {
      assert.is((await world.ask('/dashboard', headers)).status, 403);
      assert.is(slugOf(await world.knock(headers)), 'loopback-only');
    }
    assert.is((await world.knock({ Origin: world.origin })).status, 101);
  },
);
loopback('a viewer gets a hello, then a frame every second', async ({ world }) => {
  const { heard } = await world.watch();
  assert.equal(
    heard.map(({ kind }) => kind),
    ['hello', 'frame'],
  );
  world.clock.pass(1000);
  await until('the next frame', SOON_MS, () => heard.length === 3);
});
loopback('a viewer that sends a message is disconnected', async ({ world }) => {
  const { socket } = await world.watch();
  const closed = once(socket, 'close');
  socket.send('more than nothing');
  await closed;
});
loopback('nothing runs without viewers', async ({ world }) => {
  const before = world.clock.pending;
  const [one, other] = [await world.watch(), await world.watch()];
  assert.is(world.clock.pending, before + 1, 'one timer for both');
  one.socket.close();
  other.socket.close();
  await until('the timer to go', SOON_MS, () => world.clock.pending === before);
});
loopback('a viewer that leaves before its feed is loaded leaves nothing behind', async ({ world }) => {
  const before = world.clock.pending;
  assert.is((await world.knock()).status, 101);
  await pause(50);
  await rest();
  assert.is(world.clock.pending, before);
});
loopback('a viewer that does not read is disconnected, and its messages are discarded', async ({ world }) => {
  const before = world.clock.pending;
  const socket = connect(world.port, '127.0.0.1');
  const lines = Object.entries({ Host: `127.0.0.1:${world.port}`, ...handshake }).map((pair) =>
    pair.join(': '),
  );
  socket.write(`GET /dashboard/live HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  await once(socket, 'data');
  socket.pause();
  await until('the viewer to be counted', SOON_MS, () => world.clock.pending === before + 1);
  for (let turn = 0; turn < 200 && world.clock.pending > before; turn++) {
    world.clock.pass(100_000);
    await rest();
  }
  assert.is(world.clock.pending, before, 'the feed has stopped');
  socket.destroy();
});
loopback.run();

const few = suiteOf('dashboard, for two', { DASHBOARD_VIEWERS: '2' });
few('a viewer beyond the limit is told to try again later', async ({ world }) => {
  const { socket } = await world.watch();
  await world.watch();
  const refused = await world.knock();
  assert.is(refused.status, 503);
  assert.is(slugOf(refused), 'viewers-limit');
  assert.is(refused.headers['retry-after'], '10');
  socket.close();
  await until('a free place', SOON_MS, async () => (await world.knock()).status === 101);
});
few.run();

const token = suiteOf('dashboard, by token', { DASHBOARD_ACCESS: 'token', ADMIN_TOKEN: TOKEN });
token('a request with the token gets the page; others get the sign-in page', async ({ world }) => {
  const bearer = { Authorization: `Bearer ${TOKEN}` };
  assert.match((await world.ask('/dashboard', bearer)).body, /<dl id="now">/);
  assert.is((await world.knock(bearer)).status, 101);
  const stranger = await world.ask('/dashboard');
  assert.is(stranger.status, 401);
  assert.match(stranger.headers['www-authenticate'] ?? '', /^Bearer/);
  assert.match(stranger.body, /<form [^>]*action="\/dashboard\/session"/);
  assert.is(slugOf(await world.knock()), 'token-required');
  assert.is((await world.ask('/dashboard/page.css')).status, 200, 'files hold no figures');
});
token('a browser signs in with the form, and then uses its session', async ({ world }) => {
  const form = { 'Content-Type': 'application/x-www-form-urlencoded', Origin: world.origin };
  const signedIn = await world.ask('/dashboard/session', form, 'POST', `token=${TOKEN}`);
  assert.is(signedIn.status, 303);
  assert.is(signedIn.headers.location, '/dashboard');
  const [cookie = ''] = (signedIn.headers['set-cookie']?.[0] ?? '').split(';');
  assert.match((await world.ask('/dashboard', { Cookie: cookie })).body, /<dl id="now">/);
  assert.is((await world.knock({ Cookie: cookie, Origin: world.origin })).status, 101);
  const elsewhere = await world.knock({ Cookie: cookie, Origin: 'http://evil.example' });
  assert.is(slugOf(elsewhere), 'other-origin');
});
token(
  'signing in fails with a wrong token, a body that is too large, or from another origin',
  async ({ world }) => {
    const post = (body: string, headers = {}) => world.ask('/dashboard/session', headers, 'POST', body);
    for (const body of ['', 'token=', 'token=another-token-16', TOKEN]) {
      const refused = await post(body);
      assert.is(refused.status, 401, body);
      assert.is(refused.headers['set-cookie'], undefined);
    }
    assert.is((await post(`token=${'x'.repeat(2000)}`)).status, 413);
    assert.is((await post(`token=${TOKEN}`, { Origin: 'http://evil.example' })).status, 403);
  },
);
token.run();

const open = suiteOf('dashboard, open', { DASHBOARD_ACCESS: 'open' });
open('every client may watch, except from a page of another origin', async ({ world }) => {
  assert.is((await world.ask('/dashboard', { Via: '1.1 proxy' })).status, 200);
  assert.is((await world.knock({ Via: '1.1 proxy' })).status, 101);
  assert.is(slugOf(await world.knock({ Origin: 'http://evil.example' })), 'other-origin');
  assert.is(slugOf(await world.knock({ Origin: 'null' })), 'other-origin');
});
open.run();

const lab = suiteOf('dashboard, with simulated processors', {
  DASHBOARD_LAB: 'http://127.0.0.1:8003/#0123456789abcdef',
});
lab('the page may connect to the lab, and only viewers get its address', async ({ world }) => {
  const { headers, body } = await world.ask('/dashboard');
  assert.match(String(headers['content-security-policy']), /connect-src 'self' http:\/\/127\.0\.0\.1:8003;/);
  assert.not.match(body, /0123456789abcdef/);
  const { heard } = await world.watch();
  assert.match(JSON.stringify(heard[0]), /"lab":"http:\/\/127\.0\.0\.1:8003\/#0123456789abcdef"/);
});
lab.run();

const broken = suite('dashboard without its files');
broken('answers 404 and logs an error', async () => {
  const directory = temporaryDirectory();
  const config = configIn(directory);
  const { state, shape, metricsTable, ring, segments } = allocateSharedMemory(config, 0);
  const [app, log] = [createApp(), new KeptLog()];
  const missing = () => Promise.reject(new Error('no such file'));
  new Dashboard(
    {
      app,
      config,
      processors: config.processors,
      keyring: keyringOf([]),
      sharedState: new SharedState(state, shape),
      metricsTable: new MetricsTable(metricsTable, shape),
      ring: new Ring(ring),
      segments: new SegmentTable(segments),
      ledger: new MemoryLedger(['default', 'fallback']),
      clock: new ManualClock(),
      log,
    },
    { feed: missing, files: missing },
  );
  const { url, port } = await serveHere(app);
  for (const path of ['/dashboard', '/dashboard/main.js']) {
    assert.is((await fetch(url + path)).status, 404);
  }
  const socket = new WebSocket(`ws://127.0.0.1:${port}/dashboard/live`);
  await once(socket, 'error');
  assert.equal(new Set(log.lines), new Set(['error cannot load a part of the dashboard']));
  assert.is(log.lines.length, 3);
  app.close();
});
broken.run();

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Call, type Response } from '../../../src/processor/http1/call.ts';
import { Connections } from '../../../src/processor/http1/connections.ts';
import { ManualClock } from '../../manual-clock.ts';
import { until } from '../../system/until.ts';
import { type Behaviour, FaultyServer, httpResponse } from '../faulty-server.ts';

const REQUEST = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
const IDLE_MS = 4000;
const CONNECT_MS = 2000;
/** Of the manual clock. */
const TIMEOUT_MS = 1_000_000;
/** Of the real clock, for operations of the kernel. */
const SOON_MS = 10_000;

interface World {
  readonly clock: ManualClock;
  readonly server: FaultyServer;
  readonly connections: Connections;
  begin(timeoutMs?: number, onOver?: () => void): Begun;
  /** This many calls at once, each answered. */
  ask(count: number): Promise<void>;
  openCount(count: number): Promise<unknown>;
}

interface Begun {
  readonly call: Call;
  readonly over: Promise<Response>;
}

/** Runs `use` with connections to a server with this behaviour, then checks that they leave nothing behind. */
async function within(
  behaviour: Behaviour,
  count: number | (() => number),
  use: (world: World) => Promise<void>,
  isTls = false,
): Promise<void> {
  const server = await FaultyServer.start(behaviour);
  const { hostname: host, port } = new URL(server.url);
  const clock = new ManualClock();
  const connections = new Connections({
    target: { host, port: Number(port), tls: isTls ? {} : null },
    count: typeof count === 'number' ? () => count : count,
    clock,
  });
  const begin = (timeoutMs = TIMEOUT_MS, onOver = () => {}): Begun => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const call = new Call(REQUEST, timeoutMs, clock.monotonicMs(), (response) => {
      resolve(response);
      onOver();
    });
    connections.send(call);
    return { call, over: promise };
  };
  const ask = async (askCount: number): Promise<void> => {
    const begun = Array.from({ length: askCount }, () => begin());
    for (const { over } of begun) assert.is((await over).cut, '');
  };
  const openCount = (wanted: number) =>
    until(`${wanted} connections`, SOON_MS, () => server.openConnectionCount === wanted);
  try {
    await use({ clock, server, connections, begin, ask, openCount });
  } finally {
    connections.close();
    assert.is(clock.pending, 0, 'no timer is left');
    await openCount(0);
    await server.close();
  }
}

const answer: Behaviour = (socket) => setImmediate(() => socket.write(httpResponse(200)));

/** Lets the test answer: `sockets` are in the order of the requests. */
function holding(): { readonly sockets: Socket[]; readonly behaviour: Behaviour } {
  const sockets: Socket[] = [];
  return { sockets, behaviour: (socket) => void sockets.push(socket) };
}

const received = (server: FaultyServer, count: number) =>
  until(`${count} requests`, SOON_MS, () => server.received.length === count);

test('closes an idle connection after four seconds', () =>
  within(answer, 4, async ({ clock, server, ask, openCount }) => {
    await ask(2);
    assert.is(server.connectionCount, 2);
    clock.pass(IDLE_MS - 1);
    await ask(2);
    assert.is(server.connectionCount, 2, 'neither was closed earlier');
    clock.pass(IDLE_MS - 1);
    await ask(1);
    clock.pass(1);
    await openCount(1);
    clock.pass(IDLE_MS - 2);
    await ask(1);
    assert.is(server.connectionCount, 2, 'the one that was used is still open');
    clock.pass(IDLE_MS);
    await openCount(0);
    assert.is(
      clock.pending,
      1,
      'only the timer of the deadlines: without idle connections there is no sweep',
    );
    await ask(1);
    assert.is(server.connectionCount, 3);
  }));

test('opens more connections once there may be more, and none beyond fewer', () => {
  const { sockets, behaviour } = holding();
  let most = 1;
  return within(
    behaviour,
    () => most,
    async ({ server, begin }) => {
      const calls = [begin(), begin()];
      await received(server, 1);
      most = 2;
      calls.push(begin());
      await received(server, 2);
      most = 1;
      sockets[0]?.write(httpResponse(200));
      await received(server, 3);
      assert.is(server.connectionCount, 2);
      for (const socket of [sockets[1], sockets[2]]) socket?.write(httpResponse(200));
      for (const { over } of calls) assert.is((await over).status, 200);
    },
  );
});

test('takes the most recently used connection first', () => {
  const { sockets, behaviour } = holding();
  return within(behaviour, 3, async ({ server, begin }) => {
    const calls = [begin(), begin(), begin()];
    await received(server, 3);
    for (const turn of [2, 0, 1]) {
      sockets[turn]?.write(httpResponse(200));
      // Calls are sent in the order in which connections open, which is not that of the requests.
      await Promise.race(calls.filter(({ call }) => !call.isOver).map(({ over }) => over));
    }
    for (const expected of [1, 0, 2]) {
      begin();
      await received(server, sockets.length + 1);
      assert.is(sockets.at(-1), sockets[expected]);
    }
  });
});

test('sends waiting calls in order, each over the first free connection', () => {
  const { sockets, behaviour } = holding();
  return within(behaviour, 1, async ({ server, begin }) => {
    const calls = [begin(), begin(), begin()];
    for (const [turn, { over, call }] of calls.entries()) {
      await received(server, turn + 1);
      assert.equal(
        calls.map((other) => other.call.sent),
        [true, turn >= 1, turn >= 2],
      );
      sockets[turn]?.write(httpResponse(200 + turn));
      assert.is((await over).status, 200 + turn);
      assert.ok(call.isOver);
    }
    assert.is(server.connectionCount, 1);
  });
});

test('a failed connection attempt fails one waiting call while others are open', () => {
  const { sockets, behaviour } = holding();
  return within(behaviour, 2, async ({ server, begin }) => {
    const first = begin();
    await received(server, 1);
    server.refuse();
    const [second, third, fourth] = [begin(), begin(), begin()];
    const { sent, cut } = await second.over;
    assert.not(sent);
    assert.match(cut, /^ECONNREFUSED /);
    assert.equal([first.call.isOver, third.call.isOver, fourth.call.isOver], [false, false, false]);
    await third.over;
    assert.not(fourth.call.isOver);
    sockets[0]?.write(httpResponse(200));
    assert.is((await first.over).status, 200);
  });
});

test('a failed connection attempt fails all waiting calls if no other is open', () =>
  within(answer, 2, async ({ server, begin }) => {
    server.refuse();
    const [first, ...others] = [begin(), begin(), begin(), begin()];
    assert.match((await first?.over)?.cut ?? '', /^ECONNREFUSED /);
    for (const { call } of others) assert.ok(call.isOver && !call.sent);
  }));

test('a connection attempt times out', () =>
  within(
    () => {},
    1,
    async ({ clock, server, begin, openCount }) => {
      const { call, over } = begin();
      // The server has accepted the connection, but does not start TLS.
      await openCount(1);
      clock.pass(CONNECT_MS - 1);
      assert.not(call.isOver);
      clock.pass(1);
      const { sent, cut } = await over;
      assert.equal([sent, cut], [false, `no connection within ${CONNECT_MS} ms`]);
      await openCount(0);
      assert.equal(server.received, []);
    },
    true,
  ));

test('close while a connection is opening', () =>
  within(answer, 2, async ({ clock, connections, server, begin }) => {
    const calls = [begin(), begin(), begin()];
    connections.close();
    for (const { call } of calls) assert.equal([call.isOver, call.sent, call.cut], [true, false, 'closed']);
    assert.is(clock.pending, 0);
    assert.equal(server.received, []);
  }));

test('close cuts off calls in flight, drops waiting ones, and refuses new ones', () =>
  within(
    () => {},
    1,
    async ({ clock, connections, server, begin, openCount }) => {
      const [sent, waiting] = [begin(), begin()];
      await received(server, 1);
      connections.close();
      const after = begin();
      assert.equal(
        [sent, waiting, after].map(({ call }) => [call.isOver, call.sent, call.cut]),
        [
          [true, true, 'closed'],
          [true, false, 'closed'],
          [true, false, 'closed'],
        ],
      );
      assert.is(clock.pending, 0);
      await openCount(0);
      assert.is(server.received.length, 1);
    },
  ));

test('close from the callback of an answered call', () => {
  const { sockets, behaviour } = holding();
  return within(behaviour, 1, async ({ clock, connections, server, begin, openCount }) => {
    const { over } = begin(TIMEOUT_MS, () => connections.close());
    await received(server, 1);
    // There is no sweep any more, since no connection is idle.
    clock.pass(IDLE_MS);
    sockets[0]?.write(httpResponse(200));
    const { status, cut } = await over;
    assert.equal([status, cut], [200, '']);
    assert.is(clock.pending, 0);
    await openCount(0);
  });
});

test('close from the callback of a closed call', () =>
  within(answer, 1, async ({ connections, begin }) => {
    let toldCount = 0;
    const tell = (): void => {
      toldCount++;
      connections.close();
    };
    const calls = [begin(TIMEOUT_MS, tell), begin(TIMEOUT_MS, tell)];
    connections.close();
    for (const { over } of calls) assert.is((await over).cut, 'closed');
    assert.is(toldCount, 2);
  }));

test('the deadline of a sent call closes its connection, that of a waiting call does not', () => {
  const { sockets, behaviour } = holding();
  return within(behaviour, 1, async ({ clock, server, begin }) => {
    const sent = begin(500);
    await received(server, 1);
    const tired = begin(200);
    const patient = begin(900);
    clock.pass(199);
    assert.not(tired.call.isOver);
    clock.pass(1);
    assert.equal([tired.call.sent, (await tired.over).cut], [false, 'no answer within 200 ms']);
    clock.pass(299);
    assert.not(sent.call.isOver);
    clock.pass(1);
    assert.equal([sent.call.sent, (await sent.over).cut], [true, 'no answer within 500 ms']);
    await received(server, 2);
    assert.is(server.connectionCount, 2);
    sockets[1]?.write(httpResponse(200));
    assert.is((await patient.over).status, 200);
  });
});

test('a request that is given up is taken back with a reset', () => {
  const { sockets, behaviour } = holding();
  return within(behaviour, 1, async ({ clock, server, begin }) => {
    const { over } = begin(500);
    await received(server, 1);
    const failed = once(sockets[0] as Socket, 'error');
    clock.pass(500);
    assert.is((await over).cut, 'no answer within 500 ms');
    assert.is((await failed)[0].code, 'ECONNRESET');
  });
});

test('32 connections at most are opened at a time', () =>
  within(answer, 100, async ({ ask }) => {
    const asked = ask(100);
    await new Promise((resolve) => process.nextTick(resolve));
    const opening = process.getActiveResourcesInfo().filter((kind) => kind.endsWith('ConnectWrap'));
    assert.is(opening.length, 32);
    await asked;
  }));

test('closes a connection that receives unexpected bytes', () => {
  const { sockets, behaviour } = holding();
  return within(behaviour, 1, async ({ server, begin, openCount }) => {
    for (const unasked of ['\r\n', httpResponse(200)]) {
      const turn = server.received.length;
      const { over } = begin();
      await received(server, turn + 1);
      sockets[turn]?.write(httpResponse(204));
      assert.is((await over).status, 204);
      sockets[turn]?.write(unasked);
      await openCount(0);
      assert.is(server.connectionCount, turn + 1);
    }
  });
});

test('closes a connection with extra bytes after the answer, and the answer counts', () =>
  within(
    (socket) => socket.write(`${httpResponse(200)}x`),
    1,
    async ({ server, ask, openCount }) => {
      await ask(1);
      await openCount(0);
      await ask(1);
      assert.is(server.connectionCount, 2);
    },
  ));

test('a server half-closes: the answer is what came before', async () => {
  for (const [text, status, body, cut] of [
    ['HTTP/1.1 200 OK\r\n\r\nup to the end', 200, 'up to the end', ''],
    [httpResponse(200, 'whole'), 200, 'whole', ''],
    ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', 200, 'half', 'the other side closed the connection'],
    ['', 0, '', 'the other side closed the connection'],
  ] as const) {
    const behaviour: Behaviour = (socket) => void socket.end(text);
    await within(behaviour, 1, async ({ begin, openCount }) => {
      const response = await begin().over;
      assert.equal([response.status, response.text(), response.cut], [status, body, cut]);
      await openCount(0);
    });
  }
});

test('reads a response in two writes, cut anywhere', () => {
  const text = httpResponse(503, 'a body', ['Retry-After: 7']);
  const { sockets, behaviour } = holding();
  return within(behaviour, 1, async ({ server, begin }) => {
    for (const cut of [1, 9, 20, text.indexOf('\r\n') + 1, text.indexOf('a body'), text.length - 1]) {
      const turn = server.received.length;
      const { call, over } = begin();
      await received(server, turn + 1);
      sockets[turn]?.write(text.slice(0, cut));
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.not(call.isOver);
      sockets[turn]?.write(text.slice(cut));
      const { status, retryAfter } = await over;
      assert.equal([status, retryAfter, call.text(), call.cut], [503, '7', 'a body', '']);
    }
    assert.is(server.connectionCount, 1);
  });
});

test.run();

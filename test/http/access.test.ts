import { request as httpRequest } from 'node:http';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AccessMode } from '../../src/config/config.ts';
import type { Address } from '../../src/core/address.ts';
import { Access } from '../../src/http/access.ts';
import { guardedRoute } from '../../src/http/route.ts';
import { createApp, type Listener, listen } from '../../src/http/uws.ts';
import { apiKey, keyringOf } from '../keyring.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { converse } from './converse.ts';

const TOKEN = 'a-token-of-16-ch';

interface Heard {
  readonly status: number;
  readonly slug: string;
  readonly detail: string;
  readonly challenge: string | undefined;
}

/** A server with one route, protected by an `Access`. */
class Gate {
  readonly #app = createApp();
  #listener: Listener | null = null;
  port = 0;
  socketPath: string | undefined;

  constructor(mode: AccessMode, token = TOKEN) {
    const keyring = keyringOf(token === '' ? [] : [apiKey(token, ['operate'])]);
    const access = new Access({ mode, keyring, scope: 'operate' });
    guardedRoute(this.#app, '/', access, (exchange) => exchange.end('200 OK', [], '{}'));
  }

  async listen(address: Address): Promise<this> {
    const listened = await listen(this.#app, address);
    if (listened.kind === 'failed') throw new Error(listened.reason);
    this.#listener = listened.listener;
    const bound = listened.listener.address;
    if (bound.kind === 'tcp') this.port = bound.port;
    else this.socketPath = bound.path;
    return this;
  }

  /** The `Host` header may differ from the host that it connects to. */
  ask(headers: Record<string, string>, host = '127.0.0.1', method = 'GET'): Promise<Heard> {
    const { port, socketPath } = this;
    const where = socketPath === undefined ? { host, port } : { socketPath };
    return new Promise((resolve, reject) => {
      const asking = httpRequest({ ...where, method, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => {
          text += part;
        });
        response.on('end', () => {
          const { type = '', detail = '' } = JSON.parse(text);
          const challenge = response.headers['www-authenticate'];
          resolve({
            status: response.statusCode ?? 0,
            slug: type.replace('/errors#', ''),
            detail,
            challenge,
          });
        });
      });
      asking.on('error', reject).end();
    });
  }

  /** Sends raw bytes, and resolves with everything received until the connection ends. */
  converse(bytes: readonly Uint8Array[]): Promise<string> {
    return converse({ port: this.port, host: '127.0.0.1' }, [Buffer.concat(bytes)]);
  }

  close(): void {
    this.#listener?.close();
    this.#app.close();
  }
}

async function withGate(gate: Gate, address: Address, run: (gate: Gate) => Promise<void>): Promise<void> {
  await gate.listen(address);
  try {
    await run(gate);
  } finally {
    gate.close();
  }
}

const ANY_PORT: Address = { kind: 'tcp', host: '127.0.0.1', port: 0 };

test('off: the route does not exist for any client', () =>
  withGate(new Gate('off'), ANY_PORT, async (gate) => {
    const { status, slug } = await gate.ask({ Authorization: `Bearer ${TOKEN}` });
    assert.equal([status, slug], [404, 'no-such-route']);
  }));

test('open: every request passes', () =>
  withGate(new Gate('open', ''), ANY_PORT, async (gate) => {
    assert.is((await gate.ask({ Host: 'gateway.example', Via: '1.1 proxy' })).status, 200);
  }));

test('token: only requests with the token pass', () =>
  withGate(new Gate('token'), ANY_PORT, async (gate) => {
    for (const right of [`Bearer ${TOKEN}`, `bearer   ${TOKEN} `])
      assert.is((await gate.ask({ Authorization: right })).status, 200, right);
    for (const unknown of [`Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`]) {
      const { status, slug, challenge } = await gate.ask({ Authorization: unknown });
      const expected = [401, 'token-unknown', 'Bearer realm="dinossauro", error="invalid_token"'];
      assert.equal([status, slug, challenge], expected, unknown);
    }
    for (const header of ['Bearer', 'Bearer ', `Basic ${TOKEN}`, TOKEN, `Bearer ${TOKEN} ${TOKEN}`]) {
      const { status, slug, challenge } = await gate.ask({ Authorization: header });
      assert.equal([status, slug, challenge], [401, 'token-required', 'Bearer realm="dinossauro"'], header);
    }
    assert.is((await gate.ask({})).status, 401);
  }));

test('token: no request passes if no token is set', () =>
  withGate(new Gate('token', ''), ANY_PORT, async (gate) => {
    assert.is((await gate.ask({ Authorization: 'Bearer ' })).status, 401);
    assert.is((await gate.ask({ Authorization: 'Bearer undefined' })).status, 401);
  }));

test('loopback: local clients pass if Host is a loopback name', () =>
  withGate(new Gate('loopback'), ANY_PORT, async (gate) => {
    for (const host of [
      'localhost',
      `localhost:${gate.port}`,
      '127.0.0.1:1',
      '127.8.9.1',
      '[::1]:9999',
      'LocalHost',
    ])
      assert.is((await gate.ask({ Host: host })).status, 200, host);
    for (const host of [
      'localhost.evil.example',
      'evil.example:9999',
      '127.0.0.1.evil.example',
      '10.0.0.1',
      '::1',
      'localhost:',
    ]) {
      const { status, slug, detail } = await gate.ask({ Host: host });
      assert.equal([status, slug], [403, 'loopback-only'], host);
      assert.match(detail, 'Host');
    }
  }));

test('loopback: requests through a proxy are refused', () =>
  withGate(new Gate('loopback'), ANY_PORT, async (gate) => {
    for (const header of ['Forwarded', 'X-Forwarded-For', 'X-Real-IP', 'Via']) {
      const { status, detail } = await gate.ask({ [header]: '127.0.0.1' });
      assert.is(status, 403, header);
      assert.match(detail, header.toLowerCase());
    }
  }));

test('loopback: requests from pages of another origin are refused', () =>
  withGate(new Gate('loopback'), ANY_PORT, async (gate) => {
    const host = `localhost:${gate.port}`;
    assert.is((await gate.ask({ Host: host, Origin: `http://${host}` })).status, 200);
    for (const origin of ['https://evil.example', 'null', `http://localhost:${gate.port + 1}`]) {
      const { status, detail } = await gate.ask({ Host: host, Origin: origin });
      assert.is(status, 403, origin);
      assert.match(detail, 'origin');
    }
  }));

test('loopback: an IPv6 socket recognizes local clients, including those over IPv4', () =>
  withGate(new Gate('loopback'), { kind: 'tcp', host: '::', port: 0 }, async (gate) => {
    assert.is((await gate.ask({ Host: 'localhost' })).status, 200);
    const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    for (const { address, internal, scopeid = 0 } of interfaces) {
      // A link-local address needs a zone, which a URL can't contain.
      if (scopeid !== 0) continue;
      const { status } = await gate.ask({ Host: 'localhost' }, address);
      assert.is(status, internal ? 200 : 403, address);
    }
  }));

test('loopback: a unix socket is refused, because a proxy may be in front of it', async () => {
  const directory = temporaryDirectory();
  await withGate(new Gate('loopback'), { kind: 'unix', path: join(directory, 's') }, async (gate) => {
    const { status, slug } = await gate.ask({ Host: 'localhost' });
    assert.equal([status, slug], [403, 'loopback-only']);
  });
});

test('another method gets 405 only if the request may pass', async () => {
  await withGate(new Gate('off'), ANY_PORT, async (gate) => {
    assert.is((await gate.ask({}, '127.0.0.1', 'PUT')).slug, 'no-such-route');
  });
  await withGate(new Gate('token'), ANY_PORT, async (gate) => {
    assert.is((await gate.ask({}, '127.0.0.1', 'PUT')).slug, 'token-required');
    const { status } = await gate.ask({ Authorization: `Bearer ${TOKEN}` }, '127.0.0.1', 'PUT');
    assert.is(status, 405);
  });
});

test('loopback: requests through a proxy that speaks the PROXY protocol are refused', async () => {
  const gate = await new Gate('loopback').listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  const request = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
  // Version 2, PROXY, TCP over IPv4, 12 bytes: two addresses and two ports. LOCAL: the proxy's own connection.
  const proxied = Buffer.from([0x21, 0x11, 0, 12, 203, 0, 113, 7, 127, 0, 0, 1, 0x30, 0x39, 0x27, 0x0f]);
  const local = Buffer.from([0x20, 0, 0, 0]);
  assert.match(
    await gate.converse([signature, proxied, Buffer.from(request)]),
    /^HTTP\/1\.1 403 .*PROXY protocol/s,
  );
  assert.match(await gate.converse([signature, local, Buffer.from(request)]), /^HTTP\/1\.1 200 /);
  gate.close();
});

test.run();

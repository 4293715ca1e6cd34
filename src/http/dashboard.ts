import { type ApiKey, hasScope } from '../config/api-key.ts';
import type { Config } from '../config/config.ts';
import { contractLabel, type ProcessorTarget } from '../config/processor-target.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { termsInForce } from '../core/terms.ts';
import type { Feed } from '../dashboard/feed.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { MetricsTable } from '../shared-memory/metrics-table.ts';
import type { Ring } from '../shared-memory/ring.ts';
import type { SegmentTable } from '../shared-memory/segment-table.ts';
import type { SharedState } from '../shared-memory/state.ts';
import { Access } from './access.ts';
import { Exchange, type Headers } from './exchange.ts';
import type { Keyring } from './keyring.ts';
import type { OperatorGuard } from './operator-change.ts';
import { isOwnOrigin } from './origin.ts';
import { fileHeaders, pageHeaders } from './page.ts';
import { type Problem, problem } from './problem.ts';
import { type Guard, guardedRoute, refuse, route } from './route.ts';
import { Session } from './session.ts';
import type { HttpRequest, HttpResponse, Socket, WebApp } from './uws.ts';

export interface DashboardParts {
  readonly app: WebApp;
  readonly config: Config;
  /** With those that operators have added. It may grow. */
  readonly processors: readonly ProcessorTarget[];
  readonly keyring: Keyring;
  readonly sharedState: SharedState;
  readonly metricsTable: MetricsTable;
  readonly ring: Ring;
  readonly segments: SegmentTable;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Log;
}

/** Loaded at the first request that needs them. */
const MODULES = {
  feed: () => import('../dashboard/feed.ts'),
  files: () => import('../dashboard/files.ts'),
};

const PATH = '/dashboard';
const PAGES = [
  [PATH, 'index.html'],
  [`${PATH}/payments`, 'payments.html'],
  [`${PATH}/webhooks`, 'webhooks.html'],
] as const;
const TOPIC = 'frames';
const SIGN_IN_LIMIT_BYTES = 1024;
/** Viewers send no messages. */
const MESSAGE_LIMIT_BYTES = 1;
/** uWebSockets.js pings earlier, and closes the connections of viewers that do not answer. */
const SILENCE_LIMIT_S = 30;
/** A few frames. A viewer that is further behind is disconnected, and reconnects to the current state. */
const BEHIND_LIMIT_BYTES = 64 * 1024;

const TO_PAGE: Headers = [
  ['Location', PATH],
  ['Cache-Control', 'no-store'],
];

const ALLOW_ALL: Guard = { check: () => null };

/**
 * The routes of the dashboard; there are none when it is off. The code that computes its figures is imported for the
 * first viewer, and runs only while there are viewers.
 *
 * In mode `token`, a browser signs in with a form and then sends a session cookie. The static files hold no figures
 * and need no session.
 *
 * A file that cannot be read is answered 404 and logged.
 */
export class Dashboard {
  readonly #parts: DashboardParts;
  readonly #modules: typeof MODULES;
  readonly #access: Access;
  readonly #session: Session;
  readonly #headers: Headers;
  /** The feed that counts each viewer; null until it is loaded. */
  readonly #viewers = new Map<Socket, Feed | null>();
  #loading: Promise<Feed> | null = null;

  constructor(parts: DashboardParts, modules = MODULES) {
    const { app, config, clock } = parts;
    const { access, dashboard, sessionSecret: secret } = config;
    this.#parts = parts;
    this.#modules = modules;
    this.#access = new Access({ mode: access.dashboard, keyring: parts.keyring, scope: 'operate' });
    this.#session = new Session({ secret, path: PATH, clock });
    const connectsTo = dashboard.lab === null ? [] : [new URL(dashboard.lab).origin];
    this.#headers = pageHeaders({ cacheControl: 'no-store', loadsFiles: true, connectsTo });
    if (access.dashboard === 'off') return;
    const guard = this.#signsIn ? ALLOW_ALL : this.#access;
    for (const [path, file] of PAGES)
      guardedRoute(app, path, guard, (exchange, request, response) =>
        this.#refuseOnError(exchange, this.#getPage(exchange, request, response, file)),
      );
    // A browser that is sent to the gateway itself finds the page.
    guardedRoute(app, '/', guard, (exchange) => exchange.end('302 Found', TO_PAGE, ''));
    guardedRoute(app, `${PATH}/:file`, guard, (exchange, request) =>
      this.#refuseOnError(exchange, this.#getFile(exchange, request.getParameter(0) ?? '')),
    );
    if (this.#signsIn) {
      route(app, `${PATH}/session`, 'POST', (exchange, request) => this.#postSession(exchange, request));
    }
    app.ws(`${PATH}/live`, {
      maxPayloadLength: MESSAGE_LIMIT_BYTES,
      idleTimeout: SILENCE_LIMIT_S,
      maxBackpressure: BEHIND_LIMIT_BYTES,
      closeOnBackpressureLimit: true,
      upgrade: (response, request, context) => {
        const refusal = this.#refusalOfViewer(response, request);
        if (refusal !== null) return refuse(new Exchange(response, request), refusal);
        const key = request.getHeader('sec-websocket-key');
        const protocol = request.getHeader('sec-websocket-protocol');
        const extensions = request.getHeader('sec-websocket-extensions');
        response.upgrade({}, key, protocol, extensions, context);
      },
      open: (socket) => this.#join(socket),
      close: (socket) => this.#leave(socket),
    });
  }

  /** Stops the feeds; the connections end with the application. */
  close(): void {
    for (const feed of this.#viewers.values()) feed?.leave();
    this.#viewers.clear();
  }

  // Access.

  /**
   * Lets those operate from the page who may operate anyway, and those who have signed in. Their cookie is for this path
   * only.
   */
  serveOperators(operators: OperatorGuard, serve: (path: string, guard: OperatorGuard) => void): void {
    if (!this.#operates) return;
    serve(PATH, {
      check: (response, request) => {
        const refusal = operators.check(response, request);
        return refusal !== null && this.#isSignedIn(request) ? null : refusal;
      },
      keyName: (request) => operators.keyName(request) || (this.#sessionKey(request)?.name ?? ''),
    });
  }

  /** Without a token to sign in with, a page cannot show that its viewer is an operator. */
  get #operates(): boolean {
    const { dashboard, operator } = this.#parts.config.access;
    return dashboard !== 'off' && operator !== 'off' && (operator !== 'token' || dashboard === 'token');
  }

  /** Null when the request has the token or a session. */
  #refusal(response: HttpResponse, request: HttpRequest): Problem | null {
    const refusal = this.#access.check(response, request);
    return refusal !== null && this.#isSignedIn(request) ? null : refusal;
  }

  #isSignedIn(request: HttpRequest): boolean {
    return this.#sessionKey(request) !== undefined;
  }

  /** The key of a signed-in browser. */
  #sessionKey(request: HttpRequest): ApiKey | undefined {
    if (!this.#signsIn) return undefined;
    const key = this.#session.find(request.getHeader('cookie'), this.#parts.keyring);
    return key !== undefined && hasScope(key, 'operate') ? key : undefined;
  }

  get #signsIn(): boolean {
    return this.#parts.config.access.dashboard === 'token';
  }

  #refusalOfViewer(response: HttpResponse, request: HttpRequest): Problem | null {
    const refusal = this.#refusal(response, request);
    if (refusal !== null) return refusal;
    if (!isOwnOrigin(request)) return problem('other-origin');
    return this.#viewers.size < this.#parts.config.dashboard.viewerLimit ? null : problem('viewers-limit');
  }

  // Pages.

  #refuseOnError(exchange: Exchange, responding: Promise<void>): void {
    responding.catch((error: unknown) => {
      this.#logError(error);
      refuse(exchange, problem('no-such-route'));
    });
  }

  #logError(error: unknown): void {
    this.#parts.log.error({ err: error }, 'cannot load a part of the dashboard');
  }

  async #getPage(
    exchange: Exchange,
    request: HttpRequest,
    response: HttpResponse,
    file: string,
  ): Promise<void> {
    const refusal = this.#refusal(response, request);
    if (refusal === null) exchange.end('200 OK', this.#headers, await this.#readPage(file));
    else await this.#askToSignIn(exchange, refusal);
  }

  async #askToSignIn(exchange: Exchange, { status, headers }: Problem): Promise<void> {
    const challenge = headers.filter(([name]) => name === 'WWW-Authenticate');
    exchange.end(status, [...this.#headers, ...challenge], await this.#readPage('sign-in.html'));
  }

  async #getFile(exchange: Exchange, name: string): Promise<void> {
    const { contentTypeOf, read } = await this.#modules.files();
    const contentType = contentTypeOf(name);
    if (contentType === null) refuse(exchange, problem('no-such-route'));
    else exchange.end('200 OK', fileHeaders(contentType, 'no-cache'), await read(name));
  }

  #postSession(exchange: Exchange, request: HttpRequest): void {
    if (!isOwnOrigin(request)) refuse(exchange, problem('other-origin'));
    else
      exchange.readBody(SIGN_IN_LIMIT_BYTES, (body) =>
        this.#refuseOnError(exchange, this.#signIn(exchange, body)),
      );
  }

  async #signIn(exchange: Exchange, body: Uint8Array | null): Promise<void> {
    if (body === null) return refuse(exchange, problem('body-too-large'), true);
    const token = new URLSearchParams(Buffer.from(body).toString('utf8')).get('token') ?? '';
    const key = this.#parts.keyring.find(token);
    if (key === undefined || !hasScope(key, 'operate'))
      return this.#askToSignIn(exchange, problem('token-required'));
    const headers = [...TO_PAGE, ['Set-Cookie', this.#session.begin(key)]] as const;
    exchange.end('303 See Other', headers, '');
  }

  async #readPage(name: string): Promise<string> {
    return (await this.#modules.files()).readPage(name, this.#parts.config.dashboard.currency);
  }

  // Viewers.

  async #join(socket: Socket): Promise<void> {
    this.#viewers.set(socket, null);
    const feed = await this.#feed().catch((error: unknown) => {
      this.#logError(error);
      return null;
    });
    // The viewer may have left in the meantime.
    if (!this.#viewers.has(socket)) return;
    if (feed === null) {
      socket.close();
      return;
    }
    this.#viewers.set(socket, feed);
    for (const text of feed.join()) socket.send(text);
    socket.subscribe(TOPIC);
  }

  #leave(socket: Socket): void {
    this.#viewers.get(socket)?.leave();
    this.#viewers.delete(socket);
  }

  #feed(): Promise<Feed> {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  async #load(): Promise<Feed> {
    const { Feed } = await this.#modules.feed();
    const { app, config, processors, sharedState, metricsTable, ring, segments, ledger, clock } = this.#parts;
    return new Feed({
      hello: {
        kind: 'hello',
        instanceId: config.instanceId,
        ledger: config.ledger.kind,
        latencyBudgetMs: config.latencyBudgetMs,
        failoverDelayMs: config.failoverDelayMs,
        get processors() {
          return processors.map((target) => ({
            name: target.name,
            contract: contractLabel(target.contract),
            terms: termsInForce(target, undefined, config),
          }));
        },
        instanceUrl: config.dashboard.instanceUrl,
        lab: config.dashboard.lab,
        operates: this.#operates,
      },
      publish: (text) => app.publish(TOPIC, text),
      sharedState,
      metricsTable,
      ring,
      segments,
      ledger,
      poolThreadCount: config.poolThreadCount,
      confirmsAcceptance: config.acceptDurability === 'ledger',
      clock,
    });
  }
}

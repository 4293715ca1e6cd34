import assert from 'node:assert/strict';
import { isDecodable } from './percent-encoding.ts';

/**
 * Where a ledger in Redis is, as `LEDGER_URL` says it.
 *
 * | kind     | form                                                               | what is connected to                |
 * |----------|--------------------------------------------------------------------|-------------------------------------|
 * | server   | `redis://[user:password@]host[:6379][/db]`, `unix:///path`         | that server                         |
 * | sentinel | `redis-sentinel://[user:password@]host[:26379][,host…]/master`     | the master that the sentinels name  |
 * | cluster  | `redis-cluster://[user:password@]host[:6379][,host…]`              | the master of the slot that is used |
 *
 * `rediss://`, `rediss-sentinel://` and `rediss-cluster://` use TLS for every connection.
 */
export type RedisPlace =
  | { readonly kind: 'server'; readonly url: string }
  | { readonly kind: 'sentinel'; readonly nodes: readonly string[]; readonly master: string }
  | { readonly kind: 'cluster'; readonly nodes: readonly string[] };

const PORTS = { sentinel: 26_379, cluster: 6379 } as const;
const MANY = /^redis(s?)-(sentinel|cluster):\/\/(?:([^@/]*)@)?([^@/]+)(?:\/([\w.-]+)|\/?)$/;
const SOCKET = /^unix:\/\/(?:[^/]*@)?(\/[^?]+)/;
/** More would make a start without any of them slow. */
const NODES_MAX = 32;

/** `nodes` are URLs as the driver takes them. Undefined if the text is not such a URL. */
export function parseRedisUrl(text: string): RedisPlace | undefined {
  if (!/^rediss?-/.test(text)) return isServer(text) ? { kind: 'server', url: text } : undefined;
  const [, tls, kind, account, hosts = '', master] = MANY.exec(text) ?? [];
  if (kind !== 'sentinel' && kind !== 'cluster') return undefined;
  const before = `redis${tls}://${account === undefined ? '' : `${account}@`}`;
  const nodes = hosts
    .split(',')
    .map((host) => before + (/:\d+$/.test(host) ? host : `${host}:${PORTS[kind]}`));
  if (nodes.length > NODES_MAX || !nodes.every(isServer)) return undefined;
  if (kind === 'cluster') return master === undefined ? { kind, nodes } : undefined;
  return master === undefined ? undefined : { kind, nodes, master };
}

/** The same for a URL that is known to be one. */
export function placeOf(url: string): RedisPlace {
  const place = parseRedisUrl(url);
  assert(place !== undefined, 'expected the URL of a Redis');
  return place;
}

function isServer(text: string): boolean {
  // Only the driver takes an account without a host.
  if (SOCKET.test(text)) return true;
  const url = /^rediss?:\/\//.test(text) ? URL.parse(text) : null;
  if (url === null || url.hostname === '' || url.search !== '' || url.hash !== '') return false;
  return isDecodable(url.username) && isDecodable(url.password) && /^(\/\d*)?$/.test(url.pathname);
}

/** The URL of another server, with the account and TLS of this one. */
export function withAddress(url: string, host: string, port: number): string {
  const other = new URL(url);
  other.hostname = host.includes(':') ? `[${host}]` : host;
  other.port = String(port);
  return other.href;
}

/** The URL without its account. */
export function withoutAccount(url: string): string {
  const other = new URL(url);
  other.username = '';
  other.password = '';
  return other.href;
}

/** Host and port, for people. */
export function addressOf(url: string): string {
  return new URL(url).host;
}

/** What identifies a ledger: hosts, ports and database or master, without the account. */
export function nameOf(place: RedisPlace): string {
  switch (place.kind) {
    case 'server': {
      const [, path] = SOCKET.exec(place.url) ?? [];
      if (path !== undefined) return path;
      const { hostname, port, pathname } = new URL(place.url);
      return `${hostname}:${port || '6379'}${pathname.replace(/^\/?$/, '/0')}`;
    }
    case 'sentinel':
      return `sentinel:${place.nodes.map(addressOf).sort().join(',')}/${place.master}`;
    case 'cluster':
      return `cluster:${place.nodes.map(addressOf).sort().join(',')}`;
  }
}

/** Where a server listens: `host:port` (IPv6 in brackets, port 0 for any free port) or `unix:/path`. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** The longest path that fits into `sockaddr_un` on Linux, without the terminating zero. */
const UNIX_PATH_LIMIT_BYTES = 107;

const TCP_PATTERN = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/;

/** Null if `text` is not an address. */
export function parseAddress(text: string): Address | null {
  if (text.startsWith('unix:')) return parseUnix(text.slice('unix:'.length));
  const match = TCP_PATTERN.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) return null;
  return { kind: 'tcp', host, port };
}

/** Whether only this machine can reach it. A host name is not looked up: what it means may change. */
export function isLocal(address: Address): boolean {
  if (address.kind === 'unix') return true;
  return /^(localhost|127(\.\d{1,3}){3}|::1)$/i.test(address.host);
}

function parseUnix(path: string): Address | null {
  if (!path.startsWith('/') || path.includes('\0')) return null;
  if (Buffer.byteLength(path) > UNIX_PATH_LIMIT_BYTES) return null;
  return { kind: 'unix', path };
}

/** The inverse of `parseAddress`. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

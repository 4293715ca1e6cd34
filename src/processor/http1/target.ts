import { connect as connectPlain, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { clientOptions, type Tls } from '../../core/tls.ts';

/** The network address of a processor. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** Null: plain text. */
  readonly tls: Tls | null;
}

export interface OpenOptions {
  readonly noDelay?: boolean;
  readonly onread?: OnReadOpts;
  /** TLS session of an earlier connection, to skip the full handshake. */
  readonly session?: Buffer;
}

/** `tls` applies to https URLs only. */
export function targetOf({ protocol, hostname, port }: URL, tls: Tls = {}): Target {
  const isTls = protocol === 'https:';
  const usualPort = isTls ? 443 : 80;
  return {
    // URLs have IPv6 addresses in brackets.
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? usualPort : Number(port),
    tls: isTls ? tls : null,
  };
}

/** Opens a socket; `onOpen` is called when the handshake is complete. */
export function open({ host, port, tls }: Target, onOpen: () => void, options: OpenOptions = {}): Socket {
  const socket =
    tls === null
      ? connectPlain({ ...options, host, port })
      : connectTls({ ...options, ...clientOptions(tls), host, port, ...serverName(host) });
  return socket.once(tls === null ? 'connect' : 'secureConnect', onOpen);
}

/** SNI, unless the host is an address. */
function serverName(host: string): { readonly servername?: string } {
  return isIP(host) === 0 ? { servername: host } : {};
}

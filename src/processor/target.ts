import { connect as connectPlain, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { clientOptions, type Tls } from '../core/tls.ts';

/** Where the URL of a processor leads. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** Null: in plain text. */
  readonly tls: Tls | null;
}

export interface OpenOptions {
  readonly noDelay?: boolean;
  readonly onread?: OnReadOpts;
  /** Of TLS, from a former connection to the target, so that both need not prove themselves anew. */
  readonly session?: Buffer;
}

/** `tls` counts where the URL is one of https. */
export function targetOf({ protocol, hostname, port }: URL, tls: Tls = {}): Target {
  const isTls = protocol === 'https:';
  const usualPort = isTls ? 443 : 80;
  return {
    // An IPv6 address stands in brackets.
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? usualPort : Number(port),
    tls: isTls ? tls : null,
  };
}

/** A socket on its way there; `onOpen` is called once both sides have shaken hands. */
export function open({ host, port, tls }: Target, onOpen: () => void, options: OpenOptions = {}): Socket {
  const socket =
    tls === null
      ? connectPlain({ ...options, host, port })
      : connectTls({ ...options, ...clientOptions(tls), host, port, ...serverName(host) });
  return socket.once(tls === null ? 'connect' : 'secureConnect', onOpen);
}

/** Asked for by name, unless the host is an address. */
function serverName(host: string): { readonly servername?: string } {
  return isIP(host) === 0 ? { servername: host } : {};
}

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

/** What a TLS connection of ours trusts and shows, as `node:tls` takes it: PEM, several certificates in a row. */
export interface Tls {
  /** Authorities that are trusted, instead of those that Node brings. */
  readonly ca?: string;
  /** Our own certificate, and whatever leads from it to an authority that the other side trusts. */
  readonly cert?: string;
  /** Of `cert`, without a passphrase. */
  readonly key?: string;
}

/**
 * What each TLS client of this project connects with. All of it is explicit, because Node takes what is missing from
 * the environment, and `NODE_TLS_REJECT_UNAUTHORIZED` or `--tls-min-v1.0` would weaken it.
 */
export function clientOptions(tls: Tls) {
  return { ...tls, rejectUnauthorized: true, minVersion: 'TLSv1.2' } as const;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The certificates of a PEM file; undefined when it can't be read, holds none, or one that is none. */
export function readCertificates(path: string): string | undefined {
  return attempt(() => {
    const certificates = readPem(path).match(CERTIFICATE) ?? [];
    for (const certificate of certificates) new X509Certificate(certificate);
    return certificates.length === 0 ? undefined : certificates.join('\n');
  });
}

/** The private key of a PEM file; undefined when it can't be read, or holds none that is open. */
export function readPrivateKey(path: string): string | undefined {
  return attempt(() => createPrivateKey(readPem(path)).export({ type: 'pkcs8', format: 'pem' }).toString());
}

/** Whether `key` is that of the first of the certificates. */
export function isKeyOf(key: string, cert: string): boolean {
  return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
}

/** A system's whole list of authorities takes a fifth of it. */
const PEM_MAX_BYTES = 2 ** 20;

/** Also from a pipe, as a shell makes of `<(command)`; but a device that never ends must not fill the memory. */
function readPem(path: string): string {
  const bytes = Buffer.alloc(PEM_MAX_BYTES + 1);
  const file = openSync(path, 'r');
  try {
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, null);
    }
    if (length > PEM_MAX_BYTES) throw new Error(`${path} is too large to be a PEM file`);
    return bytes.toString('utf8', 0, length);
  } finally {
    closeSync(file);
  }
}

/** A file that is not what it should be is an expected failure: the caller says what it should be. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

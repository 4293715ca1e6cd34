import { createPrivateKey, X509Certificate } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

/** What our TLS connections trust and present, in PEM as `node:tls` takes it. */
export interface Tls {
  /** Trusted certificate authorities; they replace Node's own list. */
  readonly ca?: string;
  /** Our certificate, followed by the intermediate certificates that the other side needs. */
  readonly cert?: string;
  /** The private key of `cert`, without a passphrase. */
  readonly key?: string;
}

/**
 * The options of every TLS client in this project. They are explicit, because `NODE_TLS_REJECT_UNAUTHORIZED` or
 * `--tls-min-v1.0` in the environment would weaken Node's defaults.
 */
export function clientOptions(tls: Tls) {
  return { ...tls, rejectUnauthorized: true, minVersion: 'TLSv1.2' } as const;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The certificates of a PEM file; undefined if it can't be read, has none, or has an invalid one. */
export function readCertificates(path: string): string | undefined {
  return attempt(() => {
    const certificates = readPem(path).match(CERTIFICATE) ?? [];
    for (const certificate of certificates) new X509Certificate(certificate);
    return certificates.length === 0 ? undefined : certificates.join('\n');
  });
}

/** The private key of a PEM file; undefined if it can't be read, has none, or has an encrypted one. */
export function readPrivateKey(path: string): string | undefined {
  return attempt(() => createPrivateKey(readPem(path)).export({ type: 'pkcs8', format: 'pem' }).toString());
}

/** Whether `key` belongs to the first certificate in `cert`. */
export function isKeyOf(key: string, cert: string): boolean {
  return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
}

/** Five times the size of a system's list of certificate authorities. */
const PEM_MAX_BYTES = 2 ** 20;

/** Reads pipes too, such as a shell's `<(command)`, but limits the size, because a device may never end. */
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

/** An unsuitable file is an expected failure, which the caller explains. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readBoundedFile } from './bounded-file.ts';

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
    const certificates = readBoundedFile(path, PEM_MAX_BYTES).match(CERTIFICATE) ?? [];
    for (const certificate of certificates) new X509Certificate(certificate);
    return certificates.length === 0 ? undefined : certificates.join('\n');
  });
}

/** The private key of a PEM file; undefined if it can't be read, has none, or has an encrypted one. */
export function readPrivateKey(path: string): string | undefined {
  return attempt(() =>
    createPrivateKey(readBoundedFile(path, PEM_MAX_BYTES))
      .export({ type: 'pkcs8', format: 'pem' })
      .toString(),
  );
}

/** Whether `key` belongs to the first certificate in `cert`. */
export function isKeyOf(key: string, cert: string): boolean {
  return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
}

/** Five times the size of a system's list of certificate authorities. */
const PEM_MAX_BYTES = 2 ** 20;

/** An unsuitable file is an expected failure, which the caller explains. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tls } from '../src/core/tls.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** A certificate and its key: paths of PEM files. */
export interface Issued {
  readonly certFile: string;
  readonly keyFile: string;
}

/** An authority of a test's own, whose certificates are for this machine. Its files go when it is disposed of. */
export class Authority {
  readonly caFile: string;
  readonly #directory = temporaryDirectory();
  #issued = 0;

  constructor() {
    this.caFile = this.#path('ca.crt');
    this.#openssl(
      'req',
      '-x509',
      ...NEW_KEY,
      '-keyout',
      this.#path('ca.key'),
      '-out',
      this.caFile,
      '-subj',
      '/CN=authority',
      '-days',
      '2',
    );
  }

  /** `names` as openssl takes them: `IP:127.0.0.1`. A life of -1 days has ended before it began. */
  issue(names = 'IP:127.0.0.1,DNS:localhost', days = 2): Issued {
    const serial = this.#issued++;
    const [request, certFile, keyFile] = ['csr', 'crt', 'key'].map((kind) =>
      this.#path(`${serial}.${kind}`),
    ) as [string, string, string];
    this.#openssl(
      'req',
      ...NEW_KEY,
      '-keyout',
      keyFile,
      '-out',
      request,
      '-subj',
      `/CN=${serial}`,
      '-addext',
      `subjectAltName=${names}`,
    );
    this.#openssl(
      'x509',
      '-req',
      '-in',
      request,
      '-CA',
      this.caFile,
      '-CAkey',
      this.#path('ca.key'),
      '-CAcreateserial',
      '-copy_extensions',
      'copy',
      '-days',
      String(days),
      '-out',
      certFile,
    );
    return { certFile, keyFile };
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}

export function pem(path: string): string {
  return readFileSync(path, 'utf8');
}

export function tlsOf({ certFile, keyFile }: Issued): Tls {
  return { cert: pem(certFile), key: pem(keyFile) };
}

import { listen, type WebApp } from '../../src/http/uws.ts';

export interface Served {
  readonly port: number;
  readonly url: string;
  /** Stops listening; the application is closed by itself. */
  close(): void;
}

/** Has an application listen on a free port of this machine. */
export async function serveHere(app: WebApp): Promise<Served> {
  const listened = await listen(app, { kind: 'tcp', host: '127.0.0.1', port: 0 });
  if (listened.kind === 'failed' || listened.listener.address.kind === 'unix') throw new Error('no port');
  const { listener } = listened;
  const { port } = listened.listener.address;
  return { port, url: `http://127.0.0.1:${port}`, close: () => listener.close() };
}

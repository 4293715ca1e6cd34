import { readFile } from 'node:fs/promises';
import type { Log } from '../core/log.ts';
import { type Document, fileHeaders } from './page.ts';
import { problem } from './problem.ts';
import { type Handler, refuse, route } from './route.ts';
import type { WebApp } from './uws.ts';

/** The folder above `src`. */
const ROOT = new URL('../../', import.meta.url);

/**
 * What the gateway says of itself. Nothing is read, imported or kept before somebody asks for it, and a file that is
 * not there costs its own page and nothing else.
 */
export function serveDocuments(app: WebApp, log: Log, root: URL = ROOT): void {
  const errors = async () => (await import('./errors-page.ts')).errorsPage(new URL('docs/errors.md', root));
  route(app, '/errors', 'GET', loadedOnce(errors, log));
  const contract = () => contractDocument(new URL('openapi.json', root));
  route(app, '/openapi.json', 'GET', loadedOnce(contract, log));
}

async function contractDocument(file: URL): Promise<Document> {
  return { headers: fileHeaders('application/json', 'max-age=300'), body: await readFile(file) };
}

function loadedOnce(load: () => Promise<Document>, log: Log): Handler {
  let loading: Promise<Document | null> | null = null;
  const start = () =>
    load().catch((error: unknown) => {
      log.error({ err: error }, 'a document of the gateway cannot be read');
      return null;
    });
  return async (exchange) => {
    loading ??= start();
    const document = await loading;
    if (document === null) refuse(exchange, problem('no-such-route'));
    else exchange.end('200 OK', document.headers, document.body);
  };
}

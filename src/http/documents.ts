import { readFile } from 'node:fs/promises';
import type { Log } from '../core/log.ts';
import { type Document, fileHeaders } from './page.ts';
import { problem } from './problem.ts';
import { type Handler, refuse, route } from './route.ts';
import type { WebApp } from './uws.ts';

const ROOT = new URL('../../', import.meta.url);

/**
 * The documentation that the gateway serves. Each page is loaded at its first request; when its file is missing, only
 * that page is answered 404.
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
      log.error({ err: error }, 'cannot read a document of the gateway');
      return null;
    });
  return async (exchange) => {
    loading ??= start();
    const document = await loading;
    if (document === null) refuse(exchange, problem('no-such-route'));
    else exchange.end('200 OK', document.headers, document.body);
  };
}

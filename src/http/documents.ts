import { readFile } from 'node:fs/promises';
import type { Log } from '../core/log.ts';
import { type Document, fileHeaders, pageHeaders } from './page.ts';
import { problem } from './problem.ts';
import { type Handler, refuse, route } from './route.ts';
import type { WebApp } from './uws.ts';

const ROOT = new URL('../../', import.meta.url);

/**
 * The gateway's own documentation. A file is read at its first request and then kept. If it is missing, its route
 * answers 404 and everything else works.
 */
export function serveDocuments(app: WebApp, log: Log, root: URL = ROOT): void {
  route(
    app,
    '/errors',
    'GET',
    loadedOnce(() => errorsPage(new URL('docs/errors.html', root)), log),
  );
  route(
    app,
    '/openapi.json',
    'GET',
    loadedOnce(() => contract(new URL('openapi.json', root)), log),
  );
}

async function errorsPage(file: URL): Promise<Document> {
  const body = await readFile(file, 'utf8');
  const inlineStyles = Array.from(body.matchAll(/<style>(.*?)<\/style>/gs), ([, style = '']) => style);
  return { headers: pageHeaders({ cacheControl: 'max-age=300', inlineStyles }), body };
}

async function contract(file: URL): Promise<Document> {
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

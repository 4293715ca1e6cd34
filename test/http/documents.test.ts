import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { errorsPage } from '../../scripts/errors-page.ts';
import { serveDocuments } from '../../src/http/documents.ts';
import { problemSlugs } from '../../src/http/problem.ts';
import { createApp, type WebApp } from '../../src/http/uws.ts';
import { ask, contract } from '../contract/kept.ts';
import { KeptLog } from '../kept-log.ts';
import { type Served, serveHere } from './served.ts';

let app: WebApp;
let listener: Served;
let log: KeptLog;
let url = '';

async function serve(root?: URL): Promise<void> {
  app = createApp();
  log = new KeptLog();
  serveDocuments(app, log, root);
  listener = await serveHere(app);
  url = listener.url;
}

function close(): void {
  listener.close();
  app.close();
}

const test = suite('documents');
test.before.each(() => serve());
test.after.each(close);

test('the type of every problem links to its section of the page', async () => {
  const response = await ask(`${url}/errors`);
  assert.is(response.status, 200);
  const html = await response.text();
  for (const slug of problemSlugs()) assert.match(html, `<h2 id="${slug}">`);
});

test('the page is rendered from docs/errors.md: run `npm run contract` after a change', async () => {
  const source = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  assert.is(await (await ask(`${url}/errors`)).text(), errorsPage(source));
});

test('the page has no unrendered Markdown, and no script, style or link of another origin', async () => {
  const html = await (await ask(`${url}/errors`)).text();
  const text = html.replaceAll(/<(pre|style)>[\s\S]*?<\/\1>/g, '').replaceAll(/<code>[^<]*<\/code>/g, '');
  assert.not.match(text, /`|\*\*|^#|^\s*[-*|] |\]\(/m);
  assert.not.match(html, /<script|<link|\bsrc=|\bstyle=/);
});

test('the page has security headers, and its file is read once', async () => {
  const [first, second] = await Promise.all([ask(`${url}/errors`), ask(`${url}/errors`)]);
  assert.match(first.headers.get('content-security-policy') ?? '', "default-src 'none'; style-src 'sha256-");
  assert.is(first.headers.get('content-type'), 'text/html; charset=utf-8');
  assert.is(await first.text(), await second.text());
  assert.equal(log.lines, []);
});

test('HEAD returns the length of the page, and other methods are refused', async () => {
  const whole = await (await ask(`${url}/errors`)).arrayBuffer();
  const head = await ask(`${url}/errors`, { method: 'HEAD' });
  assert.is(head.headers.get('content-length'), String(whole.byteLength));
  const posted = await ask(`${url}/errors`, { method: 'POST' });
  assert.is(posted.status, 405);
  assert.is(posted.headers.get('allow'), 'GET, HEAD');
});

test('openapi.json conforms to its own description', async () => {
  const response = await ask(`${url}/openapi.json`);
  assert.is(response.status, 200);
  assert.equal(await response.json(), contract.document);
});

test('a missing file is logged, and its route answers 404', async () => {
  close();
  await serve(new URL('file:///nowhere/'));
  for (const path of ['/errors', '/openapi.json', '/errors']) {
    assert.is((await fetch(url + path)).status, 404);
  }
  const line = 'error cannot read a document of the gateway';
  assert.equal(log.lines, [line, line]);
});

test.run();

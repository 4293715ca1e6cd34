import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { methodNotAllowed, problem, problemSlugs } from '../../src/http/problem.ts';

const SLUGS = problemSlugs().filter((slug) => slug !== 'method-not-allowed');

test('every problem has a section with its status in docs/errors.md, and every section has a problem', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const documented = [...page.matchAll(/^## (\S+)\n+Status (\d{3})\b/gm)].map(
    ([, slug, code]) => `${slug} ${code}`,
  );
  const answered = SLUGS.map((slug) => `${slug} ${Number.parseInt(problem(slug).status, 10)}`);
  assert.equal(documented.sort(), [...answered, 'method-not-allowed 405'].sort());
  assert.is([...page.matchAll(/^## /gm)].length, documented.length);
});

test('every body is a problem document that agrees with the status line', () => {
  for (const slug of SLUGS) {
    const { status, headers, body } = problem(slug);
    const document = JSON.parse(body);
    assert.is(document.type, `/errors#${slug}`);
    assert.ok(status.startsWith(`${document.status} `));
    assert.ok(document.title.length > 0);
    assert.ok(document.detail.length > 0);
    assert.equal(headers[0], ['Content-Type', 'application/problem+json']);
  }
});

test('exactly the temporary problems have Retry-After', () => {
  for (const slug of SLUGS) {
    const { status, headers } = problem(slug);
    const retryAfter = headers.find(([name]) => name === 'Retry-After')?.[1];
    assert.is(retryAfter !== undefined, /^(429|503)/.test(status), slug);
    if (retryAfter !== undefined) assert.match(retryAfter, /^[1-9]\d*$/);
  }
});

test('the invalid field is named, or left out if there is none', () => {
  assert.is(JSON.parse(problem('amount-not-positive').body).field, 'amount');
  assert.is(JSON.parse(problem('correlation-id-missing').body).field, 'correlationId');
  assert.not('field' in JSON.parse(problem('malformed-json').body));
});

test('detail and field can be replaced', () => {
  const document = JSON.parse(problem('bad-window', { field: 'to', detail: 'It says "never".' }).body);
  assert.is(document.field, 'to');
  assert.is(document.detail, 'It says "never".');
  assert.is(document.status, 400);
  const limit = JSON.parse(problem('amount-too-large', { detail: 'At most 10.00.' }).body);
  assert.is(limit.field, 'amount');
});

test('a constant problem is rendered once', () => {
  assert.is(problem('queue-full'), problem('queue-full'));
});

test('method-not-allowed lists the allowed methods', () => {
  const { status, headers, body } = methodNotAllowed('GET, HEAD');
  assert.is(status, '405 Method Not Allowed');
  assert.is(new Map(headers).get('Allow'), 'GET, HEAD');
  assert.is(JSON.parse(body).type, '/errors#method-not-allowed');
});

test.run();

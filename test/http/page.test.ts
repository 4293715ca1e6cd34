import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fileHeaders, type PageTraits, pageHeaders } from '../../src/http/page.ts';

function policyOf(traits: PageTraits): Map<string, string> {
  const policy = new Map(pageHeaders(traits)).get('Content-Security-Policy') ?? '';
  return new Map(policy.split('; ').map((line) => [line.split(' ')[0] ?? '', line]));
}

test('a page that loads no files may not load any', () => {
  const policy = policyOf({ cacheControl: 'no-store' });
  assert.equal(Array.from(policy.values()), [
    "default-src 'none'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ]);
});

test('a page that loads files may load them only from its own origin, and has no inline code', () => {
  const policy = policyOf({ cacheControl: 'no-store', loadsFiles: true });
  for (const kind of ['script-src', 'style-src', 'connect-src', 'font-src', 'form-action']) {
    assert.is(policy.get(kind), `${kind} 'self'`);
  }
  assert.is(policy.get('default-src'), "default-src 'none'");
  assert.not.match(Array.from(policy.values()).join(), 'unsafe');
});

test('an inline style is allowed by its hash', () => {
  const style = 'p { color: red }';
  const hash = createHash('sha256').update(style).digest('base64');
  const alone = policyOf({ cacheControl: 'no-store', inlineStyles: [style] });
  assert.is(alone.get('style-src'), `style-src 'sha256-${hash}'`);
  const beside = policyOf({ cacheControl: 'no-store', inlineStyles: [style], loadsFiles: true });
  assert.is(beside.get('style-src'), `style-src 'self' 'sha256-${hash}'`);
});

test('pages and files forbid sniffing and referrers, and have the requested Cache-Control', () => {
  for (const headers of [
    new Map(pageHeaders({ cacheControl: 'max-age=60' })),
    new Map(fileHeaders('text/html; charset=utf-8', 'max-age=60')),
  ]) {
    assert.is(headers.get('Content-Type'), 'text/html; charset=utf-8');
    assert.is(headers.get('Cache-Control'), 'max-age=60');
    assert.is(headers.get('X-Content-Type-Options'), 'nosniff');
    assert.is(headers.get('Referrer-Policy'), 'no-referrer');
    assert.is(headers.get('Cross-Origin-Resource-Policy'), 'same-origin');
  }
});

test.run();

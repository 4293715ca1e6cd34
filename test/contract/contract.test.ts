import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { problem, problemSlugs } from '../../src/http/problem.ts';
import { Contract, type Heard } from './contract.ts';

const contract = Contract.read();

function fileOf(name: string): string {
  return readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
}

/** Every value under a key of this name, anywhere in the document, with the path of its parent. */
function* named(
  key: string,
  part: unknown = contract.document,
  way: readonly string[] = [],
): Generator<[way: readonly string[], value: unknown]> {
  if (typeof part !== 'object' || part === null) return;
  for (const [name, value] of Object.entries(part)) {
    if (name === key) yield [way, value];
    yield* named(key, value, [...way, name]);
  }
}

test('is an OpenAPI document', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(contract.document));
  assert.ok(valid, JSON.stringify(errors));
});

test('openapi.json is up to date: if not, run `npm run contract`', () => {
  assert.is(fileOf('openapi.json'), `${JSON.stringify(contract.document)}\n`);
});

test('has the version of the package', () => {
  const { version } = JSON.parse(fileOf('package.json'));
  assert.is((contract.document['info'] as { version: string }).version, version);
});

test('every reference resolves, and every component is used', () => {
  const references = Array.from(named('$ref'), ([, reference]) => String(reference));
  const mapped = Array.from(named('mapping'), ([, mapping]) => Object.values(mapping as object)).flat();
  const targets = new Set([...references, ...mapped]);
  for (const target of targets) {
    assert.ok(contract.place(target.replace('#/', '').split('/')) !== null, target);
  }
  const kinds = contract.document['components'] as Record<string, object>;
  for (const [kind, parts] of Object.entries(kinds)) {
    if (kind === 'securitySchemes') continue;
    for (const name of Object.keys(parts)) assert.ok(targets.has(`#/components/${kind}/${name}`), name);
  }
});

test('every schema is valid, and every example matches its schema', () => {
  for (const [way, schema] of named('schema')) {
    assert.type(schema, 'object');
    // Compiles the schema; the value does not matter.
    contract.mismatch([...way, 'schema'], null);
  }
  let count = 0;
  for (const [way, examples] of named('examples')) {
    for (const [name, { value }] of Object.entries(examples as Record<string, { value: unknown }>)) {
      assert.is(contract.mismatch([...way, 'schema'], value), null, name);
      count++;
    }
  }
  assert.ok(count > 10);
});

test('documents every problem with its status, and no others', () => {
  const documented = new Set<string>();
  for (const [way, properties] of named('properties')) {
    const { type } = properties as { type?: { const?: string; enum?: string[] } };
    const status = way.includes('responses') ? way[way.indexOf('responses') + 1] : undefined;
    for (const link of type?.enum ?? [type?.const ?? '']) {
      if (status !== undefined && link.startsWith('/errors#')) documented.add(link.slice('/errors#'.length));
      const slug = problemSlugs().find((known) => `/errors#${known}` === link);
      if (slug === undefined || slug === 'method-not-allowed' || !/^\d/.test(status ?? '')) continue;
      assert.is(String(Number.parseInt(problem(slug).status, 10)), status, slug);
    }
  }
  assert.equal([...documented].sort(), problemSlugs().sort());
});

const ACCEPTED: Heard = {
  method: 'POST',
  target: '/payments',
  sent: '{"correlationId":"4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3","amount":19.90}',
  status: 202,
  headers: new Map([['uwebsockets', '20']]),
  body: '',
};
const SUMMARY: Heard = {
  method: 'GET',
  target: '/payments-summary?from=2025-07-15',
  status: 200,
  headers: new Map([
    ['content-type', 'application/json'],
    ['cache-control', 'no-store'],
  ]),
  body: '{"default":{"totalRequests":1,"totalAmount":19.90}}',
};
const FULL: Heard = {
  ...ACCEPTED,
  status: 503,
  headers: new Map([
    ['content-type', 'application/problem+json'],
    ['retry-after', '1'],
  ]),
  body: problem('queue-full').body,
};
const NOWHERE: Heard = {
  method: 'GET',
  target: '/nowhere',
  status: 404,
  headers: new Map([
    ['content-type', 'application/problem+json'],
    ['cache-control', 'no-store'],
  ]),
  body: problem('no-such-route').body,
};

test('a conforming response passes, and is recorded', () => {
  const fresh = Contract.read();
  for (const heard of [ACCEPTED, SUMMARY, { ...SUMMARY, method: 'HEAD', body: '' }, FULL, NOWHERE]) {
    assert.is(fresh.fault(heard), null);
  }
  assert.equal(Array.from(fresh.kept), [
    'POST /payments 202',
    'GET /payments-summary 200',
    'HEAD /payments-summary 200',
    'POST /payments 503 /errors#queue-full',
    '* * 404 /errors#no-such-route',
  ]);
});

function without(heard: Heard, name: string): Heard {
  return { ...heard, headers: new Map(Array.from(heard.headers).filter(([other]) => other !== name)) };
}

function having(heard: Heard, name: string, value: string): Heard {
  return { ...heard, headers: new Map(heard.headers).set(name, value) };
}

test('every violation is found', () => {
  const wrong: [heard: Heard, words: string][] = [
    [{ ...ACCEPTED, status: 201 }, 'POST /payments: 201 is not documented'],
    [{ ...ACCEPTED, method: 'PUT' }, 'PUT /payments: 202 is not documented'],
    [{ ...ACCEPTED, body: '{}' }, '202 has a body'],
    [having(ACCEPTED, 'x-new', '1'), 'undocumented headers: x-new'],
    [
      { ...ACCEPTED, sent: '{"correlationId":"4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"}' },
      "accepted an invalid body: data must have required property 'amount'",
    ],
    [{ ...ACCEPTED, target: '/payment' }, '/payment: 202 is not documented'],
    [without(SUMMARY, 'cache-control'), 'lacks the header Cache-Control'],
    [having(SUMMARY, 'cache-control', 'public'), 'Cache-Control: public: data must be equal to constant'],
    [having(SUMMARY, 'content-type', 'text/plain'), 'content type text/plain'],
    [{ ...SUMMARY, body: '{}' }, 'must NOT have fewer than 1 properties'],
    [{ ...SUMMARY, body: '{' }, 'must be object'],
    [{ ...SUMMARY, body: SUMMARY.body.replace('19.90', '"19.90"') }, 'totalAmount must be number'],
    [
      { ...SUMMARY, body: SUMMARY.body.replace('totalRequests', 'count') },
      'must NOT have additional properties',
    ],
    [{ ...SUMMARY, target: '/payments-summary?from=now' }, 'accepted an invalid parameter: now'],
    [{ ...SUMMARY, method: 'HEAD' }, 'has a body'],
    [without(FULL, 'retry-after'), 'lacks the header Retry-After'],
    [having(FULL, 'retry-after', 'soon'), 'Retry-After: soon'],
    [{ ...FULL, body: problem('starting').body }, 'must be equal to one of the allowed values'],
    [{ ...FULL, body: FULL.body.replace('503', '500') }, 'problem document with another status'],
    [{ ...NOWHERE, body: problem('no-such-payment').body }, 'must be equal to constant'],
  ];
  for (const [heard, words] of wrong) assert.match(contract.fault(heard) ?? 'nothing', words);
});

test.run();

import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clientTypes } from '../../scripts/client-types.ts';
import { Contract } from '../contract/contract.ts';

function fileOf(name: string): string {
  return readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
}

test('client/src/api.ts follows from openapi.yaml: if not, run `npm run contract`', () => {
  assert.is(fileOf('client/src/api.ts'), clientTypes(Contract.read().document));
});

test('a schema that the generator does not know is an error', () => {
  const document = structuredClone(Contract.read().document) as {
    components: { schemas: Record<string, unknown> };
  };
  document.components.schemas['Processor'] = { type: 'boolean' };
  assert.throws(() => clientTypes(document), /does not know this schema: \{"type":"boolean"\}/);
});

test('the client has the version and the licence of the gateway', () => {
  const [gateway, client] = ['package.json', 'client/package.json'].map((name) => JSON.parse(fileOf(name)));
  assert.equal([client.version, client.license], [gateway.version, gateway.license]);
  assert.equal([client.dependencies, client.peerDependencies], [undefined, undefined]);
});

test.run();

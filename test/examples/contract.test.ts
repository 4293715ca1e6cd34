import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { serveCaiman } from '../../examples/contract/caiman-twin.ts';
import { openContract } from '../../src/processor/open-contract.ts';
import { contractSuite } from '../processor/contracts/suite.ts';

/** What docs/contracts.md promises. */
const LINES_MAX = 100;

const path = fileURLToPath(new URL('../../examples/contract/caiman.ts', import.meta.url));
const lineCount = readFileSync(path, 'utf8').split('\n').length - 1;
assert.ok(lineCount < LINES_MAX, `${lineCount} lines`);

// As the gateway opens it.
const opened = await import(path);
const options = { merchant: 'moo' };
const contract = await openContract({ name: path, options, authorization: '' });
assert.is(contract.name, 'caiman');
await openContract({ name: path, options: {}, authorization: '' }).then(
  () => assert.unreachable(),
  (error: unknown) =>
    assert.match(String(error), 'SetupError: option merchant of the contract caiman is invalid'),
);

contractSuite({
  name: 'caiman',
  open: (authorization) => opened.default({ options, authorization }),
  serve: () => serveCaiman(),
});

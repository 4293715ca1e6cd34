import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { contractsPage } from '../../../scripts/contract-tables.ts';
import { SHIPPED_CONTRACTS } from '../../../src/processor/open-contract.ts';

test('docs/contracts.md has the proofs of every shipped contract, as they are (npm run contract writes them)', () => {
  const page = readFileSync(new URL('../../../docs/contracts.md', import.meta.url), 'utf8');
  assert.is(page, contractsPage(page));
  for (const [name, open] of SHIPPED_CONTRACTS) {
    for (const { seen, why } of open({ options: {}, authorization: '' }).proofs) {
      assert.ok(page.includes(`| ${seen} |`) && page.includes(`| ${why} |`), `${name}: ${seen}`);
    }
  }
});

test.run();

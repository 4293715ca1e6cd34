import { test } from 'uvu';
import { keepsEveryPromise } from './certified.ts';

for (const contract of ['rinha', 'rest']) {
  test(`${contract}: every promise holds, or the contract states the proof that was untrue`, () =>
    keepsEveryPromise({ contract }));
}

test.run();

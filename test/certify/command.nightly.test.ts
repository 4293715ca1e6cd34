import { test } from 'uvu';
import { TWIN_NAMES } from '../../src/simulated/twin.ts';
import { keepsEveryPromise } from './certified.ts';

for (const contract of TWIN_NAMES) {
  test(`${contract}: every promise holds, or the contract states the proof that was untrue`, () =>
    keepsEveryPromise({ contract }));
}

test.run();

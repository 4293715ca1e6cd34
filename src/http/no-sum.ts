import type { NoSum } from '../ledger/ledger.ts';
import { tooFineReason } from '../ledger/retention.ts';
import { type Problem, problem } from './problem.ts';

/** What is wrong with a window of which the books have no sum. */
export function noSumProblem(fault: NoSum): Problem {
  switch (fault.kind) {
    case 'too-fine':
      return problem('window-too-fine', { field: fault.bound, detail: tooFineReason(fault) });
    case 'too-large':
      return problem('sum-too-large');
  }
}

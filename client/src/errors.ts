import type {
  BatchProblem,
  EventsProblem,
  FindProblem,
  ListProblem,
  Payment,
  PostProblem,
  SummaryProblem,
} from './api.ts';

/** Every problem that a call of the client may be answered with. */
export type ClientProblem =
  | PostProblem
  | BatchProblem
  | FindProblem
  | SummaryProblem
  | ListProblem
  | EventsProblem;

/** The gateway refused the call, or still could not answer it when the time limit was over. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly problem: ClientProblem;

  constructor(problem: ClientProblem) {
    super(`${problem.title} (HTTP ${problem.status}): ${problem.detail}`);
    this.problem = problem;
  }
}

/**
 * No answer of a gateway before the time limit, only failed connections or answers of something in between. A payment
 * that was posted may have been accepted or not: post it again, with the same id.
 */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/** The time limit of `waitFor` is over. The payment is not lost: wait again, for as long as you like. */
export class StillOpenError extends Error {
  override readonly name = 'StillOpenError';
  /** As it was last seen; undefined if the gateway did not know it. */
  readonly payment: Payment | undefined;

  constructor(correlationId: string, payment: Payment | undefined, timeoutMs: number) {
    super(`${correlationId} is ${payment?.status ?? 'not known to the gateway'} after ${timeoutMs} ms`);
    this.payment = payment;
  }
}

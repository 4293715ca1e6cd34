import type { Clock } from '../../src/core/clock.ts';
import type { Record } from './record.ts';
import type { PerProcessor, Scenario } from './scenario.ts';

/** What the actors of one run share: users, stages, auditor, observer. */
export interface Course {
  readonly scenario: Scenario;
  /** URL of the backend. */
  readonly target: string;
  /** URLs of the processors. */
  readonly processors: PerProcessor<string>;
  /** Authenticates at the processors' administrative API. */
  readonly token: string;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly record: Record;
  /** Milliseconds since the start of the run. */
  readonly nowMs: () => number;
}

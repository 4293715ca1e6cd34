import {
  type Attempt,
  type AttemptOutcome,
  EARLIER_ATTEMPTS_MAX,
  NO_STORY,
  type Story,
} from '../core/attempt.ts';
import type { Claim, LedgerEntry } from './ledger.ts';

/** All attempts that the books know, oldest first. */
export function attemptsOf({ story, processorName, requestedAtMs }: LedgerEntry): Attempt[] {
  const { why, outcome, earlier } = story;
  return processorName === null ? [...earlier] : [...earlier, { processorName, requestedAtMs, why, outcome }];
}

/** The outcome of the latest attempt in the books, which this claim ends: the one that it reports, or one never sent. */
export function endedOutcome({ before }: Pick<Claim, 'before'>, lastRequestedAtMs: number): AttemptOutcome {
  if (before === undefined || before.outcome === 'unknown') return 'unknown';
  return before.requestedAtMs === lastRequestedAtMs ? before.outcome : 'not-sent';
}

/** The last attempts before the latest, with one more. */
export function withAttempt<T>(earlier: readonly T[], ended: T): T[] {
  return [...earlier, ended].slice(-EARLIER_ATTEMPTS_MAX);
}

/** The story once the payment is claimed. `ended`: the attempt before, if it was sent. */
export function nextStory(story: Story, claim: Pick<Claim, 'why'>, ended: Attempt | null): Story {
  const earlier = ended === null ? story.earlier : withAttempt(story.earlier, ended);
  return { ...NO_STORY, why: claim.why ?? 'unknown', earlier };
}

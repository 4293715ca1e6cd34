import { parseTimestamp } from '../core/time-window.ts';
import { enabled, type Progress, replayed } from '../webhooks/progress.ts';
import { BY_MAX, invalidChange, NO_OBJECT, parseObject, readSignature } from './operator-change.ts';
import type { Problem } from './problem.ts';

/** What an operator wants to change at an endpoint. */
export interface WebhookChange {
  readonly apply: (before: Progress) => Progress;
  /** For the log. */
  readonly asked: { readonly enabled?: true; readonly replayFrom?: string };
  readonly by: string;
  readonly why: string;
}

/** Reads the body of `PATCH /webhooks/{name}`. */
export function readWebhookChange(body: Uint8Array): WebhookChange | Problem {
  const fields = parseObject(body);
  if (fields === null) return NO_OBJECT;
  const { enabled: isEnabled, replayFrom, by = '', why = '', ...others } = fields;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    return invalidChange(
      unknown.slice(0, BY_MAX),
      'is not known: expected `enabled`, `replayFrom`, `by` or `why`',
    );
  if (isEnabled === undefined && replayFrom === undefined)
    return invalidChange('enabled', 'and `replayFrom` are both missing: expected one of them, or both');
  if (isEnabled !== undefined && isEnabled !== true) return invalidChange('enabled', 'must be true');
  const fromMs = typeof replayFrom === 'string' ? parseTimestamp(replayFrom, Math.floor) : null;
  if (replayFrom !== undefined && fromMs === null)
    return invalidChange('replayFrom', 'must be an ISO 8601 timestamp, such as 2025-07-15T12:34:56.000Z');
  const signed = readSignature(by, why);
  if ('body' in signed) return signed;
  return {
    apply: (before) => {
      const next = isEnabled === true ? enabled(before) : before;
      return fromMs === null ? next : replayed(next, fromMs);
    },
    asked: {
      ...(isEnabled === true && { enabled: true }),
      ...(fromMs !== null && { replayFrom: new Date(fromMs).toISOString() }),
    },
    ...signed,
  };
}

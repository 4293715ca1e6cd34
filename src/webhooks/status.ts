import type { WebhookTarget } from '../config/webhooks-file.ts';
import type { Ledger, Reply } from '../ledger/ledger.ts';
import { bookmarkOf, type Progress, readProgress } from './progress.ts';

/** What operators see of an endpoint. */
export interface WebhookStatus {
  readonly target: WebhookTarget;
  readonly state: 'not-begun' | 'waits' | 'delivers' | 'failing' | 'disabled';
  /** Null: it has not begun. */
  readonly progress: Progress | null;
  readonly waiting: WaitingEvents;
}

export interface WaitingEvents {
  readonly count: number;
  /** False: there are more, which were not counted. */
  readonly isAll: boolean;
  /** When the oldest one was written; null: none waits. */
  readonly oldestAtMs: number | null;
}

const NONE: WaitingEvents = { count: 0, isAll: true, oldestAtMs: null };
/** An endpoint may be days behind. What is read for one look at it is bounded. */
const PAGE_EVENTS = 200;
const PAGES_MAX = 5;

/** How far an endpoint is. Up to a page of events that wait may be delivered already: they are noted together. */
export async function webhookStatus(
  ledger: Pick<Ledger, 'bookmark' | 'outbox'>,
  target: WebhookTarget,
): Promise<Reply<WebhookStatus>> {
  const reply = await ledger.bookmark(bookmarkOf(target.name));
  if (reply.kind === 'unavailable') return reply;
  if (reply.value.version === 0)
    return { kind: 'ok', value: { target, state: 'not-begun', progress: null, waiting: NONE } };
  const progress = readProgress(reply.value.text);
  const waiting = await waitingEvents(ledger, target, progress.cursor);
  if (waiting.kind === 'unavailable') return waiting;
  return { kind: 'ok', value: { target, state: stateOf(progress), progress, waiting: waiting.value } };
}

function stateOf({ disabled, failingSinceMs, holder }: Progress): WebhookStatus['state'] {
  if (disabled !== null) return 'disabled';
  if (failingSinceMs !== null) return 'failing';
  return holder === '' ? 'waits' : 'delivers';
}

async function waitingEvents(
  ledger: Pick<Ledger, 'outbox'>,
  { types }: WebhookTarget,
  cursor: string,
): Promise<Reply<WaitingEvents>> {
  const times: number[] = [];
  let after = cursor;
  let isAll = false;
  for (let page = 0; page < PAGES_MAX && !isAll; page++) {
    const reply = await ledger.outbox(after, PAGE_EVENTS);
    if (reply.kind === 'unavailable') return reply;
    for (const { type, position } of reply.value.events)
      if (types.length === 0 || types.includes(type)) times.push(position.atMs);
    after = reply.value.next;
    isAll = reply.value.isLast;
  }
  const oldestAtMs = times.length === 0 ? null : Math.min(...times);
  return { kind: 'ok', value: { count: times.length, isAll, oldestAtMs } };
}

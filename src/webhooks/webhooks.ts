import { randomUUID } from 'node:crypto';
import type { WebhookTarget } from '../config/webhooks-file.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { holderOf } from '../ledger/exclusive-bookmark.ts';
import type { Ledger, OutboxEvent } from '../ledger/ledger.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import { WebhookDelivery, type WebhookState } from './delivery.ts';
import { postMessage } from './post.ts';

export interface WebhooksParts {
  readonly webhooks: readonly WebhookTarget[];
  readonly ledger: Ledger;
  readonly instanceId: string;
  readonly textOf: (event: OutboxEvent) => string;
  readonly metrics: ThreadMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** The deliveries of an instance: one for each endpoint, so that a slow one holds up no other. */
export class Webhooks {
  readonly #deliveries: readonly WebhookDelivery[];
  readonly #stopped = new AbortController();

  constructor({ webhooks, instanceId, metrics, ...parts }: WebhooksParts) {
    const states = new Map<string, WebhookState>();
    const count = (state: WebhookState) => [...states.values()].filter((each) => each === state).length;
    const holder = holderOf(instanceId, randomUUID());
    const { signal } = this.#stopped;
    this.#deliveries = webhooks.map(
      (target) =>
        new WebhookDelivery({
          ...parts,
          target,
          holder,
          random: Math.random,
          post: (message) => postMessage(target, message, parts.clock.nowMs(), signal),
          onOutcome: (outcome) => metrics.count(outcome === 'delivered' ? 'webhookPosts' : 'webhookFailures'),
          onState: (state) => {
            states.set(target.name, state);
            metrics.set('webhooksFailing', count('failing'));
            metrics.set('webhooksDisabled', count('disabled'));
          },
        }),
    );
    for (const delivery of this.#deliveries) delivery.start();
  }

  /** Ends what is being posted, and lets other instances continue. */
  async close(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#deliveries.map((delivery) => delivery.release()));
  }
}

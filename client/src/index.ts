// What `@dinossauro/client` exports.

export type * from './api.ts';
export {
  Client,
  type ClientOptions,
  type EventOptions,
  type FinishedPayment,
  type PaymentFilter,
  type ReceivedEvent,
  type TimeWindow,
} from './client.ts';
export type { CallOptions } from './deadline.ts';
export { type ClientProblem, NoAnswerError, ProblemError, StillOpenError } from './errors.ts';
export { verifyWebhook, type Webhook, WebhookError } from './webhook.ts';

/**
 * What the words on the page mean, in the order of the help panel. `read` is the document of the project that says more.
 *
 * @typedef {{ readonly text: string, readonly read: string }} Term
 * @type {Readonly<Record<string, Term>>}
 */
export const TERMS = {
  Backlog: {
    text: 'Payments that are accepted and not settled yet: in the queue, on their way, or waiting for a processor.',
    read: 'docs/production.md, Capacity',
  },
  'Accept time': {
    text: 'From the complete request to its 202. The payment is in the journal then, and no processor has been called.',
    read: 'docs/reliability.md',
  },
  'Settlement time': {
    text: 'From the 202 of a payment to its settlement in the ledger, with everything that it has waited for.',
    read: 'ARCHITECTURE.md, The path of a payment',
  },
  p50: {
    text: 'Half of the payments of the last ten seconds took no longer than this.',
    read: 'docs/dashboard.md',
  },
  p99: {
    text: '99 of 100 payments of the last ten seconds took no longer than this.',
    read: 'docs/dashboard.md',
  },
  Books: {
    text: 'Every payment that the deployment knows is in its books, which take memory of Redis or a disk. How much longer they have room, if they go on growing as in the last hour.',
    read: 'docs/books.md',
  },
  Observed: {
    text: 'How long a call to this processor takes at present: as measured by the latest calls, or as the processor has reported if that is newer.',
    read: 'docs/dashboard.md',
  },
  Reported: {
    text: 'The shortest response time that the processor itself named in its last health answer.',
    read: 'docs/dashboard.md',
  },
  Circuit: {
    text: 'Whether payments are sent to the processor. It opens when the processor fails or asks for a rest, and closes when a payment that is sent to find out has been taken, or when the processor says that it works. Half-open: the processor says that it works, and a payment is sent to find out. Each instance has its own: if it is not closed at every instance, the card says what each sees.',
    read: 'docs/events.md',
  },
  'Health call': {
    text: 'What the processor answered when it was last asked whether it works. The whole deployment asks at most once in five seconds.',
    read: 'docs/operations.md, HealthMisleads',
  },
  'In flight': {
    text: 'Calls of this instance that are not answered yet.',
    read: 'docs/settings.md, CONCURRENCY',
  },
  'Oldest call': {
    text: 'How long the oldest of the calls in flight has been waiting for its answer.',
    read: 'docs/settings.md, PROCESSOR_TIMEOUT_MS',
  },
  'In doubt': {
    text: 'Payments sent to this processor whose outcome is unknown, because no answer came. They may have been charged, so they go nowhere else until the processor says what it holds.',
    read: 'docs/operations.md, PaymentsInDoubt',
  },
  'Calls at once': {
    text: 'The most calls that this instance has in flight to the processor. In parentheses what is configured, if an operator has changed it.',
    read: 'docs/processors.md, Change limits',
  },
  'Calls a second': {
    text: 'The most calls that this instance begins in any second, look-ups included. In parentheses what is configured, if an operator has changed it.',
    read: 'docs/processors.md, Change limits',
  },
  Amounts: {
    text: 'The payments that the processor takes. Others go elsewhere, or wait if no processor takes them. In parentheses what is configured, if an operator has changed it.',
    read: 'docs/processors.md, Change limits',
  },
  Owner: {
    text: 'One life of a pool thread. Its number is given out only once: after a restart the thread has another number, and the ledger refuses what the former owner still tries.',
    read: 'ARCHITECTURE.md, Who continues when something dies',
  },
  Lease: {
    text: 'The right of an owner to send payments and to settle them. It is renewed as long as the owner lives. When it has expired, another thread takes over what the owner had claimed.',
    read: 'docs/operations.md, LeaseInvalid',
  },
  Accepted: {
    text: 'The payment was answered 202 and will be settled. It was not sent to any processor yet, or a processor has certainly not charged it.',
    read: 'docs/operations.md, Payments',
  },
  Held: {
    text: 'An operator keeps the payment from being sent until it is released or cancelled.',
    read: 'docs/operations.md, Hold a payment',
  },
  Dispatched: {
    text: 'The payment was sent to a processor, or is about to be, and it is not known yet whether it was charged there.',
    read: 'docs/operations.md, PaymentsInDoubt',
  },
  Settled: {
    text: 'A processor has charged the payment, and the books say so.',
    read: 'docs/reliability.md',
  },
  Rejected: {
    text: 'A processor refuses the payment for good. It is charged nowhere; an operator can have it sent again.',
    read: 'docs/operations.md, Payments were rejected',
  },
  Cancelled: {
    text: 'An operator has rejected the payment for good before it was sent. It is never sent.',
    read: 'docs/operations.md',
  },
  Event: {
    text: 'A payment was settled or rejected, or a processor has changed. Events are kept for EVENTS_RETENTION, and each is posted at least once.',
    read: 'docs/events.md',
  },
  Disabled: {
    text: 'The endpoint gets nothing more until an operator enables it: it has failed for a day, or has answered 410. Its events are kept meanwhile.',
    read: 'docs/webhooks.md, When it fails',
  },
  Replay: {
    text: 'All events from a time on are posted once more, under the same ids, so that an endpoint can skip those that it has.',
    read: 'docs/webhooks.md, When it fails',
  },
  'Healthy, Slow, Failing, Unfit, Resting, Paused, Removed, Idle': {
    text: 'The state of a processor. Slow: calls take longer than the latency budget. Failing: its circuit breaker is open. Unfit: it refuses every request. Resting: it has asked for a rest. Paused: an operator has paused it. Removed: an operator has removed it. Idle: this instance cannot claim payments.',
    read: 'docs/dashboard.md',
  },
};

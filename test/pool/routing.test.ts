import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { choose, type ProcessorView, type Route, routingReason } from '../../src/pool/routing.ts';
import type { RoutingReason } from '../../src/shared-memory/routing-reason.ts';

const POLICY = { failoverDelayMs: 5000, latencyBudgetMs: 1000 };
const FRESH = 0;
const PAST_DELAY_MS = 5000;

const well: ProcessorView = { open: false, isProbeDue: false, expectedMs: 5 };
const slow: ProcessorView = { open: false, isProbeDue: false, expectedMs: 1001 };
const open: ProcessorView = { open: true, isProbeDue: false, expectedMs: 5 };
const due = (view: ProcessorView): ProcessorView => ({ ...view, isProbeDue: true });

const send = (processor: number, isProbe = false): Route => ({ kind: 'send', processor, isProbe });
const wait: Route = { kind: 'wait' };

test('the cheapest healthy processor takes a payment of any age', () => {
  assert.equal(choose([well, well], FRESH, POLICY), send(0));
  assert.equal(choose([well, well], PAST_DELAY_MS, POLICY), send(0));
  assert.equal(choose([{ ...well, expectedMs: 1000 }, well], PAST_DELAY_MS, POLICY), send(0));
});

test('a healthy processor is not probed', () => {
  assert.equal(choose([due(well), well], FRESH, POLICY), send(0));
});

test('a payment waits for the cheapest processor that fails during its failover delay', () => {
  assert.equal(choose([open, well], FRESH, POLICY), wait);
  assert.equal(choose([open, well], POLICY.failoverDelayMs - 1, POLICY), wait);
});

test('a payment does not wait for a processor that is only slow', () => {
  assert.equal(choose([slow, well], FRESH, POLICY), send(1));
  assert.equal(choose([slow, open, well], FRESH, POLICY), wait);
});

test('a more expensive processor takes it after the failover delay', () => {
  assert.equal(choose([open, well], PAST_DELAY_MS, POLICY), send(1));
  assert.equal(choose([slow, well], PAST_DELAY_MS, POLICY), send(1));
  assert.equal(choose([slow, open, well], PAST_DELAY_MS, POLICY), send(2));
});

test('without a failover delay it never waits for a cheaper processor', () => {
  assert.equal(choose([open, well], FRESH, { ...POLICY, failoverDelayMs: 0 }), send(1));
});

test('a probe goes to the cheapest processor that has one due, before anything waits', () => {
  assert.equal(choose([due(open), well], FRESH, POLICY), send(0, true));
  assert.equal(choose([due(slow), well], FRESH, POLICY), send(0, true));
  assert.equal(choose([due(open), well], PAST_DELAY_MS, POLICY), send(0, true));
});

test('a more expensive processor is probed only by payments past their failover delay', () => {
  assert.equal(choose([open, due(open)], FRESH, POLICY), wait);
  assert.equal(choose([open, due(open)], PAST_DELAY_MS, POLICY), send(1, true));
});

test('when no processor is fast the fastest one takes it', () => {
  const slower = { ...slow, expectedMs: 4000 };
  assert.equal(choose([slower, slow], FRESH, POLICY), send(1));
  assert.equal(choose([slower, open], FRESH, POLICY), wait);
  assert.equal(choose([slower, slow], PAST_DELAY_MS, POLICY), send(1));
  assert.equal(choose([slow, slower], PAST_DELAY_MS, POLICY), send(0));
  assert.equal(choose([slow, slow], PAST_DELAY_MS, POLICY), send(0));
});

test('an open breaker gets nothing, however long a payment waits', () => {
  assert.equal(choose([open, open], 1e9, POLICY), wait);
  assert.equal(choose([open, slow], 1e9, POLICY), send(1));
});

test('without processors everything waits', () => {
  assert.equal(choose([], 1e9, POLICY), wait);
});

const anyView = fc.record({
  open: fc.boolean(),
  isProbeDue: fc.boolean(),
  expectedMs: fc.integer({ min: 0, max: 3000 }),
});
const anyViews = fc.array(anyView, { maxLength: 4 });
const anyPolicy = fc.record({
  failoverDelayMs: fc.integer({ min: 0, max: 100 }),
  latencyBudgetMs: fc.integer({ min: 1, max: 2000 }),
});

test('only probes go to an open breaker, and only when they are due', () => {
  fc.assert(
    fc.property(anyViews, fc.nat(200), anyPolicy, (views, ageMs, policy) => {
      const route = choose(views, ageMs, policy);
      if (route.kind === 'wait') return;
      const view = views[route.processor];
      assert.ok(view !== undefined);
      assert.ok(route.isProbe ? view?.isProbeDue : !view?.open);
    }),
  );
});

test('when a payment must wait, so must every younger one', () => {
  fc.assert(
    fc.property(anyViews, fc.nat(200), fc.nat(200), anyPolicy, (views, ageMs, youngerMs, policy) => {
      const older = choose(views, ageMs + youngerMs, policy);
      if (older.kind === 'wait') assert.is(choose(views, ageMs, policy).kind, 'wait');
    }),
  );
});

test('no healthy processor is cheaper than the chosen one', () => {
  fc.assert(
    fc.property(anyViews, fc.nat(200), anyPolicy, (views, ageMs, policy) => {
      const route = choose(views, ageMs, policy);
      const best = views.findIndex((view) => !view.open && view.expectedMs <= policy.latencyBudgetMs);
      if (route.kind === 'send' && best !== -1) assert.ok(route.processor <= best);
    }),
  );
});

/** The reasons of all processors after the choice for a payment of that age. */
function reasons(views: readonly ProcessorView[], ageMs: number, full = false): RoutingReason[] {
  const route = choose(views, ageMs, POLICY);
  return views.map((_, processor) => routingReason(processor, views, route, full, POLICY));
}

test('every processor has a reason', () => {
  assert.equal(reasons([well, well], FRESH), ['cheapest-well', 'not-needed']);
  assert.equal(reasons([well, open, slow], FRESH, true), ['full', 'failing', 'slow']);
  assert.equal(reasons([open, well], FRESH), ['failing', 'after-failover-delay']);
  assert.equal(reasons([open, well], PAST_DELAY_MS), ['failing', 'after-failover-delay']);
  assert.equal(reasons([slow, well], FRESH), ['slow', 'cheapest-well']);
  assert.equal(reasons([due(open), well, open], FRESH), ['probe', 'after-failover-delay', 'failing']);
  assert.equal(reasons([{ ...slow, expectedMs: 4000 }, slow], FRESH), ['slow', 'least-slow']);
  assert.equal(reasons([open, open], PAST_DELAY_MS), ['failing', 'failing']);
});

test('a processor that does not exist has no reason', () => {
  assert.is(routingReason(1, [well], send(0), false, POLICY), 'none');
});

test.run();

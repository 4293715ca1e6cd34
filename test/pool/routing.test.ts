import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  choose,
  type ProcessorView,
  type Route,
  type RoutingPolicy,
  routingReasons,
} from '../../src/pool/routing.ts';
import type { RoutingReason } from '../../src/shared-memory/routing-reason.ts';

const POLICY = { failoverDelayMs: 5000, latencyBudgetMs: 1000 };
const FRESH = 0;
const PAST_DELAY_MS = 5000;

const well: ProcessorView = { open: false, isProbeDue: false, expectedMs: 5 };
const slow: ProcessorView = { open: false, isProbeDue: false, expectedMs: 1001 };
const open: ProcessorView = { open: true, isProbeDue: false, expectedMs: 5 };
const paused = (view: ProcessorView): ProcessorView => ({ ...view, isPaused: true });
const due = (view: ProcessorView): ProcessorView => ({ ...view, isProbeDue: true });

const send = (processor: number, isProbe = false): Route => ({ kind: 'send', processor, isProbe });
const wait: Route = { kind: 'wait' };

/** Among all of them, cheapest first. */
function chooseAmong(views: readonly ProcessorView[], ageMs: number, policy: RoutingPolicy): Route {
  return choose(views, [...views.keys()], ageMs, policy);
}

test('the cheapest healthy processor takes a payment of any age', () => {
  assert.equal(chooseAmong([well, well], FRESH, POLICY), send(0));
  assert.equal(chooseAmong([well, well], PAST_DELAY_MS, POLICY), send(0));
  assert.equal(chooseAmong([{ ...well, expectedMs: 1000 }, well], PAST_DELAY_MS, POLICY), send(0));
});

test('a healthy processor is not probed', () => {
  assert.equal(chooseAmong([due(well), well], FRESH, POLICY), send(0));
});

test('a payment waits for the cheapest processor that fails during its failover delay', () => {
  assert.equal(chooseAmong([open, well], FRESH, POLICY), wait);
  assert.equal(chooseAmong([open, well], POLICY.failoverDelayMs - 1, POLICY), wait);
});

test('a payment does not wait for a processor that is only slow', () => {
  assert.equal(chooseAmong([slow, well], FRESH, POLICY), send(1));
  assert.equal(chooseAmong([slow, open, well], FRESH, POLICY), wait);
});

test('a more expensive processor takes it after the failover delay', () => {
  assert.equal(chooseAmong([open, well], PAST_DELAY_MS, POLICY), send(1));
  assert.equal(chooseAmong([slow, well], PAST_DELAY_MS, POLICY), send(1));
  assert.equal(chooseAmong([slow, open, well], PAST_DELAY_MS, POLICY), send(2));
});

test('without a failover delay it never waits for a cheaper processor', () => {
  assert.equal(chooseAmong([open, well], FRESH, { ...POLICY, failoverDelayMs: 0 }), send(1));
});

test('a probe goes to the cheapest processor that has one due, before anything waits', () => {
  assert.equal(chooseAmong([due(open), well], FRESH, POLICY), send(0, true));
  assert.equal(chooseAmong([due(slow), well], FRESH, POLICY), send(0, true));
  assert.equal(chooseAmong([due(open), well], PAST_DELAY_MS, POLICY), send(0, true));
});

test('a more expensive processor is probed only by payments past their failover delay', () => {
  assert.equal(chooseAmong([open, due(open)], FRESH, POLICY), wait);
  assert.equal(chooseAmong([open, due(open)], PAST_DELAY_MS, POLICY), send(1, true));
});

test('when no processor is fast the fastest one takes it', () => {
  const slower = { ...slow, expectedMs: 4000 };
  assert.equal(chooseAmong([slower, slow], FRESH, POLICY), send(1));
  assert.equal(chooseAmong([slower, open], FRESH, POLICY), wait);
  assert.equal(chooseAmong([slower, slow], PAST_DELAY_MS, POLICY), send(1));
  assert.equal(chooseAmong([slow, slower], PAST_DELAY_MS, POLICY), send(0));
  assert.equal(chooseAmong([slow, slow], PAST_DELAY_MS, POLICY), send(0));
});

test('an open breaker gets nothing, however long a payment waits', () => {
  assert.equal(chooseAmong([open, open], 1e9, POLICY), wait);
  assert.equal(chooseAmong([open, slow], 1e9, POLICY), send(1));
});

test('without processors everything waits', () => {
  assert.equal(chooseAmong([], 1e9, POLICY), wait);
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

/** Few of the drawn cases say something: seeds are fixed, and these are counted. */
const DRAWN = { seed: 2025, numRuns: 500 };
const LEAST = 50;

test('only probes go to an open breaker, and only when they are due', () => {
  let [probes, others] = [0, 0];
  fc.assert(
    fc.property(anyViews, fc.nat(200), anyPolicy, (views, ageMs, policy) => {
      const route = chooseAmong(views, ageMs, policy);
      if (route.kind === 'wait') return;
      if (route.isProbe) probes++;
      else others++;
      const view = views[route.processor];
      assert.ok(view !== undefined);
      assert.ok(route.isProbe ? view?.isProbeDue : !view?.open);
    }),
    DRAWN,
  );
  assert.ok(probes > LEAST && others > LEAST, `${probes} probes, ${others} others`);
});

test('when a payment must wait, so must every younger one', () => {
  let waiting = 0;
  fc.assert(
    fc.property(anyViews, fc.nat(200), fc.nat(200), anyPolicy, (views, ageMs, youngerMs, policy) => {
      const older = chooseAmong(views, ageMs + youngerMs, policy);
      if (older.kind !== 'wait' || views.length === 0) return;
      waiting++;
      assert.is(chooseAmong(views, ageMs, policy).kind, 'wait');
    }),
    DRAWN,
  );
  assert.ok(waiting > LEAST, `${waiting} wait`);
});

test('no healthy processor is cheaper than the chosen one', () => {
  let compared = 0;
  fc.assert(
    fc.property(anyViews, fc.nat(200), anyPolicy, (views, ageMs, policy) => {
      const route = chooseAmong(views, ageMs, policy);
      const best = views.findIndex((view) => !view.open && view.expectedMs <= policy.latencyBudgetMs);
      if (route.kind !== 'send' || best === -1) return;
      compared++;
      assert.ok(route.processor <= best);
    }),
    DRAWN,
  );
  assert.ok(compared > LEAST, `${compared} were sent although one is well`);
});

test('only processors of the order are chosen, in that order', () => {
  assert.equal(choose([well, well, well], [2, 0], FRESH, POLICY), send(2));
  assert.equal(choose([well, well, open], [2, 0], FRESH, POLICY), wait);
  assert.equal(choose([well, well, open], [2, 0], PAST_DELAY_MS, POLICY), send(0));
  assert.equal(choose([well, slow, { ...slow, expectedMs: 1002 }], [2, 1], FRESH, POLICY), send(1));
  assert.equal(choose([well, well], [], 1e9, POLICY), wait);
});

test('an order of processors is as good as a list of them in that order', () => {
  const anyOrder = anyViews.chain((views) =>
    fc.shuffledSubarray([...views.keys()]).map((order) => ({ views, order })),
  );
  fc.assert(
    fc.property(anyOrder, fc.nat(200), anyPolicy, ({ views, order }, ageMs, policy) => {
      const listed = order.map((processor) => views[processor] as ProcessorView);
      const route = chooseAmong(listed, ageMs, policy);
      const expected = route.kind === 'wait' ? route : { ...route, processor: order[route.processor] };
      assert.equal(choose(views, order, ageMs, policy), expected);
    }),
  );
});

test('a paused processor gets nothing and is not waited for, whatever else it is', () => {
  assert.equal(chooseAmong([paused(well), well], FRESH, POLICY), send(1));
  assert.equal(chooseAmong([paused(open), well], FRESH, POLICY), send(1));
  assert.equal(chooseAmong([paused(due(open)), well], FRESH, POLICY), send(1));
  assert.equal(chooseAmong([{ ...paused(well), isPaced: true }, well], FRESH, POLICY), send(1));
  assert.equal(chooseAmong([paused(well), open], PAST_DELAY_MS, POLICY), wait);
  assert.equal(chooseAmong([paused(well), { ...slow, expectedMs: 9000 }], FRESH, POLICY), send(1));
  assert.equal(chooseAmong([paused(well), paused(slow)], 1e9, POLICY), wait);
});

/** The reasons of all processors after the choice for a payment of that age. */
function reasons(views: readonly ProcessorView[], ageMs: number, isFull = false): RoutingReason[] {
  const order = [...views.keys()];
  return routingReasons(views, [{ order, route: choose(views, order, ageMs, POLICY), isFull }], POLICY);
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
  assert.equal(reasons([paused(well), well], FRESH), ['paused', 'cheapest-well']);
  assert.equal(reasons([paused(open), open, well], FRESH), ['paused', 'failing', 'after-failover-delay']);
  assert.equal(reasons([paused(well), paused(well)], FRESH), ['paused', 'paused']);
});

test('a processor that is chosen for some amounts has the reason of that choice', () => {
  const decision = (order: readonly number[], isFull = false) => ({
    order,
    route: choose([well, well, well], order, FRESH, POLICY),
    isFull,
  });
  const of = (...decisions: ReturnType<typeof decision>[]) =>
    routingReasons([well, well, well], decisions, POLICY);
  assert.equal(of(decision([0, 1])), ['cheapest-well', 'not-needed', 'amount-not-taken']);
  assert.equal(of(decision([0, 1]), decision([1, 0])), [
    'cheapest-well',
    'cheapest-well',
    'amount-not-taken',
  ]);
  assert.equal(of(decision([2, 1], true), decision([2, 0])), ['not-needed', 'not-needed', 'full']);
  assert.equal(of(decision([])), ['amount-not-taken', 'amount-not-taken', 'amount-not-taken']);
});

test.run();

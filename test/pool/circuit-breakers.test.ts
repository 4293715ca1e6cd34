import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AmountClasses } from '../../src/pool/amount-classes.ts';
import { CircuitBreakers } from '../../src/pool/circuit-breakers.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { KeptLog } from '../kept-log.ts';
import { ManualClock } from '../manual-clock.ts';
import { processorTarget } from '../processor-target.ts';

const SHAPE = { processorCount: 2, threadCount: 1 };
const POLICY = {
  failoverDelayMs: 5000,
  latencyBudgetMs: 1000,
  restMaxMs: 60_000,
  outageLookUpRate: 10,
};
const BREAKER = { failures: 3, baseMs: 200, maxMs: 1000 };
const CLASSES = new AmountClasses([processorTarget(), processorTarget()]);

/** With a random value of 0, equal jitter is half of its bound: probes come after 100, 200, 400, 500, 500 ... ms. */
function setUp(random = (): number => 0) {
  const clock = new ManualClock();
  const log = new KeptLog();
  const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  sharedState.setControls([{ use: 'in-use' }, { use: 'in-use' }]);
  const metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  const breakers = new CircuitBreakers({
    sharedState,
    metrics: metricsTable.thread(0),
    classes: CLASSES,
    targets: ['default', 'fallback'].map((name) => processorTarget({ name, breaker: BREAKER })),
    policy: POLICY,
    clock,
    random,
    log,
  });
  const isOpen = () => breakers.views()[0]?.open;
  const isProbeDue = () => breakers.views()[0]?.isProbeDue;
  const expectedMs = () => breakers.views()[0]?.expectedMs;
  const failThrice = (processor = 0) => {
    for (let failure = 0; failure < BREAKER.failures; failure++) breakers.failed(processor, 'refused');
  };
  return {
    clock,
    log,
    sharedState,
    metricsTable,
    breakers,
    isOpen,
    isProbeDue,
    expectedMs,
    failThrice,
  };
}

test('at first every processor is well', () => {
  const { breakers } = setUp();
  assert.equal(
    breakers.views().map(({ open, expectedMs }) => ({ open, expectedMs })),
    [
      { open: false, expectedMs: 0 },
      { open: false, expectedMs: 0 },
    ],
  );
});

test('failures in a row open the breaker, of that processor alone', () => {
  const { breakers, sharedState, log, isOpen } = setUp();
  breakers.failed(0, 'refused');
  breakers.failed(0, 'refused');
  assert.not(isOpen());
  breakers.failed(0, 'refused');
  assert.ok(isOpen());
  assert.not(breakers.views()[1]?.open);
  assert.is(sharedState.openedWhy(0), 'refused');
  breakers.failed(0, 'refused');
  assert.equal(log.lines, ['info breaker open']);
});

test('a success in between resets the count', () => {
  const { breakers, isOpen } = setUp();
  breakers.failed(0, 'refused');
  breakers.failed(0, 'refused');
  breakers.succeeded(0, 5);
  breakers.failed(0, 'refused');
  breakers.failed(0, 'refused');
  assert.not(isOpen());
});

test('any success closes the breaker', () => {
  const { breakers, log, metricsTable, isOpen, failThrice } = setUp();
  failThrice();
  breakers.succeeded(0, 5);
  assert.not(isOpen());
  assert.equal(log.lines, ['info breaker open', 'info breaker closed']);
  breakers.succeeded(0, 5);
  assert.equal(
    [metricsTable.countedAt(0, 'breakerOpened'), metricsTable.countedAt(0, 'breakerClosed')],
    [1, 1],
  );
});

test('an open breaker allows one probe after its backoff', () => {
  const { clock, breakers, isProbeDue, failThrice } = setUp();
  failThrice();
  clock.pass(99);
  assert.not(isProbeDue());
  assert.not(breakers.takeProbe(0));
  clock.pass(1);
  assert.ok(isProbeDue());
  assert.ok(breakers.takeProbe(0));
  assert.not(breakers.takeProbe(0));
});

test('failed probes delay the next one more and more, up to the cap', () => {
  const { clock, breakers, failThrice } = setUp();
  failThrice();
  const delaysMs: number[] = [];
  for (let probe = 0; probe < 6; probe++) {
    const startMs = clock.monotonicMs();
    while (!breakers.takeProbe(0)) clock.pass(1);
    delaysMs.push(clock.monotonicMs() - startMs);
    breakers.failed(0, 'refused');
  }
  assert.equal(delaysMs, [100, 200, 400, 500, 500, 500]);
});

test('taking a probe too early does not delay the next one', () => {
  const { clock, breakers, isProbeDue, failThrice } = setUp();
  failThrice();
  for (let look = 0; look < 5; look++) assert.not(breakers.takeProbe(0));
  clock.pass(100);
  assert.ok(breakers.takeProbe(0));
  for (let look = 0; look < 5; look++) assert.not(breakers.takeProbe(0));
  clock.pass(200);
  assert.ok(isProbeDue());
});

test('the delay of a probe has jitter', () => {
  const { clock, isProbeDue, failThrice } = setUp(() => 0.5);
  failThrice();
  clock.pass(149);
  assert.not(isProbeDue());
  clock.pass(1);
  assert.ok(isProbeDue());
});

test('after a success the next outage starts with the shortest delay again', () => {
  const { clock, breakers, isProbeDue, failThrice } = setUp();
  failThrice();
  clock.pass(100);
  breakers.takeProbe(0);
  breakers.succeeded(0, 5);
  failThrice();
  clock.pass(100);
  assert.ok(isProbeDue());
});

test('a health answer that says failing opens the breaker', () => {
  const { sharedState, clock, breakers, isOpen } = setUp();
  clock.pass(5000);
  breakers.reported(0, true, 0);
  assert.ok(isOpen());
  assert.equal(sharedState.reported(0), { failing: true, minResponseTimeMs: 0, atMs: clock.monotonicMs() });
});

test('a health answer that says failing is ignored right after a success', () => {
  const { clock, breakers, isOpen } = setUp();
  breakers.succeeded(0, 5);
  clock.pass(1000);
  breakers.reported(0, true, 0);
  assert.not(isOpen());
  clock.pass(1);
  breakers.reported(0, true, 0);
  assert.ok(isOpen());
});

test('the first good health answer makes a probe due at once, and closes nothing', () => {
  const { clock, breakers, isOpen, isProbeDue, failThrice } = setUp();
  failThrice();
  clock.pass(1);
  breakers.reported(0, false, 5);
  assert.ok(isOpen());
  assert.ok(isProbeDue());
  assert.ok(breakers.takeProbe(0));
  clock.pass(99);
  assert.not(isProbeDue());
  clock.pass(1);
  assert.ok(isProbeDue());
});

test('without payments the second good health answer in a row closes the breaker', () => {
  const { log, metricsTable, breakers, isOpen, failThrice } = setUp();
  failThrice();
  breakers.reported(0, false, 5);
  assert.ok(isOpen());
  breakers.reported(0, false, 5);
  assert.not(isOpen());
  assert.equal(log.lines, ['info breaker open', 'info breaker closed']);
  assert.is(metricsTable.countedAt(0, 'breakerClosed'), 1);
});

test('the same holds when health opened it, and when health says that the processor is slow', () => {
  const { clock, breakers, isOpen, expectedMs } = setUp();
  clock.pass(5000);
  breakers.reported(0, true, 0);
  breakers.reported(0, false, 2000);
  breakers.reported(0, false, 2000);
  assert.not(isOpen());
  assert.is(expectedMs(), 2000, 'slow, but not failing');
});

test('a bad health answer or a failed call in between starts over', () => {
  const { clock, breakers, isOpen, isProbeDue, failThrice } = setUp();
  clock.pass(5000);
  failThrice();
  for (const setback of [() => breakers.reported(0, true, 0), () => breakers.failed(0, 'refused')]) {
    breakers.reported(0, false, 5);
    assert.ok(isProbeDue());
    setback();
    assert.not(isProbeDue(), 'no probe without a reason');
    breakers.reported(0, false, 5);
    assert.ok(isOpen());
  }
  breakers.reported(0, false, 5);
  assert.not(isOpen());
});

test('one failed call opens it again, whenever it was sent, even if health had opened it', () => {
  const { clock, breakers, isOpen } = setUp();
  clock.pass(5000);
  breakers.reported(0, true, 0);
  breakers.reported(0, false, 5);
  breakers.failed(0, 'refused');
  for (const _ of [1, 2]) {
    assert.ok(isOpen());
    breakers.reported(0, false, 5);
  }
  assert.not(isOpen(), 'two answers after the failure');
});

test('a slow processor is probed, however long the machine has been up and however old the last probe is', () => {
  for (const uptimeDays of [0, 24, 25, 30, 49, 50, 400]) {
    const { clock, breakers, isProbeDue } = setUp();
    clock.pass(uptimeDays * 86_400_000);
    breakers.succeeded(0, 3000);
    assert.ok(isProbeDue(), `the first call, up ${uptimeDays} days`);
    breakers.succeeded(1, 5);
    clock.pass(30 * 86_400_000);
    breakers.succeeded(1, 3000);
    assert.ok(breakers.takeProbe(1), `thirty days later, up ${uptimeDays} days`);
  }
});

test('once a probe is taken it decides: health closes nothing before its answer', () => {
  const { clock, sharedState, log, breakers, isOpen, isProbeDue, failThrice } = setUp();
  failThrice();
  breakers.reported(0, false, 5);
  assert.ok(breakers.takeProbe(0));
  sharedState.setCalls(0, 0, 1, clock.monotonicMs());
  for (let answer = 0; answer < 3; answer++) {
    breakers.reported(0, false, 5);
    assert.ok(isOpen());
  }
  sharedState.setCalls(0, 0, 0, 0);
  breakers.failed(0, 'timeout');
  assert.ok(isOpen());
  assert.not(isProbeDue());
  breakers.reported(0, false, 5);
  assert.ok(breakers.takeProbe(0));
  breakers.succeeded(0, 5);
  assert.not(isOpen());
  assert.equal(log.lines, ['info breaker open', 'info breaker closed'], 'one outage, logged once');
});

test('a probe that was taken but never sent blocks nothing', () => {
  const { breakers, isOpen, failThrice } = setUp();
  failThrice();
  breakers.reported(0, false, 5);
  assert.ok(breakers.takeProbe(0));
  breakers.reported(0, false, 5);
  assert.ok(isOpen());
  breakers.reported(0, false, 5);
  assert.not(isOpen());
});

test('a breaker that health closed opens with the first call that fails', () => {
  const { breakers, isOpen, failThrice } = setUp();
  failThrice();
  breakers.reported(0, false, 5);
  breakers.reported(0, false, 5);
  assert.not(isOpen());
  breakers.failed(0, 'refused');
  assert.ok(isOpen());
});

test('a health answer updates an outdated routing reason while no payments are routed', () => {
  const { sharedState, clock, breakers, failThrice } = setUp();
  const shown = () => [sharedState.reason(0).reason, sharedState.reason(1).reason];
  breakers.reported(0, false, 5);
  assert.equal(shown(), ['none', 'none'], 'nothing has been routed');
  failThrice();
  sharedState.setReason(0, 'failing', clock.monotonicMs());
  sharedState.setReason(1, 'after-failover-delay', clock.monotonicMs());
  sharedState.setCalls(0, 1, 1, clock.monotonicMs());
  breakers.reported(0, false, 5);
  assert.equal(
    shown(),
    ['failing', 'after-failover-delay'],
    'payments are routed, and give their own reasons',
  );
  sharedState.setCalls(0, 1, 0, 0);
  breakers.reported(0, false, 5);
  assert.equal(shown(), ['cheapest-well', 'not-needed']);
});

test('a good health answer does not change the probe of a closed breaker', () => {
  const { clock, sharedState, breakers, isProbeDue } = setUp();
  sharedState.setProbeAt(0, clock.monotonicMs() + 500);
  breakers.reported(0, false, 5);
  assert.not(isProbeDue());
});

test('a slower latency counts at once, a faster one by half', () => {
  const { breakers, expectedMs } = setUp();
  breakers.succeeded(0, 400);
  assert.is(expectedMs(), 400);
  breakers.succeeded(0, 800);
  assert.is(expectedMs(), 800);
  breakers.succeeded(0, 0);
  assert.is(expectedMs(), 400);
  breakers.succeeded(0, 100);
  assert.is(expectedMs(), 250);
});

test('the age of the oldest call in flight counts as latency', () => {
  const { clock, sharedState, expectedMs } = setUp();
  sharedState.setCalls(0, 0, 1, clock.monotonicMs());
  clock.pass(1234);
  assert.is(expectedMs(), 1234);
  sharedState.setLatency(0, 2000);
  assert.is(expectedMs(), 2000);
  sharedState.setLatency(0, 5);
  sharedState.setCalls(0, 0, 0, 0);
  assert.is(expectedMs(), 5);
});

test('a report sets the latency of an idle processor, and only raises that of a busy one', () => {
  const { clock, sharedState, breakers, expectedMs } = setUp();
  sharedState.setLatency(0, 3000);
  breakers.reported(0, false, 20);
  assert.is(expectedMs(), 20);
  sharedState.setCalls(0, 0, 1, clock.monotonicMs());
  breakers.reported(0, false, 10);
  assert.is(expectedMs(), 20);
  breakers.reported(0, false, 700);
  assert.is(expectedMs(), 700);
});

test('a processor that health calls slow is not probed until that health answer is old', () => {
  const { breakers, clock, isProbeDue, expectedMs } = setUp();
  breakers.reported(0, false, 2000);
  assert.is(expectedMs(), 2000);
  clock.pass(10_000);
  assert.not(isProbeDue());
  clock.pass(1000);
  assert.ok(isProbeDue());
  breakers.reported(0, false, 2000);
  assert.not(isProbeDue());
});

test('a processor that health calls slow is not probed while its breaker is open either', () => {
  const { breakers, clock, isOpen, isProbeDue, failThrice } = setUp();
  failThrice();
  breakers.reported(0, true, 2000);
  assert.ok(isOpen());
  clock.pass(10_000);
  assert.not(isProbeDue());
  breakers.reported(0, false, 20);
  assert.ok(isProbeDue());
});

for (const slowMs of [0, 2000]) {
  test(`when a more expensive processor recovers, a probe of a cheaper one is due at once, even if that took ${slowMs} ms`, () => {
    const { breakers, isOpen, isProbeDue, failThrice } = setUp();
    failThrice();
    failThrice(1);
    breakers.reported(0, true, slowMs);
    assert.not(isProbeDue());
    breakers.succeeded(1, 20);
    assert.ok(isOpen());
    assert.ok(breakers.takeProbe(0));
    breakers.succeeded(1, 20);
    assert.not(isProbeDue(), 'once, and not with each success');
  });
}

test('when a cheaper processor recovers, neither a more expensive nor a healthy one is probed', () => {
  const { breakers, sharedState, clock, failThrice } = setUp();
  failThrice();
  failThrice(1);
  breakers.succeeded(0, 20);
  assert.not(breakers.views()[1]?.isProbeDue);
  sharedState.setProbeAt(0, clock.monotonicMs() + 1);
  breakers.succeeded(1, 20);
  assert.not(breakers.views()[0]?.isProbeDue);
});

test('a slow processor keeps its breaker closed, and is probed in the same way', () => {
  const { clock, breakers, isOpen, isProbeDue } = setUp();
  breakers.succeeded(0, 5);
  breakers.succeeded(0, 3000);
  assert.not(isOpen());
  assert.ok(isProbeDue(), 'one is due at once');
  const delaysMs: number[] = [];
  for (let probe = 0; probe < 3; probe++) {
    const startMs = clock.monotonicMs();
    while (!breakers.takeProbe(0)) clock.pass(1);
    delaysMs.push(clock.monotonicMs() - startMs);
    breakers.succeeded(0, 3000);
  }
  assert.equal(delaysMs, [0, 100, 200]);
});

// Rests, look-ups and processors that refuse everything.

test('a processor rests for as long as it asked, up to the limit, and health does not end that', () => {
  const { clock, breakers, log, isOpen, isProbeDue } = setUp();
  breakers.rest(0, 5000);
  assert.equal(log.lines, ['info breaker open']);
  clock.pass(4999);
  breakers.reported(0, false, 10);
  breakers.reported(0, false, 10);
  assert.ok(isOpen());
  assert.not(isProbeDue());
  clock.pass(1);
  assert.ok(isProbeDue());
  breakers.succeeded(0, 5);
  assert.not(isOpen());
  breakers.rest(0, 3_600_000);
  clock.pass(POLICY.restMaxMs - 1);
  assert.not(isProbeDue());
  clock.pass(1);
  assert.ok(isProbeDue());
});

test('a call that succeeds does not end a rest, and a shorter rest does not shorten it', () => {
  const { clock, breakers, isOpen } = setUp();
  breakers.rest(0, 5000);
  breakers.rest(0, 100);
  breakers.succeeded(0, 5);
  clock.pass(4999);
  assert.ok(isOpen());
  clock.pass(1);
  assert.not(isOpen());
});

test('a rest of no time is none', () => {
  const { breakers, isOpen } = setUp();
  breakers.rest(0, 0);
  assert.not(isOpen());
});

test('the breaker of a dearer processor that closes does not wake one that rests', () => {
  const { clock, breakers, isProbeDue, failThrice } = setUp();
  failThrice(1);
  breakers.rest(0, 5000);
  breakers.succeeded(1, 5);
  clock.pass(4999);
  assert.not(isProbeDue());
});

test('in an outage look-ups are limited to their rate; otherwise they are not', () => {
  const { clock, breakers, failThrice } = setUp();
  const taken = (times: number) => Array.from({ length: times }, () => breakers.takeLookUp(0));
  assert.equal(taken(3), [true, true, true]);
  failThrice();
  assert.equal(taken(3), [true, false, false]);
  clock.pass(1000 / POLICY.outageLookUpRate - 1);
  assert.equal(taken(1), [false]);
  clock.pass(1);
  assert.equal(taken(2), [true, false]);
});

test('a rest, of the processor or of look-ups alone, is kept by look-ups', () => {
  const { clock, breakers, isOpen } = setUp();
  breakers.restLookUps(0, 3000);
  assert.not(breakers.takeLookUp(0));
  assert.not(breakers.wantsLookUps(0));
  assert.not(isOpen(), 'payments go there as before');
  clock.pass(3000);
  assert.ok(breakers.wantsLookUps(0));
  assert.ok(breakers.takeLookUp(0));
  breakers.rest(0, 3000);
  assert.not(breakers.takeLookUp(0));
  assert.not(breakers.wantsLookUps(0));
  clock.pass(3000);
  assert.ok(breakers.takeLookUp(0));
});

test('what a processor that refuses every request does not find may be there', () => {
  const { breakers, clock, failThrice, isOpen } = setUp();
  assert.ok(breakers.believesAbsence(0));
  breakers.unfit(0, 'HTTP 401');
  assert.not(breakers.believesAbsence(0));
  assert.ok(breakers.believesAbsence(1));
  breakers.unfit(0, 'HTTP 401');
  breakers.unfit(0, 'HTTP 401');
  assert.ok(isOpen());
  failThrice();
  breakers.reported(0, false, 10);
  clock.pass(60_000);
  assert.not(
    breakers.believesAbsence(0),
    'an outage proves nothing, and the health route may be the only one that works',
  );
  breakers.succeeded(0, 5);
  assert.ok(breakers.believesAbsence(0));
});

test('one of several machines behind an address may refuse every request while another carries them out', () => {
  for (const carriesOut of ['succeeded', 'carriedOut'] as const) {
    const { breakers, clock } = setUp();
    breakers.unfit(0, 'HTTP 404');
    breakers[carriesOut](0, 5);
    assert.not(breakers.believesAbsence(0));
    clock.pass(29_000);
    breakers.unfit(0, 'HTTP 404');
    breakers[carriesOut](0, 5);
    clock.pass(29_999);
    assert.not(breakers.believesAbsence(0), 'the hold time begins anew');
    clock.pass(1);
    assert.ok(breakers.believesAbsence(0));
  }
});

test.run();

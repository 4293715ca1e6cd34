import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Standing } from '../../src/pool/circuit-breakers.ts';
import { Meters } from '../../src/shared-memory/metrics-table.ts';
import { Board } from '../../src/shared-memory/state.ts';
import { KeptLog } from '../kept-log.ts';
import { ManualClock } from '../manual-clock.ts';

const SHAPE = { processorCount: 2, threadCount: 1 };
const POLICY = {
  patienceMs: 5000,
  latencyBudgetMs: 1000,
  breakerFailures: 3,
  breakerBackoff: { baseMs: 200, maxMs: 1000 },
};

/** Without luck: equal jitter is half of its bound, so trials come after 100, 200, 400, 500, 500 ... ms. */
function setUp(random = (): number => 0) {
  const clock = new ManualClock();
  const log = new KeptLog();
  const board = new Board(Board.allocate(SHAPE), SHAPE);
  const meters = new Meters(Meters.allocate(SHAPE), SHAPE);
  const standing = new Standing({
    board,
    sheet: meters.sheet(0),
    names: ['default', 'fallback'],
    policy: POLICY,
    clock,
    random,
    log,
  });
  const isOpen = () => standing.views()[0]?.open;
  const isTrialDue = () => standing.views()[0]?.trialDue;
  const expectedMs = () => standing.views()[0]?.expectedMs;
  const failThrice = (processor = 0) => {
    for (let failure = 0; failure < POLICY.breakerFailures; failure++) standing.failed(processor, 'refused');
  };
  return { clock, log, board, meters, standing, isOpen, isTrialDue, expectedMs, failThrice };
}

test('at first every processor is well', () => {
  const { standing } = setUp();
  assert.equal(
    standing.views().map(({ open, expectedMs }) => ({ open, expectedMs })),
    [
      { open: false, expectedMs: 0 },
      { open: false, expectedMs: 0 },
    ],
  );
});

test('failures in a row open the breaker, of that processor alone', () => {
  const { standing, log, isOpen } = setUp();
  standing.failed(0, 'refused');
  standing.failed(0, 'refused');
  assert.not(isOpen());
  standing.failed(0, 'refused');
  assert.ok(isOpen());
  assert.not(standing.views()[1]?.open);
  standing.failed(0, 'refused');
  assert.equal(log.lines, ['info breaker open']);
});

test('a success in between begins the row anew', () => {
  const { standing, isOpen } = setUp();
  standing.failed(0, 'refused');
  standing.failed(0, 'refused');
  standing.succeeded(0, 5);
  standing.failed(0, 'refused');
  standing.failed(0, 'refused');
  assert.not(isOpen());
});

test('any success closes it', () => {
  const { standing, log, meters, isOpen, failThrice } = setUp();
  failThrice();
  standing.succeeded(0, 5);
  assert.not(isOpen());
  assert.equal(log.lines, ['info breaker open', 'info breaker closed']);
  standing.succeeded(0, 5);
  assert.equal([meters.countedAt(0, 'breakerOpened'), meters.countedAt(0, 'breakerClosed')], [1, 1]);
});

test('an open one is tried after its backoff, once', () => {
  const { clock, standing, isTrialDue, failThrice } = setUp();
  failThrice();
  clock.pass(99);
  assert.not(isTrialDue());
  assert.not(standing.takeTrial(0));
  clock.pass(1);
  assert.ok(isTrialDue());
  assert.ok(standing.takeTrial(0));
  assert.not(standing.takeTrial(0));
});

test('trials that fail come ever later, up to the cap', () => {
  const { clock, standing, failThrice } = setUp();
  failThrice();
  const delaysMs: number[] = [];
  for (let trial = 0; trial < 6; trial++) {
    const startMs = clock.monotonicMs();
    while (!standing.takeTrial(0)) clock.pass(1);
    delaysMs.push(clock.monotonicMs() - startMs);
    standing.failed(0, 'refused');
  }
  assert.equal(delaysMs, [100, 200, 400, 500, 500, 500]);
});

test('who comes too early for a trial does not delay the next', () => {
  const { clock, standing, isTrialDue, failThrice } = setUp();
  failThrice();
  for (let look = 0; look < 5; look++) assert.not(standing.takeTrial(0));
  clock.pass(100);
  assert.ok(standing.takeTrial(0));
  for (let look = 0; look < 5; look++) assert.not(standing.takeTrial(0));
  clock.pass(200);
  assert.ok(isTrialDue());
});

test('the delay of a trial has jitter', () => {
  const { clock, isTrialDue, failThrice } = setUp(() => 0.5);
  failThrice();
  clock.pass(149);
  assert.not(isTrialDue());
  clock.pass(1);
  assert.ok(isTrialDue());
});

test('a success lets the next breaker begin with the shortest delay again', () => {
  const { clock, standing, isTrialDue, failThrice } = setUp();
  failThrice();
  clock.pass(100);
  standing.takeTrial(0);
  standing.succeeded(0, 5);
  failThrice();
  clock.pass(100);
  assert.ok(isTrialDue());
});

test('health that says failing opens it', () => {
  const { board, clock, standing, isOpen } = setUp();
  clock.pass(5000);
  standing.reported(0, true, 0);
  assert.ok(isOpen());
  assert.equal(board.reported(0), { failing: true, minResponseTimeMs: 0, atMs: clock.monotonicMs() });
});

test('health that says failing is not believed right after a success', () => {
  const { clock, standing, isOpen } = setUp();
  standing.succeeded(0, 5);
  clock.pass(1000);
  standing.reported(0, true, 0);
  assert.not(isOpen());
  clock.pass(1);
  standing.reported(0, true, 0);
  assert.ok(isOpen());
});

test('health that says well makes a trial due at once, and closes nothing the first time', () => {
  const { clock, standing, isOpen, isTrialDue, failThrice } = setUp();
  failThrice();
  clock.pass(1);
  standing.reported(0, false, 5);
  assert.ok(isOpen());
  assert.ok(isTrialDue());
  assert.ok(standing.takeTrial(0));
  clock.pass(99);
  assert.not(isTrialDue());
  clock.pass(1);
  assert.ok(isTrialDue());
});

test('where no payment comes, the second good health answer in a row closes it', () => {
  const { log, meters, standing, isOpen, failThrice } = setUp();
  failThrice();
  standing.reported(0, false, 5);
  assert.ok(isOpen());
  standing.reported(0, false, 5);
  assert.not(isOpen());
  assert.equal(log.lines, ['info breaker open', 'info breaker closed']);
  assert.is(meters.countedAt(0, 'breakerClosed'), 1);
});

test('so it is when health opened it, and when health says that it is slow', () => {
  const { clock, standing, isOpen, expectedMs } = setUp();
  clock.pass(5000);
  standing.reported(0, true, 0);
  standing.reported(0, false, 2000);
  standing.reported(0, false, 2000);
  assert.not(isOpen());
  assert.is(expectedMs(), 2000, 'slow, but not failing');
});

test('a bad health answer or a failed call in between begins anew', () => {
  const { clock, standing, isOpen, isTrialDue, failThrice } = setUp();
  clock.pass(5000);
  failThrice();
  for (const setback of [() => standing.reported(0, true, 0), () => standing.failed(0, 'refused')]) {
    standing.reported(0, false, 5);
    assert.ok(isTrialDue());
    setback();
    assert.not(isTrialDue(), 'no trial while there is no reason for one');
    standing.reported(0, false, 5);
    assert.ok(isOpen());
  }
  standing.reported(0, false, 5);
  assert.not(isOpen());
});

test('one failed call opens it again, whenever it was sent, also where health had opened it', () => {
  const { clock, standing, isOpen } = setUp();
  clock.pass(5000);
  standing.reported(0, true, 0);
  standing.reported(0, false, 5);
  standing.failed(0, 'refused');
  for (const _ of [1, 2]) {
    assert.ok(isOpen());
    standing.reported(0, false, 5);
  }
  assert.not(isOpen(), 'two answers after the failure');
});

test('a slow one is tried however long the machine has been up, and however long ago it was tried', () => {
  for (const uptimeDays of [0, 24, 25, 30, 49, 50, 400]) {
    const { clock, standing, isTrialDue } = setUp();
    clock.pass(uptimeDays * 86_400_000);
    standing.succeeded(0, 3000);
    assert.ok(isTrialDue(), `the first call, up ${uptimeDays} days`);
    standing.succeeded(1, 5);
    clock.pass(30 * 86_400_000);
    standing.succeeded(1, 3000);
    assert.ok(standing.takeTrial(1), `thirty days later, up ${uptimeDays} days`);
  }
});

test('a trial decides once it is taken: health closes nothing before its answer', () => {
  const { clock, board, log, standing, isOpen, isTrialDue, failThrice } = setUp();
  failThrice();
  standing.reported(0, false, 5);
  assert.ok(standing.takeTrial(0));
  board.setCalls(0, 0, 1, clock.monotonicMs());
  for (let answer = 0; answer < 3; answer++) {
    standing.reported(0, false, 5);
    assert.ok(isOpen());
  }
  board.setCalls(0, 0, 0, 0);
  standing.failed(0, 'timeout');
  assert.ok(isOpen());
  assert.not(isTrialDue());
  standing.reported(0, false, 5);
  assert.ok(standing.takeTrial(0));
  standing.succeeded(0, 5);
  assert.not(isOpen());
  assert.equal(log.lines, ['info breaker open', 'info breaker closed'], 'one outage, told once');
});

test('a trial that was taken and never sent holds nothing up', () => {
  const { standing, isOpen, failThrice } = setUp();
  failThrice();
  standing.reported(0, false, 5);
  assert.ok(standing.takeTrial(0));
  standing.reported(0, false, 5);
  assert.ok(isOpen());
  standing.reported(0, false, 5);
  assert.not(isOpen());
});

test('one that health closed, and whose calls fail still, opens with the first of them', () => {
  const { standing, isOpen, failThrice } = setUp();
  failThrice();
  standing.reported(0, false, 5);
  standing.reported(0, false, 5);
  assert.not(isOpen());
  standing.failed(0, 'refused');
  assert.ok(isOpen());
});

test('a reason that a health answer makes untrue is replaced while no payment is routed', () => {
  const { board, clock, standing, failThrice } = setUp();
  const shown = () => [board.reason(0).reason, board.reason(1).reason];
  standing.reported(0, false, 5);
  assert.equal(shown(), ['none', 'none'], 'nothing has been routed');
  failThrice();
  board.setReason(0, 'failing', clock.monotonicMs());
  board.setReason(1, 'after-patience', clock.monotonicMs());
  board.setCalls(0, 1, 1, clock.monotonicMs());
  standing.reported(0, false, 5);
  assert.equal(shown(), ['failing', 'after-patience'], 'payments are routed, and give their own reasons');
  board.setCalls(0, 1, 0, 0);
  standing.reported(0, false, 5);
  assert.equal(shown(), ['cheapest-well', 'not-needed']);
});

test('health that says well of a closed one changes no trial', () => {
  const { clock, board, standing, isTrialDue } = setUp();
  board.setTrialAt(0, clock.monotonicMs() + 500);
  standing.reported(0, false, 5);
  assert.not(isTrialDue());
});

test('slower is believed at once, quicker by halves', () => {
  const { standing, expectedMs } = setUp();
  standing.succeeded(0, 400);
  assert.is(expectedMs(), 400);
  standing.succeeded(0, 800);
  assert.is(expectedMs(), 800);
  standing.succeeded(0, 0);
  assert.is(expectedMs(), 400);
  standing.succeeded(0, 100);
  assert.is(expectedMs(), 250);
});

test('the oldest call in flight tells as much as one that has ended', () => {
  const { clock, board, expectedMs } = setUp();
  board.setCalls(0, 0, 1, clock.monotonicMs());
  clock.pass(1234);
  assert.is(expectedMs(), 1234);
  board.setLatency(0, 2000);
  assert.is(expectedMs(), 2000);
  board.setLatency(0, 5);
  board.setCalls(0, 0, 0, 0);
  assert.is(expectedMs(), 5);
});

test('a report sets the latency of an idle processor, and only raises that of a busy one', () => {
  const { clock, board, standing, expectedMs } = setUp();
  board.setLatency(0, 3000);
  standing.reported(0, false, 20);
  assert.is(expectedMs(), 20);
  board.setCalls(0, 0, 1, clock.monotonicMs());
  standing.reported(0, false, 10);
  assert.is(expectedMs(), 20);
  standing.reported(0, false, 700);
  assert.is(expectedMs(), 700);
});

test('one that health calls slow is not tried until health has been silent for long', () => {
  const { standing, clock, isTrialDue, expectedMs } = setUp();
  standing.reported(0, false, 2000);
  assert.is(expectedMs(), 2000);
  clock.pass(10_000);
  assert.not(isTrialDue());
  clock.pass(1000);
  assert.ok(isTrialDue());
  standing.reported(0, false, 2000);
  assert.not(isTrialDue());
});

test('one that health calls slow is not tried while its breaker is open either', () => {
  const { standing, clock, isOpen, isTrialDue, failThrice } = setUp();
  failThrice();
  standing.reported(0, true, 2000);
  assert.ok(isOpen());
  clock.pass(10_000);
  assert.not(isTrialDue());
  standing.reported(0, false, 20);
  assert.ok(isTrialDue());
});

for (const slowMs of [0, 2000]) {
  test(`a dearer one that is well again makes a trial due at once, also of one that took ${slowMs} ms`, () => {
    const { standing, isOpen, isTrialDue, failThrice } = setUp();
    failThrice();
    failThrice(1);
    standing.reported(0, true, slowMs);
    assert.not(isTrialDue());
    standing.succeeded(1, 20);
    assert.ok(isOpen());
    assert.ok(standing.takeTrial(0));
    standing.succeeded(1, 20);
    assert.not(isTrialDue(), 'once, and not with each success');
  });
}

test('a cheaper one that is well again is no reason to try a dearer one, nor to try one that is well', () => {
  const { standing, board, clock, failThrice } = setUp();
  failThrice();
  failThrice(1);
  standing.succeeded(0, 20);
  assert.not(standing.views()[1]?.trialDue);
  board.setTrialAt(0, clock.monotonicMs() + 1);
  standing.succeeded(1, 20);
  assert.not(standing.views()[0]?.trialDue);
});

test('a slow one keeps its breaker closed, and is tried again by the same trials', () => {
  const { clock, standing, isOpen, isTrialDue } = setUp();
  standing.succeeded(0, 5);
  standing.succeeded(0, 3000);
  assert.not(isOpen());
  assert.ok(isTrialDue(), 'one is due at once');
  const delaysMs: number[] = [];
  for (let trial = 0; trial < 3; trial++) {
    const startMs = clock.monotonicMs();
    while (!standing.takeTrial(0)) clock.pass(1);
    delaysMs.push(clock.monotonicMs() - startMs);
    standing.succeeded(0, 3000);
  }
  assert.equal(delaysMs, [0, 100, 200]);
});

test.run();

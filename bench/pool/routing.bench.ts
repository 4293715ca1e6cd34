import { Bench } from 'tinybench';
import { AmountClasses, type Tariff } from '../../src/pool/amount-classes.ts';
import { ClassQueues } from '../../src/pool/class-queues.ts';
import { Delivery } from '../../src/pool/delivery.ts';
import { Queue } from '../../src/pool/queue.ts';
import { choose, type ProcessorView } from '../../src/pool/routing.ts';

const smoke = process.env['BENCH_SMOKE'] === '1';
const PAYMENTS = 256;
const POLICY = { failoverDelayMs: 2000, latencyBudgetMs: 1250 };
const MAX = Number.MAX_SAFE_INTEGER;
const VIEWS: ProcessorView[] = Array.from({ length: 4 }, () => ({
  open: false,
  isProbeDue: false,
  expectedMs: 5,
}));

const deliveries = Array.from({ length: PAYMENTS }, (_, number) => {
  const correlationId = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
  return new Delivery({ correlationId, amountCents: 1 + number * 40, acceptedAtMs: 0 }, 0, null, number, 0);
});

/** What a turn does to take and route a full batch, without the claims. */
function pass(tariffs: readonly Tariff[]): () => void {
  const queues = new ClassQueues(new AmountClasses(tariffs), 1);
  return () => {
    for (const delivery of deliveries) queues.push(delivery);
    for (const queue of queues.byAge()) {
      for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
        choose(VIEWS, queue.order, 1000 - next.acceptedAtMonotonicMs, POLICY);
        queue.of(next.shard).shift();
      }
    }
  };
}

/** The same without amount classes: one queue, and all processors in one order. */
function passWithoutClasses(): () => void {
  const queue = new Queue<Delivery>();
  const order = [0, 1];
  return () => {
    for (const delivery of deliveries) queue.push(delivery);
    for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
      choose(VIEWS, order, 1000 - next.acceptedAtMonotonicMs, POLICY);
      queue.shift();
    }
  };
}

const tariff = (feePpm: number, feeFixedCents: number): Tariff => ({
  feePpm,
  feeFixedCents,
  minAmountCents: 1,
  maxAmountCents: MAX,
});

// Twice, in turns: the first of two equal tasks is often the faster one.
for (let turn = 0; turn < (smoke ? 1 : 2); turn++) {
  const bench = new Bench({ time: smoke ? 5 : 500, warmupTime: smoke ? 5 : 250 });
  bench.add('256 payments without amount classes', passWithoutClasses());
  bench.add('256 payments, one amount class', pass([tariff(50_000, 0), tariff(150_000, 0)]));
  bench.add(
    '256 payments, seven amount classes',
    pass([tariff(40_000, 0), tariff(20_000, 50), tariff(10_000, 150), tariff(0, 700)]),
  );
  await bench.run();
  console.table(bench.table());
}

import { type Compared, differs, type Period } from './period.ts';

/** A period whose totals differed when they were last compared. */
export interface Suspicion extends Period, Compared {}

/** Approximate maximum number of periods found, and so of windows per processor in a report. */
const PERIODS_LIMIT = 64;
/** A shorter period with no more payments than this is not halved again. */
const FEW_PAYMENTS = 8;
const SHORT_MS = 60_000;
/** Equal parts into which the time span of our payments is cut. */
const PIECES = 16;

/**
 * Cuts a period into pieces that are compared separately, so that differences far apart do not cancel out: the time
 * before our first payment, the time after our last, and equal parts in between. `count` counts our payments.
 */
export async function piecesOf(whole: Period, count: (period: Period) => Promise<number>): Promise<Period[]> {
  const { fromMs, toMs } = whole;
  if ((await count(whole)) === 0) return [whole];
  const firstMs = await leastMs(whole, async (ms) => (await count({ fromMs, toMs: ms })) > 0);
  const lastMs = await leastMs(whole, async (ms) => (await count({ fromMs: ms + 1, toMs })) === 0);
  const pieceMs = Math.ceil((lastMs - firstMs + 1) / PIECES);
  const pieces = [{ fromMs, toMs: firstMs - 1 }];
  for (let startMs = firstMs; startMs <= lastMs; startMs += pieceMs) {
    pieces.push({ fromMs: startMs, toMs: Math.min(lastMs, startMs + pieceMs - 1) });
  }
  pieces.push({ fromMs: lastMs + 1, toMs });
  return pieces.filter((piece) => piece.fromMs <= piece.toMs);
}

/** Binary search: the first moment at which a condition holds that then stays true, and is true at the end. */
async function leastMs({ fromMs, toMs }: Period, isTrue: (ms: number) => Promise<boolean>): Promise<number> {
  let [low, high] = [fromMs, toMs];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await isTrue(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Halves periods that differ until they are small, and returns those that still differ. Both halves are compared anew:
 * while payments settle, either may change.
 *
 * Misses differences that cancel out within one half, in both count and amount.
 */
export async function narrow(
  suspicions: readonly Suspicion[],
  compare: (period: Period) => Promise<Compared>,
): Promise<Suspicion[]> {
  const small: Suspicion[] = [];
  const open = [...suspicions];
  for (let suspicion = open.shift(); suspicion !== undefined; suspicion = open.shift()) {
    if (isSmall(suspicion) || small.length + open.length >= PERIODS_LIMIT) small.push(suspicion);
    else open.push(...(await compared(halvesOf(suspicion), compare)));
  }
  return small.sort((one, other) => one.fromMs - other.fromMs);
}

/** Returns the periods that differ. */
export async function compared(
  periods: readonly Period[],
  compare: (period: Period) => Promise<Compared>,
): Promise<Suspicion[]> {
  const suspicions: Suspicion[] = [];
  for (const period of periods) {
    const both = await compare(period);
    if (differs(both)) suspicions.push({ ...period, ...both });
  }
  return suspicions;
}

function halvesOf({ fromMs, toMs }: Period): Period[] {
  const middleMs = Math.floor((fromMs + toMs) / 2);
  return [
    { fromMs, toMs: middleMs },
    { fromMs: middleMs + 1, toMs },
  ];
}

/** Periods without the processor's totals are not halved. */
function isSmall({ fromMs, toMs, here, there }: Suspicion): boolean {
  if (there === null || fromMs === toMs) return true;
  return toMs - fromMs < SHORT_MS && Math.max(here.count, there.count) <= FEW_PAYMENTS;
}

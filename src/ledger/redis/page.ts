type Pair = readonly [id: Buffer, entry: Buffer];

interface CutPage {
  readonly pairs: readonly Pair[];
  readonly next: string | null;
}

/**
 * A page of whole hashes, cut to `limit` entries. Pages go through the ids in an order of numbers (`functions/page.lua`), so
 * the next page may start at the number of any entry. Only those with the same number stay together.
 */
export function cutPage(pairs: readonly Pair[], limit: number, next: string | null): CutPage {
  if (pairs.length <= limit) return { pairs, next };
  const placed = pairs.map((pair) => ({ pair, place: reversed(pair[0].readUInt32BE(0)) }));
  placed.sort((one, other) => one.place - other.place);
  const last = placed[limit - 1]?.place ?? 0;
  const kept = placed.filter(({ place }) => place <= last);
  return {
    pairs: kept.map(({ pair }) => pair),
    next: kept.length < pairs.length ? String(last + 1) : next,
  };
}

/** The 32 bits of a number in the opposite order. */
function reversed(number: number): number {
  let result = 0;
  for (let bit = 0; bit < 32; bit++) result = (result << 1) | ((number >>> bit) & 1);
  return result >>> 0;
}

import assert from 'node:assert/strict';
import { isLeft, sortedUnits } from '../folded-totals.ts';
import { type FoldedTime, ok, type Reply, type UnitTotals } from '../ledger.ts';
import { type Folded, NOTHING_FOLDED } from '../retention.ts';
import { UNIT_SPANS_MS } from '../time-index.ts';
import type { RedisBooks } from './books.ts';
import { Sums, totalsBytes } from './records.ts';
import { bytesOf, listOf, pairsOf } from './replies.ts';

const [, , MINUTE_MS, , DAY_MS] = UNIT_SPANS_MS as [number, number, number, number, number];
/** The unit and the length of what a field of a day counts, by the letter that the field begins with. */
const FIELDS: Readonly<Record<string, { readonly unit: number; readonly spanMs: number }>> = {
  m: { unit: 2, spanMs: MINUTE_MS },
  h: { unit: 3, spanMs: UNIT_SPANS_MS[3] as number },
};
/** What a write blocks the server for: about a millisecond. */
const UNITS_A_CALL = 256;

/** What the books know of folded time, for other books and from them. */
export class RedisFoldedTime {
  readonly #books: RedisBooks;

  constructor(books: RedisBooks) {
    this.#books = books;
  }

  async get(): Promise<Reply<FoldedTime>> {
    const reply = await this.#books.call('foldedTime');
    if (reply.kind === 'unavailable') return reply;
    const [row, ...days] = listOf(reply.value).map(bytesOf) as [Buffer, ...Buffer[]];
    const folded = row.length === 0 ? NOTHING_FOLDED : readFolded(row);
    const daysMs = days.map((day) => Number(String(day)) * DAY_MS);
    return ok({ folded, daysMs: daysMs.sort((one, other) => one - other) });
  }

  async totals(dayMs: number, folded: Folded): Promise<Reply<UnitTotals[]>> {
    const reply = await this.#books.call('countersOfDay', String(dayMs / DAY_MS));
    if (reply.kind === 'unavailable') return reply;
    const units = pairsOf(reply.value).flatMap(([bytes, counters]) => {
      const field = String(bytes);
      const kind = FIELDS[field.slice(0, 1)];
      if (kind === undefined) return [];
      const { unit, spanMs } = kind;
      const startMs = dayMs + Number(field.slice(1)) * spanMs;
      return isLeft({ unit, startMs }, folded) ? [{ unit, startMs, sums: sumsOf(counters) }] : [];
    });
    const named = await this.#books.loadNames(units.flatMap(({ sums }) => sums.numbers));
    if (named.kind === 'unavailable') return named;
    const { names } = this.#books.processors;
    return sortedUnits(
      units.flatMap(({ unit, startMs, sums }) =>
        sums.numbers.map((number) => ({
          unit,
          startMs,
          name: names[number] ?? '',
          count: sums.counts[number] ?? 0,
          amountCents: sums.cents[number] ?? 0,
        })),
      ),
    );
  }

  async restore(folded: Folded, totals: readonly UnitTotals[]): Promise<Reply<void>> {
    for (let first = 0; first === 0 || first < totals.length; first += UNITS_A_CALL) {
      const some = totals.slice(first, first + UNITS_A_CALL);
      const reply = await this.#books.write(
        'restoreFolded',
        (keys) => keys.days(some.map(({ startMs }) => startMs)),
        String(folded.secondsMs),
        String(folded.minutesMs),
        Buffer.concat(some.map((each) => this.#bytes(each))),
      );
      if (reply.kind === 'unavailable') return reply;
    }
    return ok(undefined);
  }

  /** As in functions/restore-folded.lua. */
  #bytes({ unit, startMs, name, ...totals }: UnitTotals): Buffer {
    const number = this.#books.processors.names.indexOf(name);
    assert(number > 0, 'the ledger is opened with the processors of what it restores');
    const head = Buffer.alloc(6, (UNIT_SPANS_MS[unit] as number) / MINUTE_MS);
    head.writeUInt32BE(startMs / MINUTE_MS, 1);
    head[5] = number;
    return Buffer.concat([head, totalsBytes(totals)]);
  }
}

export function readFolded(row: Buffer): Folded {
  return { secondsMs: row.readUIntBE(0, 6), minutesMs: row.readUIntBE(6, 6) };
}

function sumsOf(counters: Buffer): Sums {
  const sums = new Sums();
  sums.addCounters(counters);
  return sums;
}

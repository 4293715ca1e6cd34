import assert from 'node:assert/strict';
import type { ProcessorNumbers } from './records.ts';
import { listOf, pairsOf } from './replies.ts';

/** What Redis says of its books to a new connection (`functions/includes/registry.lua`). */
export interface Registry {
  readonly id: string;
  readonly generation: number;
  /** The generation and the number of hashes (`BookKeys`). */
  readonly places: string;
  /** No older generation has keys. */
  readonly swept: number;
  /** Which shard of how many, such as `3/16`. */
  readonly shard: string;
  readonly numberOf: ReadonlyMap<string, number>;
}

export function readRegistry(reply: unknown): Registry {
  const [known, names] = listOf(reply) as [unknown, unknown];
  const [id, places, swept, shard] = listOf(known).map(String) as [string, string, string, string];
  const numberOf = pairsOf(names).map(([name, number]) => [String(name), Number(number)] as const);
  const generation = Number.parseInt(places, 10);
  return { id, places, generation, swept: Number(swept), shard, numberOf: new Map(numberOf) };
}

export function processorNumbers(
  { numberOf }: Registry,
  processorNames: readonly string[],
): ProcessorNumbers {
  const positions: (number | undefined)[] = [];
  const names: (string | undefined)[] = [];
  for (const [name, number] of numberOf) names[number] = name;
  const numbers = processorNames.map((name, position) => {
    const number = numberOf.get(name);
    assert(number !== undefined, 'every registered processor has a number');
    positions[number] = position;
    return number;
  });
  return { numbers, positions, names };
}

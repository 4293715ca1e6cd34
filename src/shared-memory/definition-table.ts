import assert from 'node:assert';
import { type Clock, sleep } from '../core/clock.ts';
import type { SharedState } from './state.ts';

/**
 * The processors that operators have added, as texts, for all threads of an instance.
 *
 * | bytes of a row | field  | type  | who writes    | order                                         |
 * |----------------|--------|-------|---------------|-----------------------------------------------|
 * | 0              | length | u32   | pool thread 0 | before `addedProcessors` of the shared state  |
 * | 4              | text   | UTF-8 | pool thread 0 | the same                                      |
 *
 * Row n belongs to the processor n behind those of the settings. It is written once, before the shared state says that it
 * is in force, and read only after that.
 */
const ROW_BYTES = 4096;
const TEXT_AT = 4;
/** The longest text of a definition. */
export const DEFINITION_MAX_BYTES: number = ROW_BYTES - TEXT_AT;

/** What another thread of this process could take, this one soon can, too. */
const TRY_AGAIN_MS = 1000;

export interface FollowParts {
  readonly sharedState: Pick<
    SharedState,
    'shape' | 'processorCount' | 'controlsRevision' | 'untilControlsChange'
  >;
  readonly isStopped: () => boolean;
  readonly clock: Clock;
  /** Gets one definition after the other. False: this thread cannot use it now, and gets it again. */
  readonly take: (definition: Readonly<Record<string, unknown>>) => Promise<boolean>;
}

export class DefinitionTable {
  readonly #rows: Buffer;

  static allocate(rowCount: number): SharedArrayBuffer {
    return new SharedArrayBuffer(rowCount * ROW_BYTES);
  }

  constructor(buffer: SharedArrayBuffer) {
    this.#rows = Buffer.from(buffer);
  }

  set(row: number, text: string): void {
    const bytes = Buffer.from(text);
    assert.ok(bytes.length <= DEFINITION_MAX_BYTES, 'a definition must fit into its row');
    this.#rows.writeUInt32LE(bytes.length, row * ROW_BYTES);
    bytes.copy(this.#rows, row * ROW_BYTES + TEXT_AT);
  }

  get(row: number): string {
    const at = row * ROW_BYTES + TEXT_AT;
    return this.#rows.toString('utf8', at, at + this.#rows.readUInt32LE(row * ROW_BYTES));
  }

  /** Has a thread take the definitions that are in force, and each that follows, until it is stopped. Waiting does not keep it alive. */
  async follow({ sharedState, isStopped, clock, take }: FollowParts): Promise<void> {
    for (let row = 0; !isStopped(); ) {
      const revision = sharedState.controlsRevision;
      if (sharedState.shape.processorCount + row === sharedState.processorCount)
        await sharedState.untilControlsChange(revision);
      else if (await take(JSON.parse(this.get(row)))) row++;
      else await sleep(clock, TRY_AGAIN_MS);
    }
  }
}

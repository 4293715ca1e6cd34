import assert from 'node:assert';

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
}

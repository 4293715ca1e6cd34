import assert from 'node:assert/strict';

/** Reads the replies of the driver, in which bulk strings are Buffers. */

export function bytesOf(reply: unknown): Buffer {
  assert(Buffer.isBuffer(reply), 'expected a bulk string');
  return reply;
}

export function listOf(reply: unknown): unknown[] {
  assert(Array.isArray(reply), 'expected an array');
  return reply;
}

/** Reads a map, whose keys are strings. */
export function mapOf(reply: unknown): Record<string, unknown> {
  assert(typeof reply === 'object' && reply !== null, 'expected a map');
  return reply as Record<string, unknown>;
}

/** Reads number, count, number, count, ... */
export function countsOf(reply: unknown): Map<number, number> {
  const flat = listOf(reply).map(Number);
  return new Map(
    Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index] ?? 0, flat[2 * index + 1] ?? 0]),
  );
}

export function pairsOf(reply: unknown): [Buffer, Buffer][] {
  const flat = listOf(reply).map(bytesOf);
  assert(flat.length % 2 === 0, 'expected an even number of elements');
  return Array.from({ length: flat.length / 2 }, (_, index) => [
    flat[2 * index] as Buffer,
    flat[2 * index + 1] as Buffer,
  ]);
}

/** Whether the error was replied by the server with this code. */
export function hasCode(error: unknown, code: string): error is Error {
  return error instanceof Error && error.message.startsWith(`${code} `);
}

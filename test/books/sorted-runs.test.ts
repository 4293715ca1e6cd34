import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SortedRuns } from '../../src/books/sorted-runs.ts';
import { inDirectory } from './sample-books.ts';

async function sorted(lines: readonly string[], runLines: number, parent: string): Promise<string[]> {
  const runs = await SortedRuns.create(parent, runLines);
  for (const line of lines) await runs.add(line);
  const shown: string[] = [];
  await runs.merge((line) => void shown.push(line));
  await runs.remove();
  return shown;
}

test('any lines come out sorted, in one run or in many, and no file is left', () =>
  inDirectory(async (path) => {
    const line = fc.string({ unit: fc.constantFrom('a', 'b', 'ç', '"', '0'), minLength: 1, maxLength: 6 });
    const lines = fc.array(line, { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(lines, fc.integer({ min: 1, max: 70 }), async (all, runLines) => {
        assert.equal(await sorted(all, runLines, path), [...all].sort());
      }),
      { numRuns: 60, seed: 2025 },
    );
    assert.equal(readdirSync(path), []);
  }));

test('lines that are longer than what is read at once are whole', () =>
  inDirectory(async (path) => {
    const lines = ['b', 'a', 'c'].map((letter) => letter.repeat(150_000));
    assert.equal(await sorted(lines, 1, path), [...lines].sort());
  }));

test.run();

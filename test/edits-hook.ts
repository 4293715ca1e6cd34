import assert from 'node:assert';
import { registerHooks } from 'node:module';

/** A deliberate bug in a file: `from` occurs there exactly once. */
export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/**
 * From now on, loads files of this folder with these edits. None of the files may have been loaded before. Answers whether all
 * have been.
 */
export function hookEdits(folder: URL, edits: readonly Edit[]): () => boolean {
  const done = new Set<Edit>();
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const own = edits.filter(({ file }) => url === folder.href + file);
      if (own.length === 0) return loaded;
      let source = String(loaded.source);
      for (const edit of own) {
        const parts = source.split(edit.from);
        assert.equal(parts.length, 2, `expected exactly once in ${edit.file}: ${edit.from}`);
        source = parts.join(edit.to);
        done.add(edit);
      }
      return { ...loaded, source };
    },
  });
  return () => done.size === edits.length;
}

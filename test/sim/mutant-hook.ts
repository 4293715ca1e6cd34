import assert from 'node:assert';
import { registerHooks } from 'node:module';
import type { Mutant } from './mutants.ts';

/** From now on, loads the gateway with this bug. The file must not have been loaded before. Answers whether it has been. */
export function hookMutant({ file, from, to }: Mutant): () => boolean {
  const url = new URL(`../../src/${file}`, import.meta.url).href;
  let isIn = false;
  registerHooks({
    load(loadedUrl, context, nextLoad) {
      const loaded = nextLoad(loadedUrl, context);
      if (loadedUrl !== url) return loaded;
      const parts = String(loaded.source).split(from);
      assert.equal(parts.length, 2, `expected exactly once in ${file}: ${from}`);
      isIn = true;
      return { ...loaded, source: parts.join(to) };
    },
  });
  return () => isIn;
}

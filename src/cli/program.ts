import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { FAILED, MISSING } from './command.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Runs a program of this project in this process, so that it gets the signals and all of the memory. Importing it starts
 * it, and it ends the process.
 */
export async function become(program: URL): Promise<void> {
  await import(program.href);
}

/** An installed package has neither tests nor benches. */
export function isClone(): boolean {
  return existsSync(join(ROOT, 'test'));
}

/**
 * Runs a program that only a clone has. Its default export takes `values` and resolves to an exit code. `--servers`
 * installs redis-server and nginx first, where possible; `--compiled` compiles `src/`, which its processes run.
 */
export async function runFromClone<Given>(
  path: string,
  values: Given,
  needs: readonly ('--servers' | '--compiled')[] = [],
): Promise<number> {
  if (!isClone()) {
    console.error(
      'dinossauro: this command needs a clone of the repository; the installed package does not have it',
    );
    return MISSING;
  }
  if (needs.length > 0 && !ensure(needs)) return FAILED;
  const program: { default(values: Given): Promise<number> } = await import(
    pathToFileURL(join(ROOT, path)).href
  );
  return program.default(values);
}

function ensure(needs: readonly string[]): boolean {
  const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts/ensure.js'), ...needs], {
    stdio: 'inherit',
  });
  return status === 0;
}

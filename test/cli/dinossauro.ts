import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LIMIT_MS = 30_000;

export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Surroundings {
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** The root of an installed package. Default: the command of this project, compiled, without its launcher. */
  readonly packageRoot?: string;
  /** Once it has printed `says`, runs `act` and sends a SIGTERM. */
  readonly once?: { readonly says: string; act(): Promise<void> };
}

/** Runs the command to its end, without a terminal. */
export function dinossauro(
  args: readonly string[],
  { environment, directory, packageRoot, once }: Surroundings = {},
): Promise<Said> {
  const { PATH, HOME, TMPDIR, NODE_V8_COVERAGE } = process.env;
  const program =
    packageRoot === undefined ? join(ROOT, 'dist/cli/main.js') : join(packageRoot, 'bin/dinossauro.js');
  const child = spawn(process.execPath, [program, ...args], {
    cwd: directory ?? ROOT,
    env: { PATH, HOME, TMPDIR, NODE_V8_COVERAGE, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  let [out, err] = ['', ''];
  let isHeard = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    if (once === undefined || isHeard || !out.includes(once.says)) return;
    isHeard = true;
    void once.act().finally(() => child.kill('SIGTERM'));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

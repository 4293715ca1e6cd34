import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { until } from '../../system/until.ts';

const STOP_WAIT_MS = 20_000;

/** Stops itself, as an outside signal may do, while it holds the write lock. */
const SCRIPT = `
  import { open } from '${import.meta.resolve('lmdb')}';
  const options = { noSubdir: false, maxDbs: 4, encoding: 'binary', keyEncoding: 'binary' };
  const root = open({ path: process.argv[1], ...options });
  root.transactionSync(() => process.kill(process.pid, 'SIGSTOP'));
`;

/** Runs `use` while another process is stopped in the middle of a commit to the ledger at `path`. */
export async function whileWriterIsStopped(path: string, use: () => Promise<void>): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '--eval', SCRIPT, path], {
    stdio: 'inherit',
  });
  try {
    await until('it is stopped', STOP_WAIT_MS, () => / T /.test(stateOf(child)));
    await use();
  } finally {
    const gone = once(child, 'close');
    child.kill('SIGKILL');
    await gone;
  }
}

/** The kernel's status line of a process. */
function stateOf({ pid }: ChildProcess): string {
  return readFileSync(`/proc/${pid}/stat`, 'utf8');
}

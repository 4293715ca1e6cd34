import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { until } from '../../system/until.ts';

const STOP_WAIT_MS = 20_000;

/** Stops itself, as a signal from outside may stop it, while it has the lock of all writers. */
const SCRIPT = `
  import { open } from '${import.meta.resolve('lmdb')}';
  const options = { noSubdir: false, maxDbs: 4, encoding: 'binary', keyEncoding: 'binary' };
  const root = open({ path: process.argv[1], ...options });
  root.transactionSync(() => process.kill(process.pid, 'SIGSTOP'));
`;

/** Another process that is stopped in the middle of a commit to the ledger at `path`, for as long as `use` takes. */
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

/** What the kernel says of a process, in one line. */
function stateOf({ pid }: ChildProcess): string {
  return readFileSync(`/proc/${pid}/stat`, 'utf8');
}

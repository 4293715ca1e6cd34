import { systemClock } from '../../src/core/clock.ts';
import { lockDirectory } from '../../src/journal/directory-lock.ts';

/** Locks the directory of its first argument, prints the result, and stays until it is told to leave or killed. */
const lock = await lockDirectory(process.argv[2] ?? '', systemClock);
console.log(lock.kind);
if (lock.kind === 'locked') process.stdin.on('end', () => lock.release()).resume();

import { systemClock } from '../../src/core/clock.ts';
import { lockDirectory } from '../../src/journal/directory-lock.ts';

/** Locks the directory of its first argument, prints what came of it, and stays until it is told or killed. */
const lock = await lockDirectory(process.argv[2] ?? '', systemClock);
console.log(lock.kind);
if (lock.kind === 'locked') process.stdin.on('end', () => lock.release()).resume();

// `test-group.ts PATH...` runs these files of test/ with uvu, in this process.

import { resolve } from 'node:path';
import { run } from 'uvu/run';

await run(process.argv.slice(2).map((path) => ({ name: path, file: resolve('test', path) })));
// A test that fails may not come to where it closes what it opened, which must not keep this process running.
if (process.exitCode !== 0) process.exit();

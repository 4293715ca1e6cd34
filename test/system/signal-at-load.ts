import { registerHooks } from 'node:module';

// Preloaded into a program by `--import`: sends it SIGTERM at the moment at which it loads the file that SIGNAL_AT names.
const at = process.env['SIGNAL_AT'];
if (at === undefined) throw new Error('SIGNAL_AT is not set: expected the name of a file');
registerHooks({
  load(url, context, nextLoad) {
    if (url.endsWith(at)) process.kill(process.pid, 'SIGTERM');
    return nextLoad(url, context);
  },
});

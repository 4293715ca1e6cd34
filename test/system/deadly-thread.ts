import { existsSync } from 'node:fs';
import { isMainThread, workerData } from 'node:worker_threads';

// Preloaded into a gateway: makes its second HTTP thread die as DEATH says, as soon as the file DIE_WHEN exists.
const { DEATH, DIE_WHEN = '' } = process.env;
if (!isMainThread && workerData?.index === 1) {
  setInterval(() => {
    if (!existsSync(DIE_WHEN)) return;
    if (DEATH === 'exit') process.exit(0);
    throw new Error('a bug');
  }, 5).unref();
}

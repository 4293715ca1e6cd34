import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { asRoot, runStarved } from '../starved.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { Child } from './child.ts';
import { until } from './until.ts';

const WITHIN_MS = 20_000;
const GATEWAY = new URL('../../src/gateway.ts', import.meta.url);
const DEADLY = new URL('./deadly-thread.ts', import.meta.url).href;

function settingsIn(directory: string): Record<string, string> {
  return {
    LISTEN: `unix:${join(directory, 'gateway.sock')}`,
    LEDGER_URL: `lmdb:${join(directory, 'ledger')}`,
    JOURNAL_DIR: join(directory, 'journal'),
    PAYMENT_PROCESSOR_URL_DEFAULT: 'http://127.0.0.1:1',
    PAYMENT_PROCESSOR_URL_FALLBACK: '',
    WARM_UP_PAYMENTS: '0',
  };
}

/** The log line that says why the gateway ended, as it ends on standard output. */
function errorsOf(child: Child): string[] {
  return child.lines.filter((line) => !/^\{"level":"(info|warn)"/.test(line));
}

for (const [death, reason] of [
  ['error', 'a bug'],
  ['exit', 'an HTTP thread exited with code 0'],
] as const) {
  for (const when of ['before it is open', 'later'] as const) {
    test(`an HTTP thread that dies (${death}, ${when}) ends the instance with one line and code 1`, async () => {
      const directory = temporaryDirectory();
      const dieWhen = join(directory, 'die');
      if (when === 'before it is open') writeFileSync(dieWhen, '');
      const child = new Child('dist/gateway.js', {
        ...settingsIn(directory),
        HTTP_THREADS: '2',
        NODE_OPTIONS: `--disable-warning=ExperimentalWarning --import=${DEADLY}`,
        DIE_WHEN: dieWhen,
        DEATH: death,
      });
      try {
        if (when === 'later') {
          await until('it listens', WITHIN_MS, () => child.output.includes('gateway listens'));
          writeFileSync(dieWhen, '');
        }
        await until('it ends', WITHIN_MS, () => !child.running);
        assert.is((await child.ended).code, 1);
        const [line = '', ...more] = errorsOf(child);
        assert.equal(more, []);
        const { level, msg, err } = JSON.parse(line);
        assert.equal([level, msg, err.message], ['error', 'an HTTP thread died: exiting', reason]);
      } finally {
        await child.kill();
      }
    });
  }
}

// With fewer threads than this it depends on the machine which of them fails to start, and Node may abort by itself.
asRoot(
  '16 HTTP threads on a machine that has too few end the instance with one line and code 1',
  async () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o777);
    const { status, stderr } = runStarved(GATEWAY, {
      ...settingsIn(directory),
      HTTP_THREADS: '16',
      NODE_OPTIONS: '--disable-warning=ExperimentalWarning',
    });
    assert.is(status, 1);
    const thread = 'HTTP thread \\d+ \\(HTTP_THREADS=16\\)';
    const line = `dinossauro: cannot start ${thread}: this machine is out of threads or memory \\(.+\\)\n`;
    assert.match(stderr, new RegExp(`^${line}$`));
  },
);

test.run();

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { checkWebhooks } from '../../src/doctor/webhooks.ts';
import { openLedger } from '../../src/ledger/open.ts';
import { cursorAt, type ProcessorEvent } from '../../src/ledger/outbox.ts';
import { NO_CONTROLS } from '../../src/ledger/processor-controls.ts';
import { enableWebhook, listWebhooks, replayWebhook, type WebhookOrder } from '../../src/operate/webhooks.ts';
import {
  beginning,
  bookmarkOf,
  type Progress,
  progressText,
  readProgress,
} from '../../src/webhooks/progress.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { must } from '../ledger/samples.ts';
import { configOf } from '../settings.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const SECRET = `whsec_${Buffer.alloc(24, 'a').toString('base64')}`;
const WORKING: Progress = { ...beginning('1-0'), holder: 'gateway-1 x' };
const PAUSED: ProcessorEvent = { type: 'processor.paused', processor: 'default', by: '', why: '' };
const T0 = '1970-01-01T00:00:00.000Z';

async function atLedger(ledgerUrl: string, directory: string): Promise<void> {
  const file = join(directory, 'webhooks.yaml');
  writeFileSync(file, 'webhooks: [{ name: shop, url: "https://x/", secrets: [ONE] }]');
  const environment = {
    PAYMENT_PROCESSOR_URL_DEFAULT: 'http://localhost:8001',
    LEDGER_URL: ledgerUrl,
    EVENTS: 'true',
    WEBHOOKS_FILE: file,
    ONE: SECRET,
  };
  const order = { environment, clock: systemClock };
  const config = configOf(environment);
  const ledger = await openLedger(
    config.ledger,
    ['default'],
    { clock: systemClock, random: Math.random },
    'here',
  );
  try {
    assert.equal(await rows(order), [
      'NAME,STATE,WAITING,OLDEST,LAST SUCCESS,LAST FAILURE',
      'shop,not begun,0',
    ]);
    assert.match(linesOf(await enableWebhook(order, 'other'))[0] ?? '', 'it has shop');
    const key = bookmarkOf('shop');
    let version = 0;
    const set = async (change: Partial<Progress>) => {
      version = (await must(ledger.bookmark(key))).version + 1;
      assert.ok(
        await must(ledger.setBookmark(key, { version, text: progressText({ ...WORKING, ...change }) })),
      );
    };
    await set({});
    assert.is((await rows(order))[1], 'shop,delivered by gateway-1,0');
    await set({ deliveredAtMs: 0, lastFailure: { atMs: 0, reason: 'HTTP 500' } });
    assert.is((await rows(order))[1], `shop,delivered by gateway-1,0,${T0},${T0}: HTTP 500`);
    await set({});
    assert.equal(
      (await checkWebhooks(config, systemClock)).map(({ level }) => level),
      ['ok'],
    );
    await must(ledger.setProcessorControls({ ...NO_CONTROLS, version: 1 }, [PAUSED]));
    await set({ failingSinceMs: 0, failures: 3, lastFailure: { atMs: 0, reason: 'HTTP 500' } });
    const pattern = new RegExp(`^shop,failing since ${T0},1,20[-0-9T:.]+Z,${T0}: HTTP 500 \\(3 in a row\\)$`);
    assert.match((await rows(order))[1] ?? '', pattern);
    assert.equal(
      (await checkWebhooks(config, systemClock)).map(({ level }) => level),
      ['warn'],
    );
    await set({ disabled: { atMs: 0, reason: 'HTTP 410' } });
    assert.match((await rows(order))[1] ?? '', `shop,disabled since ${T0},1,`);
    assert.match(linesOf(await replayWebhook(order, 'shop', 0))[1] ?? '', 'webhooks enable shop');
    await set({ disabled: { atMs: 0, reason: 'HTTP 410' } });
    assert.equal(
      (await checkWebhooks(config, systemClock)).map(({ level }) => level),
      ['fail'],
    );
    assert.match(linesOf(await enableWebhook(order, 'shop'))[0] ?? '', 'enabled');
    const enabled = await must(ledger.bookmark(key));
    assert.equal([enabled.version, readProgress(enabled.text)], [version + 1, { ...WORKING, holder: '' }]);
    assert.match(linesOf(await replayWebhook(order, 'shop', 5000))[0] ?? '', '1970-01-01T00:00:05.000Z');
    const { text } = await must(ledger.bookmark(key));
    assert.equal(readProgress(text), { ...WORKING, holder: '', cursor: cursorAt(5000) });
  } finally {
    await ledger.close();
  }
}

/** The table, with a comma between its columns. */
async function rows(order: WebhookOrder): Promise<string[]> {
  return linesOf(await listWebhooks(order)).map((line) => line.replaceAll(/ {2,}/g, ','));
}

function linesOf(outcome: Outcome<readonly string[]>): readonly string[] {
  return outcome.kind === 'ok' ? outcome.value : outcome.lines;
}

test('operators see, enable and repeat webhooks, and doctor says what is wrong, on LMDB and on Redis', async () => {
  const directory = temporaryDirectory();
  const server = await RedisServer.start();
  try {
    await atLedger(`lmdb:${join(directory, 'ledger')}`, directory);
    await atLedger(server.url, directory);
  } finally {
    await server.stop();
  }
});

test.run();

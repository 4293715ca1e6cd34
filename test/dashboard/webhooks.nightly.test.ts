import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listenLocally } from '../listen-locally.ts';
import { until } from '../system/until.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { closeWorld, fitsEverywhere, openWorld, SOON_MS, textOf, untilShown, type World } from './browser.ts';
import type { Site } from './site.ts';

interface WebhookWorld extends World {
  directory: string;
  receiver: Server;
  /** What the endpoints answer. */
  status: number;
  /** The ids of what they have taken. */
  taken: string[];
}

function card(page: Page, name: string): Locator {
  return page.locator('.card').filter({ has: page.locator('h3', { hasText: new RegExp(`^${name}$`) }) });
}

function fact(page: Page, name: string, title: string): Locator {
  return card(page, name)
    .locator('dl > div')
    .filter({ has: page.locator('dt', { hasText: title }) })
    .locator('dd');
}

async function pay(site: Site, count: number): Promise<void> {
  for (let number = 0; number < count; number++) {
    const body = JSON.stringify({ correlationId: crypto.randomUUID(), amount: 19.9 });
    assert.is((await fetch(`${site.url}/payments`, { method: 'POST', body })).status, 202);
  }
}

const webhooks = suite<WebhookWorld>('the page of webhooks');
webhooks.before(async (context) => {
  const directory = temporaryDirectory();
  Object.assign(context, { directory, status: 204, taken: [] });
  context.receiver = createServer((request, response) => {
    if (context.status < 300) context.taken.push(String(request.headers['webhook-id']));
    request.resume();
    response.writeHead(context.status).end();
  });
  const port = await listenLocally(context.receiver);
  const file = join(directory, 'webhooks.yaml');
  const entry = (name: string, more: string) =>
    `  - { name: ${name}, url: "http://127.0.0.1:${port}/${name}", secrets: [SECRET]${more} }\n`;
  writeFileSync(file, `webhooks:\n${entry('shop', '')}${entry('letters', ', types: [payment.rejected]')}`);
  const settings = {
    EVENTS: 'true',
    WEBHOOKS_FILE: file,
    SECRET: `whsec_${Buffer.alloc(24, 'a').toString('base64')}`,
  };
  Object.assign(context, await openWorld(settings, { path: '/dashboard/webhooks' }));
});
webhooks.after(async (context) => {
  await closeWorld(context);
  context.receiver.close();
  context.receiver.closeAllConnections();
});

webhooks('each endpoint is there, with what it has taken', async (context) => {
  const { page, site, taken } = context;
  for (const name of ['shop', 'letters'])
    await untilShown(name, card(page, name).locator('.badge'), 'Delivers');
  assert.is(await textOf(fact(page, 'letters', 'Last success')), 'never');
  await pay(site, 3);
  await until('three are taken', SOON_MS, () => taken.length === 3);
  await untilShown('the success', fact(page, 'shop', 'Last success'), /^20\d\d-/);
  assert.match(await textOf(card(page, 'shop')), /127\.0\.0\.1:\d+ · all events/);
  assert.match(await textOf(card(page, 'letters')), /· payment\.rejected/);
  assert.not(await card(page, 'shop').getByRole('button', { name: 'again now' }).isVisible());
  await fitsEverywhere(page, 'webhooks');
});

webhooks('one that fails says since when and why, and is tried again by keyboard', async (context) => {
  const { page, site } = context;
  context.status = 500;
  await pay(site, 2);
  await untilShown('its state', card(page, 'shop').locator('.badge'), 'Failing');
  await untilShown('what waits', fact(page, 'shop', 'Events waiting'), '2');
  await untilShown('the failure', fact(page, 'shop', 'Last failure'), /: HTTP 500$/);
  assert.match(
    await textOf(card(page, 'shop').locator('.note')),
    /tr(y has|ies in a row have) failed since 20/,
  );
  await fitsEverywhere(page, 'webhooks-failing');
  const button = card(page, 'shop').getByRole('button', { name: 'Try shop again now' });
  await button.focus();
  await page.waitForTimeout(6000);
  assert.is(
    await page.evaluate('document.activeElement.textContent'),
    'Try shop again now …',
    'the focus stays',
  );
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Try shop again?' }).waitFor();
  assert.not(await page.locator('#replay-from').isVisible());
  context.status = 204;
  await page.keyboard.type('the shop is repaired');
  await page.keyboard.press('Enter');
  await untilShown('the result', page.locator('#outcome'), 'shop is tried again.');
  await untilShown('its state', card(page, 'shop').locator('.badge'), 'Delivers');
  await untilShown('that nothing waits', fact(page, 'shop', 'Events waiting'), '0');
});

webhooks('one that is disabled is enabled', async (context) => {
  const { page, site } = context;
  context.status = 410;
  await pay(site, 1);
  await untilShown('its state', card(page, 'shop').locator('.badge'), 'Disabled');
  await fitsEverywhere(page, 'webhooks-disabled');
  context.status = 204;
  await card(page, 'shop').getByRole('button', { name: 'Enable shop' }).click();
  await page.getByRole('dialog', { name: 'Enable shop?' }).waitFor();
  await page.keyboard.press('Enter');
  await untilShown('the result', page.locator('#outcome'), 'shop is enabled.');
  await untilShown('its state', card(page, 'shop').locator('.badge'), 'Delivers');
});

webhooks('events are replayed from a time on', async (context) => {
  const { page, taken } = context;
  const before = [...taken];
  assert.is(before.length, 6);
  await card(page, 'shop').getByRole('button', { name: 'Replay events to shop' }).click();
  await page.getByRole('dialog', { name: 'Replay events to shop?' }).waitFor();
  await fitsEverywhere(page, 'webhooks-replay');
  await page.locator('#replay-from').fill('');
  await page.getByRole('button', { name: 'Replay events to shop', exact: true }).click();
  assert.ok(await page.locator('#replay-from').isVisible(), 'it needs a time');
  await page.locator('#replay-from').fill(await page.evaluate<string>(HOUR_AGO));
  await page.keyboard.press('Enter');
  await untilShown('the result', page.locator('#outcome'), /^shop gets all events from 20.* on again\.$/);
  await until('all are posted again', SOON_MS, () => taken.length === 12);
  assert.equal(taken.slice(6).sort(), before.sort());
});
/** In the time zone of the browser. */
const HOUR_AGO = `new Date(Date.now() - 3600000).toLocaleString('sv-SE').replace(' ', 'T')`;

webhooks(
  'a gateway that is away is shown, and what was known last stays',
  async ({ page, site, complaints }) => {
    await untilShown('its state', card(page, 'shop').locator('.badge'), 'Delivers');
    assert.equal(complaints, []);
    await site.kill();
    await untilShown('what is wrong', page.locator('#failure'), 'The gateway does not answer.');
    assert.is(await textOf(card(page, 'shop').locator('.badge')), 'Delivers');
    await fitsEverywhere(page, 'webhooks-away');
  },
);
webhooks.run();

/** Pages that show no endpoint, each in a world of its own. */
function suiteOf(name: string, settings: Record<string, string>, place: string, shown: RegExp): void {
  const bare = suite<World>(`the page of webhooks, ${name}`);
  bare.before(async (context) => {
    Object.assign(context, await openWorld(settings, { path: '/dashboard/webhooks' }));
  });
  bare.after(closeWorld);
  bare('says what to do', async ({ page }) => {
    await untilShown('what is missing', page.locator(place), shown);
    await fitsEverywhere(page, `webhooks-${name.replaceAll(' ', '-')}`);
  });
  bare.run();
}

const OFF = /^There are no webhooks: this gateway keeps no events.*Set EVENTS=true, and WEBHOOKS_FILE/;
suiteOf('without events', {}, '#endpoints', OFF);
suiteOf('without any', { EVENTS: 'true' }, '#endpoints', /^There are no webhooks: WEBHOOKS_FILE is not set/);
const HIDDEN = /^This gateway shows this page to operators only\./;
suiteOf('not for operators', { OPERATOR_ACCESS: 'off' }, '#failure', HIDDEN);

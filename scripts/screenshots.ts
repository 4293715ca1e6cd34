// Takes screenshots of the dashboard in light, dark and phone layouts: when idle, under load, and with one or both processors
// failing; of the payments that wait and were rejected; and of webhooks, of which one fails and one is disabled.
//
//   node scripts/ensure.js --servers --compiled && node scripts/screenshots.ts docs/screenshots

import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { openBrowser, Site } from '../test/dashboard/site.ts';

const [target = 'docs/screenshots'] = process.argv.slice(2);
mkdirSync(target, { recursive: true });

const FORMS = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  { name: 'phone', colorScheme: 'light', viewport: { width: 360, height: 740 } },
] as const;
/** What the endpoints answer. */
const STATUSES: Readonly<Record<string, number>> = { '/shop': 204, '/warehouse': 503, '/letters': 410 };

const directory = mkdtempSync(join(tmpdir(), 'screenshots-'));
const receiver = createServer((request, response) => {
  request.resume();
  response.writeHead(STATUSES[request.url ?? ''] ?? 404).end();
}).listen(0, '127.0.0.1');
await once(receiver, 'listening');
const { port } = receiver.address() as AddressInfo;
const webhooksFile = join(directory, 'webhooks.yaml');
const entries = Object.keys(STATUSES).map(
  (path) => `  - { name: ${path.slice(1)}, url: "http://127.0.0.1:${port}${path}", secrets: [SECRET] }\n`,
);
writeFileSync(webhooksFile, `webhooks:\n${entries.join('')}`);

const site = await Site.open({
  EVENTS: 'true',
  WEBHOOKS_FILE: webhooksFile,
  SECRET: `whsec_${Buffer.alloc(24, 'a').toString('base64')}`,
});
const browser = await openBrowser();
try {
  await site.start();
  const page = await browser.newPage();
  await page.goto(`${site.url}/dashboard`);
  await page.waitForTimeout(3000);
  await shoot(page, 'rest');
  await page.getByLabel('for').selectOption('60');
  await page.getByRole('button', { name: 'Send load' }).click();
  await page.waitForTimeout(20_000);
  await shoot(page, 'load');
  await page.locator('#lab fieldset').first().getByLabel('Fail').check();
  await page.waitForTimeout(12_000);
  await shoot(page, 'broken');
  await page.locator('#lab fieldset').last().getByLabel('Fail').check();
  await page.waitForTimeout(8000);
  await shoot(page, 'both-broken');
  await page.locator('#lab fieldset').first().getByLabel('Fail').uncheck();
  for (const [kind, count] of [
    ['402', 3],
    ['400', 2],
  ] as const) {
    await strike({ kind, count });
    await pay(20);
    await page.waitForTimeout(10_000);
  }
  await page.locator('#lab fieldset').first().getByLabel('Fail').check();
  await page.waitForTimeout(2000);
  await pay(4);
  await page.waitForTimeout(4000);
  await page.goto(`${site.url}/dashboard/payments`);
  await page.waitForTimeout(2000);
  await shoot(page, 'payments');
  await page.goto(`${site.url}/dashboard/webhooks`);
  await page.waitForTimeout(2000);
  await shoot(page, 'webhooks');
} finally {
  await browser.close();
  await site.close();
  receiver.close();
  receiver.closeAllConnections();
  rmSync(directory, { recursive: true });
}

async function strike(fault: object): Promise<void> {
  const body = JSON.stringify(fault);
  const headers = { 'X-Rinha-Token': '123', 'Content-Type': 'application/json' };
  const url = `${site.processorUrls[0]}/admin/faults`;
  const { status } = await fetch(url, { method: 'PUT', headers, body });
  if (status >= 300) throw new Error(`the processor answered ${status}`);
}

async function pay(count: number): Promise<void> {
  for (let number = 0; number < count; number++) {
    const body = JSON.stringify({ correlationId: crypto.randomUUID(), amount: 19.9 });
    await fetch(`${site.url}/payments`, { method: 'POST', body });
  }
}

async function shoot(page: Page, state: string): Promise<void> {
  for (const { name, colorScheme, viewport } of FORMS) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(viewport);
    await page.evaluate('scrollTo(0, 0)');
    await page.waitForTimeout(1200);
    await page.screenshot({ path: join(target, `${state}-${name}.png`), fullPage: true });
  }
}

// Takes screenshots of the dashboard when idle, under load, and with one or both processors failing, in light, dark and
// phone layouts:
//
//   node scripts/screenshots.ts docs/screenshots

import { mkdirSync } from 'node:fs';
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

const site = await Site.open();
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
} finally {
  await browser.close();
  await site.close();
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

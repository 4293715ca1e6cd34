import { readFileSync } from 'node:fs';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { until } from '../system/until.ts';
import { keepCoverage } from './coverage.ts';
import { openBrowser, Site } from './site.ts';

export const SOON_MS = 15_000;
const AXE = readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

export interface World {
  site: Site;
  browser: Browser;
  context: BrowserContext;
  page: Page;
  /** The requests and the complaints of the browser. */
  asked: string[];
  complaints: string[];
}

interface Opened {
  readonly path?: string;
  /** Runs before the gateway starts. */
  readonly prepare?: (site: Site) => Promise<void>;
}

/** A gateway with breakable processors, and its page in a real browser. */
export async function openWorld(settings: Record<string, string> = {}, opened: Opened = {}): Promise<World> {
  const [site, browser] = await Promise.all([Site.open(settings), openBrowser()]);
  await opened.prepare?.(site);
  await site.start();
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const asked: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.coverage.startJSCoverage();
  await page.goto(`${site.url}${opened.path ?? '/dashboard'}`);
  return { site, browser, context, page, asked, complaints };
}

export async function closeWorld({ site, browser, page }: World): Promise<void> {
  keepCoverage(await page.coverage.stopJSCoverage());
  await browser.close();
  await site.close();
}

export async function textOf(locator: Locator): Promise<string> {
  return ((await locator.textContent()) ?? '').trim();
}

export async function untilShown(what: string, locator: Locator, text: string | RegExp): Promise<void> {
  await until(what, SOON_MS, async () => {
    const shown = await textOf(locator);
    return typeof text === 'string' ? shown === text : text.test(shown);
  });
}

// Code for the page is text, since the types of browsers are not available here.

/** Elements that overflow the window. */
export const OVERFLOW = `(() => {
  const limit = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= limit) return [];
  const isWide = (node) => node.getBoundingClientRect().right > limit + 1;
  const wide = [...document.querySelectorAll('body *')].filter(isWide);
  return ['the page', ...wide.map((node) => node.outerHTML.slice(0, 80))];
})()`;
const AUDIT = `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
  .then(({ violations }) => violations)`;

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** Findings of an accessibility checker, one line each. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  // What is scrolled under the header counts as a target that is too small.
  await page.evaluate('scrollTo({ top: 0, behavior: "instant" })');
  const found: readonly Violation[] = await page.evaluate(AUDIT);
  return found.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
}

const WIDTHS = [360, 768, 1280];

/**
 * Wide and narrow, light and dark: nothing overflows, and the checker of accessibility finds nothing. `SCREENSHOTS` names a
 * directory for pictures.
 */
export async function fitsEverywhere(page: Page, name: string): Promise<void> {
  const shots = process.env['SCREENSHOTS'];
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      assert.equal(await page.evaluate(OVERFLOW), [], `${name} at ${width}`);
      assert.equal(await violations(page), [], `${name} at ${width}, ${scheme}`);
      if (shots !== undefined) await page.screenshot({ path: `${shots}/${name}-${width}-${scheme}.png` });
    }
  }
}

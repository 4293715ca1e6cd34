import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import type { Locator, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { exchange } from '../system/exchange.ts';
import { freePort } from '../system/port.ts';
import { until } from '../system/until.ts';
import {
  closeWorld,
  OVERFLOW,
  openWorld,
  SOON_MS,
  textOf,
  untilShown,
  violations,
  type World,
} from './browser.ts';
import { keepCoverage } from './coverage.ts';

const WIDTHS = [360, 768, 1280];

/** Takes the browser's coverage of the page first. */
async function reload(page: Page): Promise<void> {
  keepCoverage(await page.coverage.stopJSCoverage());
  await page.coverage.startJSCoverage();
  await page.reload();
}

/** The figure of a tile as a number; NaN: unknown. */
async function figure(page: Page, name: string): Promise<number> {
  const tile = page
    .locator('#now > div')
    .filter({ has: page.locator('dt', { hasText: new RegExp(`^${name}`) }) });
  return Number.parseFloat((await textOf(tile.locator('strong'))).replaceAll(',', ''));
}

function card(page: Page, name: string): Locator {
  return page.locator('.card').filter({ has: page.locator('h3', { hasText: name }) });
}

/** On a desktop and on a phone, in light and in dark. */
async function fitsEverywhere(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      assert.equal(await page.evaluate(OVERFLOW), [], `${colorScheme} ${width}`);
    }
    assert.equal(await violations(page), [], colorScheme);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}

/** The cells of the table of money, row by row. */
const MONEY = `[...document.querySelectorAll('#money tbody tr')].map((row) =>
  [...row.querySelectorAll('td')].map((cell) => cell.textContent))`;
const FOCUSED = `(() => {
  const { activeElement } = document;
  const isSeen = getComputedStyle(activeElement).outlineStyle !== 'none';
  return { text: (activeElement.textContent || activeElement.parentElement.textContent).trim(), isSeen };
})()`;
const GROUND = 'getComputedStyle(document.body).backgroundColor';
const live = suite<World>('the page, live');
live.before(async (context) => {
  Object.assign(context, await openWorld());
});
live.after(closeWorld);

live('an idle gateway is healthy, and its figures are zero', async ({ page }) => {
  await untilShown('its health', page.locator('#health'), 'Healthy');
  await untilShown('the connection', page.locator('#link'), 'Connected');
  await until('the figures', SOON_MS, async () => (await figure(page, 'Accepted')) === 0);
  assert.is(await figure(page, 'Backlog'), 0);
  assert.match(await textOf(card(page, 'default').locator('.reason')), /No payment has been routed yet/);
  assert.is(
    await textOf(card(page, 'default').locator('.circuit')),
    'Its circuit has not opened since this instance started.',
  );
  assert.match(
    await textOf(page.locator('#credentials')),
    /^The credentials of the processors were last read \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.$/,
  );
  await untilShown(
    'the lease of its thread',
    page.locator('#workers tbody'),
    /gateway-1 \(this one\)pool-0\d+[\d.]+ m?s left/,
  );
});

live('a page without payments says so, and draws no axes', async ({ page }) => {
  assert.equal(await page.locator('#charts .empty:visible').allTextContents(), [
    'No payments in the last three minutes.',
    'No payments have waited in the last three minutes.',
    'No payments were accepted in the last three minutes.',
    'No payments were settled in the last three minutes.',
  ]);
  assert.is(await page.locator('#charts canvas').count(), 0);
  await untilShown('the books', page.locator('#money-note'), 'No payment has been settled yet.');
  const notes = await page.locator('#now dd span').allTextContents();
  assert.ok(notes.includes('none settled in the last 10 s'), notes.join('; '));
  assert.ok(notes.includes('nothing settled yet'), notes.join('; '));
  assert.match(notes.at(-1) ?? '', /^not measured yet$|^of \d.* used$/);
});

live('the address of the gateway leads to the page', async ({ page, site }) => {
  const other = await page.context().newPage();
  await other.goto(site.url);
  assert.is(other.url(), `${site.url}/dashboard`);
  await other.close();
});

live('a word explains itself to a pointer and to the keyboard', async ({ page }) => {
  const tip = page.getByRole('tooltip');
  const word = card(page, 'default').getByRole('button', { name: 'In doubt' });
  assert.not(await tip.isVisible());
  await word.hover();
  await tip.waitFor();
  assert.match(await textOf(tip), /^Payments sent to this processor whose outcome is unknown/);
  await tip.hover();
  await page.waitForTimeout(400);
  assert.ok(await tip.isVisible(), 'the pointer may be moved onto the explanation');
  assert.equal(await violations(page), []);
  await page.keyboard.press('Escape');
  assert.not(await tip.isVisible());
  await page.mouse.move(0, 0);
  await word.focus();
  await tip.waitFor();
  assert.is(await word.getAttribute('aria-describedby'), await tip.getAttribute('id'));
  await page.locator('#pause').focus();
  assert.not(await tip.isVisible());
  assert.is(await word.getAttribute('aria-describedby'), null);
});

live('the help panel explains every word, and opens at the one that is pressed', async ({ page }) => {
  const help = page.getByRole('dialog', { name: 'What the words mean' });
  const words = await page.locator('button.term').allTextContents();
  assert.ok(words.includes('owner') && words.includes('lease') && words.includes('p50'), words.join(', '));
  await page.getByRole('button', { name: 'Help' }).click();
  await help.waitFor();
  const titles = (await help.locator('dt').allTextContents()).map((title) => title.toLowerCase());
  for (const word of words) assert.ok(titles.includes(word.toLowerCase()), word);
  for (const text of await help.locator('dd').allTextContents()) assert.match(text, / Read on: \S/);
  for (const [width, height] of [
    [360, 640],
    [1280, 900],
  ] as const) {
    await page.setViewportSize({ width, height });
    assert.equal(await page.evaluate(OVERFLOW), [], String(width));
    assert.equal(await violations(page), []);
  }
  await help.getByRole('button', { name: 'Close' }).click();
  assert.not(await help.isVisible());
  const lease = page.getByRole('button', { name: 'lease' });
  await lease.focus();
  await page.keyboard.press('Enter');
  await help.waitFor();
  assert.match(String(await page.evaluate('document.activeElement.id')), /^term-lease$/);
  await page.keyboard.press('Escape');
  assert.not(await help.isVisible());
  assert.is(await page.evaluate('document.activeElement.textContent'), 'lease');
});

live('a processor shows its contract, its limits, and whether it is unfit or rests', async ({ page }) => {
  const other = await page.context().newPage();
  await other.routeWebSocket(/\/dashboard\/live/, (socket) => {
    socket.connectToServer().onMessage((text) => {
      const message = JSON.parse(String(text));
      if (message.kind === 'hello') {
        message.processors[1].contract = 'mine.ts';
        message.instanceUrl = 'http://{instance}.example:9999';
      } else {
        const worker = { instanceId: 'gateway 2', name: 'pool-0', owner: 7, leaseLeftMs: 4000 };
        message.deployment.workers.push(worker);
        message.deployment.settledPerS = 812.5;
        const outage = { openedAgeMs: 180_000, openedWhy: 'status 401', closedAgeMs: null };
        Object.assign(message.processors[0], { breakerOpen: true, unfit: true, ...outage });
        message.instance.credentials.outdated = true;
        const changed = { name: 'fallback', ageMs: 60_000, by: 'ana', why: 'new contract' };
        const books = { usedBytes: 1.5e9, limitBytes: 4e9, fullInMs: 12.5 * 86_400_000 };
        Object.assign(message.deployment, { changed: [changed], books });
        const limits = { callLimit: 20, callsPerSecond: 50, minAmountCents: 50, maxAmountCents: 100_000 };
        Object.assign(message.processors[1], { breakerOpen: true, restMs: 90_000, limits });
      }
      socket.send(JSON.stringify(message));
    });
  });
  await other.goto(page.url());
  await untilShown('unfit', card(other, 'default').locator('.badge'), 'Unfit');
  assert.match(
    await textOf(card(other, 'default').locator('.reason')),
    /^Refuses every request: check its URL/,
  );
  assert.match(
    await textOf(card(other, 'default').locator('.circuit')),
    /^Its circuit is open for 3 min\. It opened \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: status 401\.$/,
  );
  assert.match(
    await textOf(other.locator('#credentials')),
    /^The credentials of the processors were last read \d{4}-.* Their files have changed since then, and cannot be put in force\.$/,
  );
  assert.not(await card(other, 'default').locator('.changed').isVisible());
  assert.match(
    await textOf(card(other, 'fallback').locator('.changed')),
    /^Last changed \d{4}-.* by ana: new contract$/,
  );
  const link = other.locator('#workers').getByRole('link', { name: 'gateway 2' });
  assert.is(await link.getAttribute('href'), 'http://gateway%202.example:9999/dashboard');
  assert.match(
    await textOf(other.locator('#now > div').nth(1)),
    /payments per second; 813 by all instances$/,
  );
  const books = other.locator('#now > div').last();
  assert.is(await textOf(books), 'Books12 daysuntil they are full; 1.5 GB of 4 GB used');
  assert.match(await textOf(card(other, 'default').locator('h3')), /rinha, fee 5%/);
  assert.is(await textOf(card(other, 'fallback').locator('.badge')), 'Resting');
  assert.match(
    await textOf(card(other, 'fallback').locator('.reason')),
    /^Has asked for a rest until \d.*\. Nothing is sent/,
  );
  assert.match(await textOf(card(other, 'fallback').locator('h3')), /mine\.ts, fee 15%/);
  const limitsOf = async (name: string) =>
    (await card(other, name).locator('dd').allTextContents()).slice(-3);
  assert.equal(await limitsOf('default'), ['400', 'no limit', 'all']);
  assert.equal(await limitsOf('fallback'), ['20 (400)', '50 (no limit)', '0.50 to 1,000.00 (all)']);
  for (const width of [360, 1280]) {
    await other.setViewportSize({ width, height: 900 });
    assert.equal(await other.evaluate(OVERFLOW), [], String(width));
    assert.equal(await violations(other), []);
  }
  await other.close();
});

live('an operator pauses a processor and resumes it, after a confirmation', async ({ page }) => {
  const button = card(page, 'fallback').locator('button.control').first();
  await button.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Pause fallback?' });
  assert.ok(await dialog.isVisible());
  assert.equal(await violations(page), []);
  await page.keyboard.press('Escape');
  assert.not(await dialog.isVisible(), 'nothing is done');
  await button.click();
  await page.keyboard.type('maintenance');
  await page.keyboard.press('Enter');
  await untilShown('paused', card(page, 'fallback').locator('.badge'), 'Paused');
  assert.match(await textOf(page.locator('#conditions-list')), /fallback is paused/);
  await untilShown(
    'who paused it',
    card(page, 'fallback').locator('.changed'),
    /^Last changed \d{4}-.* by dashboard: maintenance$/,
  );
  assert.is(await textOf(button), 'Resume fallback …');
  await button.click();
  await page.getByRole('button', { name: 'Resume fallback', exact: true }).click();
  await untilShown('resumed', card(page, 'fallback').locator('.badge'), 'Healthy');
  await page.mouse.move(0, 0);
});

live('an operator changes the fee and the limits of a processor, and undoes that', async ({ page }) => {
  const fallback = card(page, 'fallback');
  await fallback.getByRole('button', { name: 'Fee of fallback' }).click();
  await page.getByRole('dialog', { name: 'Change the fee of fallback?' }).waitFor();
  assert.equal(await violations(page), []);
  const share = page.getByLabel('Share of the amount');
  assert.is(await share.inputValue(), '0.15');
  await share.fill('0.125');
  await page.getByLabel('Fixed part').fill('0.3');
  await page.getByLabel('Why').fill('new contract');
  await page.keyboard.press('Enter');
  await untilShown('the fee', fallback.locator('h3 small'), 'rinha, fee 12.5% + 0.30');
  await untilShown('why', fallback.locator('.changed'), /by dashboard: new contract$/);
  await fallback.getByRole('button', { name: 'Fee of fallback' }).click();
  await page.getByLabel('As configured: 15%').check();
  await page.getByRole('button', { name: 'Change the fee of fallback', exact: true }).click();
  await untilShown('the fee as configured', fallback.locator('h3 small'), 'rinha, fee 15%');

  const limits = async () => (await fallback.locator('dd').allTextContents()).slice(-3).join('; ');
  const change = async (calls: string, max: string) => {
    await fallback.getByRole('button', { name: 'Limits of fallback' }).click();
    await page.getByLabel('Calls a second').fill(calls);
    await page.getByLabel('Greatest amount').fill(max);
    await page.getByRole('button', { name: 'Change the limits of fallback', exact: true }).click();
  };
  await change('50', '0.001');
  assert.ok(await page.locator('#control').isVisible(), 'no amount has three places');
  await page.keyboard.press('Escape');
  await change('50', '1000');
  await until('the limits', SOON_MS, async () => {
    return (await limits()) === '400; 50 (no limit); 0.01 to 1,000.00 (all)';
  });
  await fallback.getByRole('button', { name: 'Limits of fallback' }).click();
  assert.is(await page.getByLabel('Calls at once').inputValue(), '');
  assert.is(await page.getByLabel('Calls a second').inputValue(), '50');
  await page.setViewportSize({ width: 360, height: 640 });
  assert.equal(await page.evaluate(OVERFLOW), []);
  assert.equal(await violations(page), []);
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.keyboard.press('Escape');
  await change('', '');
  await until('the limits as configured', SOON_MS, async () => (await limits()) === '400; no limit; all');
});

live('figures move under load, and the money adds up', async ({ page }) => {
  await page.getByLabel('for').selectOption('10');
  await page.getByRole('button', { name: 'Send load' }).click();
  await until('payments', SOON_MS, async () => (await figure(page, 'Accepted')) > 50);
  await until('settlements', SOON_MS, async () => (await figure(page, 'Settled')) > 50);
  await until('times', SOON_MS, async () => (await figure(page, 'Settlement time')) > 0);
  assert.ok((await figure(page, 'Accept time')) > 0);
  assert.is(await textOf(card(page, 'default').locator('.badge')), 'Healthy');
  assert.match(await textOf(card(page, 'default').locator('.reason')), /cheapest healthy/);
  assert.match(await textOf(card(page, 'fallback').locator('.reason')), /Not needed/);
  await untilShown('the books', page.locator('#money-note'), /^Routing has saved [\d,.]*[1-9]/);
  await page.getByRole('button', { name: 'Stop' }).click();
  // Totals and fees are read one after the other, so they agree to the cent when nothing is settled in between.
  await until('the money to add up', SOON_MS, async () => {
    // All at once: the next frame changes them.
    const texts: string[][] = await page.evaluate(MONEY);
    const rows = texts.map((cells) => cells.map((cell) => Number(cell.replaceAll(/[,%]/g, ''))));
    const [payments = [], settled = [], fee = [], fees = [], everything = []] = rows;
    const cents = (value = 0) => Math.round(value * 100);
    return isDeepStrictEqual(
      [fee[0], fee[1], payments[2], cents(settled[2]), cents(fees[0]), cents(everything[1])],
      [
        5,
        15,
        (payments[0] ?? 0) + (payments[1] ?? 0),
        cents(settled[0]) + cents(settled[1]),
        Math.round(cents(settled[0]) * 0.05),
        Math.round(cents(settled[2]) * 0.15),
      ],
    );
  });
});

live('a failing processor is shown and announced, and so is its recovery', async ({ page }) => {
  const fail = page.locator('#lab fieldset').first().getByLabel('Fail');
  await page.getByRole('button', { name: 'Send load' }).click();
  await fail.check();
  await untilShown('the failure', card(page, 'default').locator('.badge'), 'Failing');
  await untilShown('the announcement', page.locator('#announcement'), /default: failing\. Its calls fail/);
  await untilShown(
    'the reason',
    card(page, 'fallback').locator('.reason'),
    /^Takes payments that waited 2 s/,
  );
  await until(
    'the other one to work',
    SOON_MS,
    async () => Number(await textOf(card(page, 'fallback').locator('.rate'))) > 0,
  );
  assert.ok((await figure(page, 'Backlog')) > 0, 'payments wait for the cheaper processor');
  await fail.uncheck();
  await untilShown('the recovery', card(page, 'default').locator('.badge'), 'Healthy');
  await untilShown('its announcement', page.locator('#announcement'), /default: healthy/);
  await untilShown(
    'its circuit',
    card(page, 'default').locator('.circuit'),
    /^Its circuit closed \d{4}-.*\. It opened \d{4}-.*: \S.*\.$/,
  );
  assert.match(await textOf(page.locator('#changes li').last()), /^\d\d:\d\d:\d\d/);
});

live('a slow processor is shown', async ({ page }) => {
  const delay = page.locator('#lab fieldset').first().getByLabel('Delay');
  await delay.selectOption('2000');
  await untilShown('the slowness', card(page, 'default').locator('.badge'), 'Slow');
  await delay.selectOption('0');
  // It may be disabled, if the load has ended meanwhile.
  await page.getByRole('button', { name: 'Stop' }).click({ force: true });
});

live('charts and table show the same figures, and the tiles the newest', async ({ page }) => {
  await page.getByText('The charts as a table').click();
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  assert.is(await textOf(page.locator('#link')), 'Paused');
  const heads = await page.locator('#history thead th').allTextContents();
  assert.equal(heads, [
    'Time',
    'Accepted per second',
    'Settled by default per second',
    'Settled by fallback per second',
    'Backlog',
    'Accept time p50',
    'Accept time p99',
    'Settlement time p50',
    'Settlement time p99',
  ]);
  const [, ...newest] = await page.locator('#history tbody tr').first().locator('th, td').allTextContents();
  const legends = await page.locator('.legend b').allTextContents();
  assert.equal(legends, newest);
  assert.is(await page.locator('#charts canvas').count(), 4);
  const tiles = await page.locator('#now strong').allTextContents();
  assert.equal([tiles[0], tiles[2], tiles[3], tiles[4]], [newest[0], newest[3], newest[4], newest[6]]);
  await page.waitForTimeout(1500);
  assert.equal(await page.locator('.legend b').allTextContents(), legends, 'a paused page does not change');
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await untilShown('it to go on', page.locator('#link'), 'Connected');
});

live('pointing at a chart shows its values', async ({ page }) => {
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  const chart = page.locator('#charts .u-over').first();
  await page.evaluate(`document.querySelector('#charts').scrollIntoView()`);
  const box = await chart.boundingBox();
  assert.ok(box !== null);
  const value = page.locator('.legend').first().locator('b').first();
  const newest = await textOf(value);
  let part = 0;
  await until('an earlier value', SOON_MS, async () => {
    part = (part + 0.07) % 1;
    await page.mouse.move(box.x + box.width * part, box.y + 40);
    return (await textOf(value)) !== newest;
  });
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
});

live('the keyboard reaches every control, in page order', async ({ page }) => {
  await reload(page);
  await untilShown('the connection', page.locator('#link'), 'Connected');
  const tab = async (): Promise<{ text: string; isSeen: boolean }> => {
    await page.keyboard.press('Tab');
    return page.evaluate(FOCUSED);
  };
  assert.equal(await tab(), { text: 'Skip to the content', isSeen: true });
  const reached: string[] = [];
  while (reached.at(-1) !== 'lease' && reached.length < 60) {
    const { text, isSeen } = await tab();
    assert.ok(isSeen, `the focus on ${text} is seen`);
    reached.push(text);
  }
  const header = ['Overview', 'Payments', 'Webhooks', 'Pause', 'Theme: system', 'Help'];
  assert.equal(reached.slice(0, header.length), header);
  for (const control of ['Backlog', 'In doubt', 'Send load', 'Fail', 'The charts as a table', 'lease']) {
    assert.ok(reached.includes(control), `${control} among ${reached.join(', ')}`);
  }
});

live('the page fits and is accessible at every width and in every theme', async ({ page }) => {
  await fitsEverywhere(page);
});

live('no column is hidden on a phone', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  const places = page.locator('.scroll:visible');
  await until('lists in place of rows', SOON_MS, async () => (await page.locator('.stacked').count()) >= 2);
  for (const place of await places.all()) {
    const hides = await place.evaluate('(node) => node.scrollWidth > node.clientWidth');
    assert.not(hides, (await textOf(place)).slice(0, 60));
  }
  const lease = page.locator('#workers td').last();
  assert.is(await lease.getAttribute('data-head'), 'Lease');
  const box = await lease.boundingBox();
  assert.ok(box !== null && box.x >= 0 && box.x + box.width <= 360);
  assert.is(
    await page.getByRole('table', { name: 'Instances and their leases' }).count(),
    1,
    'still a table',
  );
  await page.setViewportSize({ width: 1280, height: 900 });
  await until('columns again', SOON_MS, async () => (await page.locator('#workers.stacked').count()) === 0);
});

live('a chosen theme overrides the system, and is remembered', async ({ page }) => {
  const ground = (): Promise<string> => page.evaluate(GROUND);
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await ground();
  const button = page.getByRole('button', { name: /^Theme/ });
  await button.click();
  assert.is(await textOf(button), 'Theme: light');
  await button.click();
  assert.is(await textOf(button), 'Theme: dark');
  const dark = await ground();
  assert.is.not(dark, light);
  await reload(page);
  assert.is(await ground(), dark);
  await button.click();
  assert.is(await ground(), light);
});

live('a lost connection is shown, and restored when the gateway is back', async ({ page, site }) => {
  await untilShown('the connection', page.locator('#link'), 'Connected');
  await site.kill();
  await untilShown('the loss', page.locator('#link'), 'Lost');
  assert.is(await textOf(page.locator('#health')), 'Unknown');
  assert.match(
    await textOf(page.locator('#banner-text')),
    /^The gateway does not answer\. These figures are from \d\d:/,
  );
  await untilShown('its age', page.locator('#banner-text'), /[1-9]\d* s ago/);
  assert.ok(await page.locator('main.stale').count());
  assert.match(await textOf(page.locator('#announcement')), /^Connection lost/);
  assert.equal(await violations(page), []);
  await site.start();
  await page
    .getByRole('button', { name: 'Try now' })
    .click({ timeout: 1000 })
    .catch(() => {
      // The page had reconnected already.
    });
  await untilShown('the recovery', page.locator('#link'), 'Connected');
  assert.not(await page.locator('#banner').isVisible());
  assert.is(await page.locator('main.stale').count(), 0);
  // A gateway that has just started shows a condition, and its end may have been announced since.
  assert.match(await textOf(page.locator('#announcement')), /Reconnected|All conditions have cleared/);
  await until('new figures', SOON_MS, async () => (await figure(page, 'Accepted')) === 0);
});

live(
  'the page requested something from elsewhere than the gateway and its lab',
  ({ asked, complaints, site }) => {
    const foreign = asked.filter(
      (url) =>
        !url.startsWith(site.url) &&
        !/^(?:data:|http:\/\/127\.0\.0\.1:\d+\/(?:load|processors\/\w+)?$)/.test(url),
    );
    assert.equal(foreign, []);
    // The browser complained while the gateway was down.
    assert.equal(
      complaints.filter(
        (text) => !/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|WebSocket connection/.test(text),
      ),
      [],
    );
  },
);
live('an operator adds a processor, and removes it', async ({ page }) => {
  await page.getByRole('button', { name: 'Add a processor …' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add a processor?' });
  assert.equal(await violations(page), []);
  await dialog.getByLabel('Name').fill('third');
  await dialog.getByLabel('URL').fill('http://127.0.0.1:9');
  await dialog.getByLabel('Contract').fill('nonsense');
  await dialog.getByLabel('Share').fill('0.5');
  await page.keyboard.press('Enter');
  await untilShown('why not', dialog.getByRole('alert'), /there is no contract nonsense/);
  await dialog.getByLabel('Contract').fill('rinha');
  await page.keyboard.press('Enter');
  await untilShown('its card', card(page, 'third').locator('small'), /rinha, fee 50%/);
  const remove = page.getByRole('button', { name: 'Remove third …' });
  await remove.click();
  await page.keyboard.type('a trial');
  await page.keyboard.press('Enter');
  await untilShown('removed', card(page, 'third').locator('.badge'), 'Removed');
  assert.is(await page.getByRole('button', { name: 'Add again third …' }).count(), 1);
  assert.equal(await violations(page), []);
  await page.mouse.move(0, 0);
});

live.run();

const failing = suite<World & { redis: RedisServer }>('the page, while something is wrong');
failing.before(async (context) => {
  const redis = await RedisServer.start();
  Object.assign(context, { redis, ...(await openWorld({ LEDGER_URL: redis.url })) });
});
failing.after(async (context) => {
  await closeWorld(context);
  await context.redis.stop();
});

const CLOCK = String.raw`\d\d:\d\d:\d\d`;

/** A part of the worst condition in the banner. */
function worst(page: Page, part: 'h3' | '.since' | '.advice'): Locator {
  return page.locator('.condition').first().locator(part);
}

async function redisSays(redis: RedisServer, command: string): Promise<void> {
  const socket = connect(redis.port, '127.0.0.1');
  socket.end(`${command}\r\nQUIT\r\n`);
  assert.match(await text(socket), /^\+OK/);
}

failing(
  'a full Redis: what is wrong, since when, how many payments wait, and what to do',
  async ({ page, redis }) => {
    await untilShown('its health', page.locator('#health'), 'Healthy');
    assert.not(await page.locator('#conditions').isVisible());
    await page.getByLabel('for').selectOption('60');
    await page.getByRole('button', { name: 'Send load' }).click();
    await until('settlements', SOON_MS, async () => (await figure(page, 'Settled')) > 50);
    await redisSays(redis, 'CONFIG SET maxmemory 1');
    await untilShown('its health', page.locator('#health'), 'Unhealthy');
    assert.is(await textOf(page.locator('#link')), 'Connected');
    await untilShown('what is wrong', worst(page, 'h3'), 'The ledger answers, but refuses writes');
    const since = new RegExp(`^Since ${CLOCK}, for \\d+ s\\. [\\d,]+ payments are waiting, the oldest for `);
    await untilShown('since when, and what waits', worst(page, '.since'), since);
    assert.match(await textOf(page.locator('.condition').first()), /Nothing is lost/);
    assert.match(await textOf(worst(page, '.advice')), /maxmemory/);
    await untilShown('the announcement', page.locator('#announcement'), /refuses writes\./);
    for (const name of ['default', 'fallback']) {
      assert.is(await textOf(card(page, name).locator('.badge')), 'Idle');
      assert.is(
        await textOf(card(page, name).locator('.reason')),
        'Gets no payments: this instance cannot claim any.',
      );
    }
    await fitsEverywhere(page);
    await redisSays(redis, 'CONFIG SET maxmemory 0');
    await untilShown('its health', page.locator('#health'), 'Healthy');
    assert.not(await page.locator('#conditions').isVisible());
    await untilShown('the announcement', page.locator('#announcement'), /All conditions have cleared\./);
    await untilShown('payments', card(page, 'default').locator('.reason'), /^Gets the payments/);
  },
);

failing('a Redis that hangs', async ({ page, redis }) => {
  redis.signal('SIGSTOP');
  await untilShown('what is wrong', worst(page, 'h3'), /^The ledger does not answer: ./);
  assert.is(await textOf(page.locator('#health')), 'Unhealthy');
  assert.match(await textOf(worst(page, '.advice')), /Check that Redis is running/);
  redis.signal('SIGCONT');
  await untilShown('its health', page.locator('#health'), 'Healthy');
});

failing(
  'a Redis that a failover has made a replica: it answers, but refuses writes',
  async ({ page, redis }) => {
    await page.getByRole('button', { name: 'Send load' }).click();
    await redisSays(redis, 'REPLICAOF 127.0.0.1 1');
    await untilShown(
      'what is wrong',
      worst(page, 'h3'),
      /^The ledger (answers, but refuses|does not answer)/,
    );
    await untilShown('what waits', worst(page, '.since'), /payments are waiting, the oldest for /);
    await redisSays(redis, 'REPLICAOF NO ONE');
    await untilShown('its health', page.locator('#health'), 'Healthy');
  },
);

failing('one processor fails, then both', async ({ page }) => {
  await page.getByRole('button', { name: 'Send load' }).click();
  const fails = await page.locator('#lab fieldset').getByLabel('Fail').all();
  await fails[0]?.check();
  await untilShown('a warning', worst(page, 'h3'), 'default is failing');
  await page.setViewportSize({ width: 360, height: 740 });
  await page.evaluate('scrollTo(0, 0)');
  const box = await page.locator('.condition').first().boundingBox();
  assert.ok(box !== null && box.y + box.height <= 740, 'what is wrong is seen on a phone without scrolling');
  await page.setViewportSize({ width: 1280, height: 900 });
  assert.is(await textOf(page.locator('#health')), 'Degraded');
  await fails[1]?.check();
  await untilShown('both', worst(page, 'h3'), 'Both processors are failing');
  assert.is(await textOf(page.locator('#health')), 'Unhealthy');
  await untilShown('what waits', worst(page, '.since'), /payments are waiting, the oldest for /);
  for (const name of ['default', 'fallback']) {
    assert.is(await textOf(card(page, name).locator('.badge')), 'Failing');
    assert.match(await textOf(card(page, name).locator('.reason')), /^All processors fail/);
  }
  await fitsEverywhere(page);
  await page.getByRole('button', { name: 'Stop' }).click();
  for (const fail of fails) await fail.uncheck();
});
failing.run();

const several = suite<World>('the page, with several instances');
several.before(async (context) => {
  const settings = { DASHBOARD_INSTANCE_URL: 'http://{instance}.example:9999', LEASE_MS: '2000' };
  Object.assign(context, await openWorld(settings));
});
several.after(closeWorld);

several('a card says which instances see that the circuit is not closed', async ({ page, site }) => {
  await untilShown('its health', page.locator('#health'), 'Healthy');
  const instances = card(page, 'default').locator('.instances');
  assert.not(await instances.isVisible(), 'with one instance, the line above says it');
  const dead = `http://127.0.0.1:${await freePort()}`;
  const other = await site.startAnother('gateway-2', { PAYMENT_PROCESSOR_URL_DEFAULT: dead });
  await untilShown('its lease', page.locator('#workers tbody'), /gateway-2/);
  assert.not(await instances.isVisible(), 'all are closed');
  const payment = { correlationId: randomUUID(), amount: 19.9 };
  const { status } = await exchange('POST', `${other.url}/payments`, { body: JSON.stringify(payment) });
  assert.is(status, 202);
  await untilShown(
    'where it is open',
    instances,
    /^At gateway-2: (?:open since|half-open, opened) \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, \S.*At gateway-1 \(this one\): closed$/,
  );
  assert.is(await textOf(card(page, 'default').locator('.badge')), 'Healthy', 'this instance reaches it');
  const link = instances.getByRole('link', { name: 'gateway-2' });
  assert.is(await link.getAttribute('href'), 'http://gateway-2.example:9999/dashboard');
  await link.focus();
  await page.waitForTimeout(3000);
  assert.is(await page.evaluate('document.activeElement.textContent'), 'gateway-2', 'it keeps the focus');
  await fitsEverywhere(page);
  await other.kill();
  await until('it to be gone', SOON_MS, async () => !(await instances.isVisible()));
});
several.run();

const TOKEN = 'a-token-of-16-ch';
const signed = suite<World>('the page, with a token');
signed.before(async (context) => {
  const settings = { DASHBOARD_ACCESS: 'token', ADMIN_TOKEN: TOKEN, CURRENCY: 'R$' };
  Object.assign(context, await openWorld(settings));
});
signed.after(closeWorld);

signed('a browser signs in once', async ({ page, context }) => {
  assert.equal(await violations(page), []);
  await page.setViewportSize({ width: 360, height: 700 });
  assert.equal(await page.evaluate(OVERFLOW), []);
  await page.getByLabel('Token').fill('another-token-16');
  await page.keyboard.press('Enter');
  await page.getByLabel('Token').fill(TOKEN);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await untilShown('the connection', page.locator('#link'), 'Connected');
  await reload(page);
  await untilShown('the connection', page.locator('#link'), 'Connected');
  await untilShown('the books', page.locator('#money tbody'), /^Payments.*Settled \(R\$\)/);
  assert.match(await textOf(page.locator('#now')), /Money settled \(R\$\).*Fees paid \(R\$\)/);
  assert.equal(await violations(page), []);
  await context.clearCookies();
  await reload(page);
  await page.getByLabel('Token').waitFor();
});
signed.run();

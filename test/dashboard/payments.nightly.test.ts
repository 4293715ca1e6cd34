import type { Locator, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import { LmdbLedger } from '../../src/ledger/lmdb/ledger.ts';
import { id, must } from '../ledger/samples.ts';
import { closeWorld, fitsEverywhere, openWorld, SOON_MS, textOf, untilShown, type World } from './browser.ts';
import type { Site } from './site.ts';

/** Recent, or the books would forget them. */
const T0_MS = systemClock.nowMs() - 86_400_000;
const WAITING = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const HELD = '5b8012c9-8e37-4eae-bb2a-5ed2d8d071c4';
const [EXPIRED, LIMIT] = ['422: card expired', '422: the limit of the account is exceeded'];

/**
 * Books with 60 payments: the first is still open at a processor that is no longer configured, the second is cancelled, three
 * are rejected with one reason, four with another, and one may be charged. The others are settled.
 */
async function fill({ ledgerPath }: Site): Promise<void> {
  const books = await LmdbLedger.open(ledgerPath, {
    processorNames: ['default', 'fallback', 'former'],
    clock: systemClock,
  });
  const owner = await must(books.acquireLease({ instanceId: 'gateway-0', name: 'pool-0' }, 1));
  const claims = Array.from({ length: 60 }, (_, number) => ({
    correlationId: id(number),
    amountCents: 1990 + 137 * number,
    acceptedAtMs: T0_MS + number * 61_000,
    processor: number === 0 ? 2 : number === 1 ? null : number % 2,
    requestedAtMs: number === 1 ? 0 : T0_MS + number * 61_000 + 20,
    why: number % 3 === 0 ? ('after-failover-delay' as const) : ('cheapest-well' as const),
  }));
  await must(books.commit(owner, [], claims));
  const refused = claims[20];
  assert.ok(refused !== undefined);
  const again = {
    ...refused,
    processor: 1,
    requestedAtMs: refused.requestedAtMs + 900,
    before: { requestedAtMs: refused.requestedAtMs, outcome: 'refused' as const },
  };
  await must(books.commit(owner, [], [again]));
  const settlements = claims.slice(2).map((claim, index) => {
    const isRejected = index < 8;
    const { correlationId, amountCents } = claim;
    const { processor, requestedAtMs } = claim === refused ? again : claim;
    return {
      correlationId,
      amountCents,
      processor: processor ?? 0,
      requestedAtMs,
      status: isRejected ? ('rejected' as const) : ('settled' as const),
      outcome: isRejected
        ? index === 7
          ? ('never-held' as const)
          : ('rejected' as const)
        : ('charged' as const),
      reason: isRejected ? (index === 7 ? 'duplicate' : index % 2 === 0 ? EXPIRED : LIMIT) : '',
    };
  });
  await must(books.commit(owner, settlements, []));
  const action = { what: 'cancel', atMs: T0_MS + 500_000, by: 'ops (ana)', why: 'ordered twice' } as const;
  await must(books.cancel(action, [{ correlationId: id(1), amountCents: null }]));
  await books.close();
}

const payments = suite<World>('the page of payments');
payments.before(async (context) => {
  Object.assign(context, await openWorld({}, { path: '/dashboard/payments', prepare: fill }));
});
payments.after(closeWorld);

function group(page: Page, reason: string): Locator {
  return page.locator('#reasons tr').filter({ hasText: reason });
}

payments('open payments come first, and rejected ones are there by reason', async ({ page }) => {
  await untilShown('what is open', page.locator('#found'), '1 payment found.');
  assert.match(
    await textOf(page.locator('#results tbody')),
    new RegExp(`^${id(0)}dispatched19.90.*former1$`),
  );
  await untilShown('the reasons', page.locator('#reasons tbody'), /card expired/);
  assert.equal(await page.locator('#reasons tbody tr').allTextContents(), [
    `${EXPIRED}default4107.00Send again …`,
    `${LIMIT}fallback380.25Send again …`,
    'cancelled by an operator: ordered twice–121.27cancelled: final',
    'duplicatefallback132.23Send again …',
  ]);
  await untilShown('the log', page.locator('#log tbody'), /Cancelled.*ops \(ana\)ordered twice$/);
  await fitsEverywhere(page, 'open');
});

payments('a search finds payments, is in the address, and goes on', async ({ page, site }) => {
  await page.getByLabel('Status').selectOption('settled');
  await page.getByLabel('Amount from').fill('50');
  await page.getByRole('button', { name: 'Search' }).click();
  await untilShown('what was found', page.locator('#found'), '38 payments found.');
  assert.is(new URL(page.url()).search, '?status=settled&minAmount=50');
  await page.goto(`${site.url}/dashboard/payments?status=`);
  await untilShown('a page', page.locator('#found'), '50 payments found, and there may be more.');
  await page.getByRole('button', { name: 'Show more' }).click();
  await untilShown('all', page.locator('#found'), '60 payments found.');
  assert.not(await page.getByRole('button', { name: 'Show more' }).isVisible());
  await page.getByLabel('Reason contains').fill('no such reason');
  await page.keyboard.press('Enter');
  await untilShown('nothing', page.locator('#results'), 'No payment is like this.');
  await page.getByLabel('Reason contains').fill('');
  await page.getByLabel('Amount from').fill('9');
  await page.getByLabel('Amount to').fill('3');
  await page.keyboard.press('Enter');
  await untilShown('what is wrong', page.locator('#failure'), '`minAmount` is above `maxAmount`.');
});

payments('the story of a payment says why each processor was chosen', async ({ page }) => {
  const story = page.getByRole('dialog', { name: id(20) });
  await page.getByLabel('Payment id').fill(id(20).toUpperCase());
  await page.keyboard.press('Enter');
  await story.waitFor();
  const tries = await story.locator('.attempts li').allTextContents();
  assert.is(tries.length, 2);
  assert.match(tries[0] ?? '', /^default.*Chosen as the cheapest.*did not take it this time/);
  assert.match(
    tries[1] ?? '',
    /^fallback.*Chosen as the cheapest.*It answered that it charged the payment\.$/,
  );
  assert.is(await story.getByRole('button', { name: 'Send again' }).count(), 0);
  await fitsEverywhere(page, 'story');
  await page.keyboard.press('Escape');
  await page.getByLabel('Payment id').fill('nothing');
  await page.keyboard.press('Enter');
  await untilShown('the message that no payment was found', page.locator('#story-body'), /^No payment/);
  await page.getByRole('button', { name: 'Close' }).click();
});

payments('rejected payments are sent again by reason, once confirmed, by keyboard', async ({ page }) => {
  const button = group(page, EXPIRED).first().getByRole('button');
  const before = await page.locator('#reasons tbody tr').count();
  await button.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: /^Send .* again\?$/ });
  await dialog.waitFor();
  await fitsEverywhere(page, 'confirm');
  await page.keyboard.press('Escape');
  assert.not(await dialog.isVisible());
  await button.focus();
  await page.keyboard.press('Enter');
  await page.keyboard.type('the cards were renewed');
  await page.keyboard.press('Enter');
  await untilShown('the result', page.locator('#outcome'), /^\d payments? will be sent again\.$/);
  await untilShown('the log', page.locator('#log tbody'), /^.*Sent again.*dashboardthe cards were renewed/);
  await page.waitForFunction(`document.querySelectorAll('#reasons tbody tr').length < ${before}`, undefined, {
    timeout: SOON_MS,
  });
  await group(page, 'duplicate').getByRole('button').click();
  await page.keyboard.type('try');
  await page.keyboard.press('Enter');
  await untilShown(
    'the refusal',
    page.locator('#outcome'),
    '1 payment may be charged: its processor has to be asked.',
  );
  await fitsEverywhere(page, 'result');
});

payments('a payment that waits is cancelled', async ({ page, site }) => {
  for (const name of ['default', 'fallback'])
    await fetch(`${site.url}/processors/${name}`, { method: 'PATCH', body: '{"paused":true}' });
  await page.waitForTimeout(2000);
  const body = JSON.stringify({ correlationId: WAITING, amount: 19.9 });
  assert.is((await fetch(`${site.url}/payments`, { method: 'POST', body })).status, 202);
  await page.getByLabel('Payment id').fill(WAITING);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Cancel the payment' }).click();
  await page.keyboard.type('ordered twice');
  await page.keyboard.press('Enter');
  await untilShown('the result', page.locator('#outcome'), '1 payment is cancelled.');
  const repeated = await fetch(`${site.url}/payments`, { method: 'POST', body });
  assert.is(repeated.status, 422);
  assert.match(
    ((await repeated.json()) as { detail: string }).detail,
    'cancelled by an operator: ordered twice',
  );
  await page.getByLabel('Payment id').press('Enter');
  await untilShown(
    'its story',
    page.locator('#story-body'),
    /^Statuscancelled.*It has not been sent to any processor\.$/,
  );
  await page.getByRole('button', { name: 'Close' }).click();
});

payments('a payment that waits is held, listed, and released', async ({ page, site }) => {
  await page.goto(`${site.url}/dashboard/payments?status=held`);
  const body = JSON.stringify({ correlationId: HELD, amount: 25 });
  assert.is((await fetch(`${site.url}/payments`, { method: 'POST', body })).status, 202);
  await page.getByLabel('Payment id').fill(HELD);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Hold the payment' }).click();
  await page.keyboard.type('perhaps a fraud');
  await page.keyboard.press('Enter');
  const held = '1 payment is held as soon as an instance has claimed it.';
  await untilShown('the result', page.locator('#outcome'), held);
  await untilShown('what is held', page.locator('#results tbody'), new RegExp(`^${HELD}held`));
  await untilShown('the log', page.locator('#log tbody'), /^.*Held.*dashboardperhaps a fraud/);
  await page.getByLabel('Payment id').press('Enter');
  await untilShown(
    'its story',
    page.locator('#story-body'),
    /^Statusheld.*Release the payment …Cancel the payment …$/,
  );
  await fitsEverywhere(page, 'held');
  await page.getByRole('button', { name: 'Release the payment' }).click();
  await page.keyboard.type('the bank knows it');
  await page.keyboard.press('Enter');
  await untilShown('the result', page.locator('#outcome'), '1 payment is released.');
  await untilShown('nothing', page.locator('#results'), 'No payment is like this.');
});

payments('an error of the ledger or the gateway is shown', async ({ page, site, complaints }) => {
  assert.equal(
    complaints.filter((text) => !/status of 4(04|00)/.test(text)),
    [],
  );
  await site.kill();
  await page.getByRole('button', { name: 'Search' }).click();
  await untilShown('what is wrong', page.locator('#failure'), 'The gateway does not answer.');
});
payments.run();

const hidden = suite<World>('the page of payments, for viewers who are no operators');
hidden.before(async (context) => {
  Object.assign(context, await openWorld({ OPERATOR_ACCESS: 'off' }, { path: '/dashboard/payments' }));
});
hidden.after(closeWorld);
hidden('says who may see payments', async ({ page }) => {
  await untilShown('why', page.locator('#failure'), /^This gateway shows this page to operators only\./);
  await fitsEverywhere(page, 'hidden');
});
hidden.run();

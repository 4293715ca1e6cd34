import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dinossauro } from '../cli/dinossauro.ts';
import { exchangeKept } from '../contract/kept.ts';
import { Random } from '../sim/random.ts';
import { Books } from './books.ts';
import { Child } from './child.ts';
import { Load } from './load.ts';
import { freePort } from './port.ts';
import { ProcessorAdmin } from './processor-admin.ts';
import { RATE_PER_S, SETTLE_MS } from './scale.ts';
import { until } from './until.ts';

const START_MS = 20_000;
const PAYMENTS = 50;

/** Gateways that share a working directory, before processors that are not there yet. */
class Site {
  readonly directory = mkdtempSync(join(tmpdir(), 'left-behind-'));
  readonly ports: readonly [number, number];
  readonly #children: Child[] = [];

  static async run(use: (site: Site) => Promise<void>): Promise<void> {
    const site = new Site([await freePort(), await freePort()]);
    try {
      await use(site);
    } catch (error) {
      for (const { output } of site.#children) console.error(`---\n${output}`);
      throw error;
    } finally {
      for (const child of site.#children) if (child.running) await child.kill();
      rmSync(site.directory, { recursive: true, force: true });
    }
  }

  constructor(ports: readonly [number, number]) {
    this.ports = ports;
  }

  get processors(): [ProcessorAdmin, ProcessorAdmin] {
    const [cheap, dear] = this.ports;
    return [
      new ProcessorAdmin('default', `http://127.0.0.1:${cheap}`),
      new ProcessorAdmin('fallback', `http://127.0.0.1:${dear}`),
    ];
  }

  startProcessors(): void {
    for (const port of this.ports) {
      this.#children.push(new Child('dist/simulated/main.js', { LISTEN: `127.0.0.1:${port}` }));
    }
  }

  environment(instance: string, port: number, settings: Readonly<Record<string, string>> = {}) {
    const [cheap, dear] = this.ports;
    return {
      LISTEN: `127.0.0.1:${port}`,
      INSTANCE_ID: instance,
      PAYMENT_PROCESSOR_URL_DEFAULT: `http://127.0.0.1:${cheap}`,
      PAYMENT_PROCESSOR_URL_FALLBACK: `http://127.0.0.1:${dear}`,
      WARM_UP_PAYMENTS: '0',
      LEASE_MS: '1000',
      ...settings,
    };
  }

  async start(instance: string, settings: Readonly<Record<string, string>> = {}) {
    const port = await freePort();
    const place = { directory: this.directory };
    const child = new Child('dist/primary.js', this.environment(instance, port, settings), place);
    this.#children.push(child);
    const url = `http://127.0.0.1:${port}`;
    await until(`${instance} is ready`, START_MS, async () => {
      if (!child.running) throw new Error(child.output);
      return (await exchangeKept('GET', `${url}/readyz`)).status === 200;
    });
    return { child, url };
  }

  /** An instance accepts payments that no processor takes, and is killed. */
  async accept(instance: string, settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const { child, url } = await this.start(instance, settings);
    const load = new Load({ urls: [url], payments: PAYMENTS, ratePerS: RATE_PER_S, random: new Random(3) });
    await load.run();
    assert.is(load.accepted.length, PAYMENTS);
    await child.kill();
  }
}

async function leftBehind(url: string): Promise<string | undefined> {
  const { body } = await exchangeKept('GET', `${url}/metrics`);
  return /^dinossauro_journals_left_behind (\d+)$/m.exec(body)?.[1];
}

test('an instance under another name settles what a dead one had accepted', () =>
  Site.run(async (site) => {
    await site.accept('one');
    site.startProcessors();
    const { url, child } = await site.start('two');
    await new Books([url], site.processors).untilSettled(PAYMENTS, SETTLE_MS);
    assert.match(child.output, 'took over the journal of another instance');
    assert.is(await leftBehind(url), '0');
    assert.equal(readdirSync(join(site.directory, 'data/journal/one')), ['ledger']);
  }));

test('with JOURNAL_DIR set, the journal of a dead instance is reported until its payments are settled', () =>
  Site.run(async (site) => {
    const settingsOf = (instance: string) => ({ JOURNAL_DIR: join(site.directory, 'journals', instance) });
    await site.accept('one', settingsOf('one'));
    const { url, child } = await site.start('two', settingsOf('two'));
    await until('it is counted', START_MS, async () => (await leftBehind(url)) === '1');
    assert.match(child.output, 'a journal was left behind: its payments are waiting');
    const environment = site.environment('two', await freePort(), settingsOf('two'));
    const examined = await dinossauro(['doctor'], { directory: site.directory, environment });
    assert.match(
      examined.out,
      `${join(site.directory, 'journals/one')} holds unsettled payments, but no gateway uses it`,
    );
    site.startProcessors();
    const { url: again } = await site.start('one', settingsOf('one'));
    await new Books([url, again], site.processors).untilSettled(PAYMENTS, SETTLE_MS);
  }));

test('a journal that holds payments of another ledger, or a damaged file, is refused in one line', () =>
  Site.run(async (site) => {
    await site.accept('one');
    const refusal = async (settings: Readonly<Record<string, string>>) => {
      const environment = site.environment('one', await freePort(), settings);
      const child = new Child('dist/primary.js', environment, { directory: site.directory });
      assert.is((await child.ended).code, 1, child.output);
      assert.is(child.lines.length, 1, child.output);
      return child.lines[0] ?? '';
    };
    const other = await refusal({ LEDGER_URL: 'lmdb:./data/other' });
    assert.match(other, /^dinossauro: JOURNAL_DIR=\S+: it holds payments of another ledger, lmdb:/);
    assert.not(existsSync(join(site.directory, 'data/other')));
    const file = join(site.directory, 'data/journal/one/http-0-0000000009-00000000.1.journal');
    writeFileSync(file, Buffer.alloc(2 ** 20 + 1));
    assert.match(await refusal({}), `${file.slice(site.directory.length + 1)} is too large`);
    rmSync(file);
    const plain = join(site.directory, 'plain');
    writeFileSync(plain, '');
    assert.match(await refusal({ JOURNAL_DIR: plain }), /^dinossauro: JOURNAL_DIR=/);
  }));

for (const what of ['lock', 'directory'] as const) {
  test(`a gateway whose journal loses its ${what} ends, when it has settled what it accepted`, () =>
    Site.run(async (site) => {
      site.startProcessors();
      const { child, url } = await site.start('one');
      const load = new Load({ urls: [url], payments: PAYMENTS, ratePerS: RATE_PER_S, random: new Random(4) });
      await load.run();
      const journal = join(site.directory, 'data/journal/one');
      const [lock] = readdirSync(journal).filter((name) => name.startsWith('lock-'));
      rmSync(what === 'lock' ? join(journal, lock ?? '') : journal, { recursive: true });
      await until('it ends', START_MS, () => !child.running);
      assert.equal(await child.ended, { code: 1, signal: null }, child.output);
      assert.match(child.output, 'the journal lock was removed');
      const { url: next } = await site.start('one');
      await new Books([next], site.processors).untilSettled(PAYMENTS, SETTLE_MS);
    }));
}

test.run();

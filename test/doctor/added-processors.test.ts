import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../../src/config/config.ts';
import { addedProcessors } from '../../src/doctor/added-processors.ts';
import { LmdbLedger } from '../../src/ledger/lmdb/ledger.ts';
import { must } from '../ledger/samples.ts';
import { ManualClock } from '../manual-clock.ts';

test('names the processors that operators have added and that this machine cannot use, with the reason', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'doctor-'));
  const environment = {
    LEDGER_URL: `lmdb:${join(directory, 'ledger')}`,
    PROCESSORS: 'default:0.05:http://default',
    PROCESSOR_SECRETS_DIR: directory,
  };
  const clock = new ManualClock();
  const reading = readConfig(environment, 'here');
  assert.ok(reading.kind === 'ok');
  const ask = () => addedProcessors(reading.config, environment, clock);
  try {
    assert.equal(await ask(), { targets: [], findings: [] }, 'there are no books yet');
    const ledger = await LmdbLedger.open(join(directory, 'ledger'), { processorNames: ['default'], clock });
    const control = { isPaused: false, fee: null, changedAtMs: 5, by: '', why: '' };
    const definition = { url: 'http://bank', contract: 'rest', fee: { share: 0.01 } };
    const processors = {
      good: { ...control, definition: { ...definition, name: 'good' } },
      keyless: { ...control, definition: { ...definition, name: 'keyless', credentials: { bearer: 'KEY' } } },
      gone: { ...control, isRemoved: true, definition: { ...definition, name: 'gone', contract: 'none' } },
      default: { ...control, definition: { ...definition, name: 'default', contract: 'none' } },
    };
    await must(ledger.setProcessorControls({ version: 1, processors }));
    await ledger.close();
    const { targets, findings } = await ask();
    assert.equal(
      targets.map(({ name }) => name),
      ['good'],
    );
    assert.equal(
      findings.map(({ level }) => level),
      ['fail'],
    );
    assert.match(findings[0]?.seen ?? '', /^keyless, which operators have added, cannot be used: .*KEY/);
    writeFileSync(join(directory, 'KEY'), 'secret');
    assert.equal((await ask()).findings, []);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test.run();

import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ApiKey } from '../../src/config/api-key.ts';
import { keyLine } from '../../src/config/keys-file.ts';
import { Keyring } from '../../src/http/keyring.ts';
import { KeysWatch } from '../../src/http/keys-watch.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { KeptLog } from '../kept-log.ts';
import { apiKey } from '../keyring.ts';
import { ManualClock } from '../manual-clock.ts';
import { until } from '../system/until.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const SHAPE = { processorCount: 1, threadCount: 1 };
const ADMIN = apiKey('admin', ['operate']);
const [FIRST, SECOND] = [apiKey('first', ['post']), apiKey('second', ['post'])] as const;

test('the file is read again when it changes; a wrong or missing one keeps the keys', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'keys');
  const write = (...keys: readonly ApiKey[]) => writeFileSync(file, keys.map(keyLine).join('\n'));
  const table = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  const [metrics, clock, log] = [table.thread(0), new ManualClock(), new KeptLog()];
  write(FIRST);
  const keyring = new Keyring({ keys: [FIRST, ADMIN], metrics, clock });
  const watch = new KeysWatch({ file, listed: [FIRST], others: [ADMIN], keyring, metrics, clock, log });
  const look = async () => {
    await until('the last look has ended', 5000, () => clock.pending === 1);
    clock.pass(1000);
    await until('a look has ended', 5000, () => clock.pending === 1);
  };
  const inForce = () => ['first', 'second', 'admin'].filter((key) => keyring.find(key) !== undefined);
  const gauges = () => [table.gauge(0, 'apiKeys'), table.gauge(0, 'apiKeysWrong')];
  try {
    watch.start();
    await look();
    assert.equal([inForce(), gauges(), log.lines], [['first', 'admin'], [2, 0], []]);

    write(FIRST, SECOND);
    await look();
    assert.equal(
      [inForce(), gauges()],
      [
        ['first', 'second', 'admin'],
        [3, 0],
      ],
    );
    assert.equal(log.lines, ['info API keys replaced']);

    writeFileSync(file, '{"name":"x"}');
    await look();
    await look();
    assert.equal(
      [inForce(), gauges()],
      [
        ['first', 'second', 'admin'],
        [3, 1],
      ],
    );
    assert.match(log.lines.slice(1).join(), /^error the file with API keys is wrong[^,]*$/);

    write(SECOND);
    await look();
    assert.equal(
      [inForce(), gauges()],
      [
        ['second', 'admin'],
        [2, 0],
      ],
    );
    rmSync(file);
    await look();
    assert.equal(
      [inForce(), gauges()],
      [
        ['second', 'admin'],
        [2, 1],
      ],
    );

    writeFileSync(join(directory, 'new'), keyLine(FIRST));
    renameSync(join(directory, 'new'), file);
    await look();
    assert.equal(
      [inForce(), gauges()],
      [
        ['first', 'admin'],
        [2, 0],
      ],
    );
    assert.equal(log.lines.slice(2), [
      'info API keys replaced',
      'info the file with API keys is right again',
      'error the file with API keys is wrong: the keys in force stay in force',
      'info API keys replaced',
      'info the file with API keys is right again',
    ]);
  } finally {
    watch.stop();
  }
});

test.run();

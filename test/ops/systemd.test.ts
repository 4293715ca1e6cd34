import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig, settingsList } from '../../src/config/config.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const FOLDER = fileURLToPath(new URL('../../deploy/systemd/', import.meta.url));
const UNIT = readFileSync(join(FOLDER, 'dinossauro.service'), 'utf8');
const environment = parseEnv(readFileSync(join(FOLDER, 'gateway.env'), 'utf8')) as Record<string, string>;

test('the settings are known and valid, and their files are where the unit may write', () => {
  const names = new Set(settingsList().map(({ name }) => name));
  for (const name of Object.keys(environment)) assert.ok(names.has(name), name);
  const reading = readConfig(environment);
  assert.is(reading.kind, 'ok', JSON.stringify(reading));
  const directory = `/var/lib/${/^StateDirectory=(\w+)$/m.exec(UNIT)?.[1]}/`;
  assert.match(environment['LEDGER_URL'] ?? '', `lmdb:${directory}`);
  assert.match(environment['JOURNAL_DIR'] ?? '', directory);
});

test('the unit waits for longer than a stop takes', () => {
  const reading = readConfig(environment);
  if (reading.kind !== 'ok') throw new Error('invalid');
  const waitsMs = Number(/^TimeoutStopSec=(\d+)$/m.exec(UNIT)?.[1]) * 1000;
  assert.ok(waitsMs > reading.config.stopTimeoutMs);
});

const verifying = spawnSync('systemd-analyze', ['--version']).error === undefined ? test : test.skip;
verifying('systemd finds nothing wrong with the unit', () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'dinossauro.service');
  // It also checks that the program is there.
  writeFileSync(path, UNIT.replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`));
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', path], {
    encoding: 'utf8',
  });
  assert.is(status, 0, stderr);
  const about = stderr.split('\n').filter((line) => line.includes(path));
  assert.equal(about, []);
});

test.run();

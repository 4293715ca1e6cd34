import { spawn, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isKeyOf, readCertificates, readPrivateKey } from '../../src/core/tls.ts';
import { Authority, pem } from '../authority.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const authority = new Authority();
const [one, other] = [authority.issue(), authority.issue()];
const directory = temporaryDirectory();

function fileOf(text: string): string {
  const path = join(directory, 'file.pem');
  writeFileSync(path, text);
  return path;
}

test('all certificates in a file are read, and anything else is ignored', () => {
  const path = fileOf(`${pem(one.keyFile)}# comment\n${pem(one.certFile)}\n${pem(authority.caFile)}`);
  const read = readCertificates(path) ?? '';
  assert.is(read.split('BEGIN CERTIFICATE').length, 3);
  assert.not.match(read, 'PRIVATE');
});

test('a key is read, and matched with its certificate', () => {
  const key = readPrivateKey(one.keyFile) ?? '';
  assert.ok(isKeyOf(key, pem(one.certFile)));
  assert.not.ok(isKeyOf(key, pem(other.certFile)));
});

for (const [what, text] of [
  ['empty', ''],
  ['no PEM', 'moo'],
  ['not what it says', '-----BEGIN CERTIFICATE-----\nbW9v\n-----END CERTIFICATE-----\n'],
] as const) {
  test(`a file that is ${what} has neither certificates nor a key`, () => {
    assert.is(readCertificates(fileOf(text)), undefined);
    assert.is(readPrivateKey(fileOf(text)), undefined);
  });
}

test('a missing file has neither, and certificates and keys are not confused', () => {
  assert.is(readCertificates(join(directory, 'none')), undefined);
  assert.is(readPrivateKey(join(directory, 'none')), undefined);
  assert.is(readCertificates(one.keyFile), undefined);
  assert.is(readPrivateKey(one.certFile), undefined);
});

test('a pipe is read to its end, and an endless device is refused', () => {
  const pipe = join(tmpdir(), `tls-pipe-${process.pid}`);
  assert.is(spawnSync('mkfifo', [pipe]).status, 0);
  spawn('sh', ['-c', 'cat "$0" > "$1"', authority.caFile, pipe], { stdio: 'ignore' });
  assert.ok(readCertificates(pipe)?.includes('BEGIN CERTIFICATE'));
  rmSync(pipe);
  assert.is(readCertificates('/dev/zero'), undefined);
  assert.is(readPrivateKey('/dev/zero'), undefined);
});

test.run();

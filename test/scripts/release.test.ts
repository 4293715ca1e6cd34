import { existsSync, globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { releaseNotes } from '../../scripts/release-notes.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');

const changelog = `# Changelog

## [Unreleased]

- Not yet.

## [0.2.0-rc.1] - 2026-02-01

### Added

- A feature.

## [0.1.0] - 2026-01-01

- The beginning.

## [0.0.1]

## [0.0.2]

- Without a date.
`;

function notesOf(tag: string, version = tag.slice(1)) {
  return releaseNotes({ tag, changelog, versions: { 'package.json': version } });
}

test('the notes of a release are its section of the changelog', () => {
  assert.equal(notesOf('v0.2.0-rc.1'), { kind: 'ok', notes: '### Added\n\n- A feature.\n' });
  assert.equal(notesOf('v0.1.0'), { kind: 'ok', notes: '- The beginning.\n' });
});

test('a release that is not ready is refused, with what to do', () => {
  const problemOf = (tag: string, version?: string) => {
    const result = notesOf(tag, version);
    return result.kind === 'wrong' ? result.problem : 'nothing';
  };
  assert.match(problemOf('0.1.0'), '0.1.0 is not a tag of a release, such as v0.2.0');
  assert.match(problemOf('v1'), 'is not a tag');
  assert.match(problemOf('v0.1.0', '0.2.0'), 'package.json has version 0.2.0, and the tag is v0.1.0');
  assert.match(problemOf('v0.3.0'), 'says nothing about 0.3.0');
  assert.match(problemOf('v0.0.1'), 'says nothing about 0.0.1');
  assert.match(problemOf('v0.0.2'), 'lacks its date');
});

test('our own changelog has notes for the last release', () => {
  const { version } = JSON.parse(read('package.json'));
  const result = releaseNotes({ tag: `v${version}`, changelog: read('CHANGELOG.md'), versions: {} });
  assert.is(result.kind, 'ok', JSON.stringify(result));
});

test('what the workflows run is there', () => {
  const { scripts } = JSON.parse(read('package.json'));
  const { scripts: siteScripts } = JSON.parse(read('site/package.json'));
  let count = 0;
  for (const file of globSync('.github/workflows/*.yml', { cwd: root })) {
    const { jobs } = parse(read(file)) as { jobs: Record<string, { steps: { run?: string }[] }> };
    const commands = Object.values(jobs).flatMap(({ steps }) => steps.map(({ run = '' }) => run));
    for (const command of commands) {
      for (const [, site, name = ''] of command.matchAll(
        /npm( --prefix site)? run(?: --silent)? ([\w:]+)/g,
      )) {
        assert.ok((site === undefined ? scripts : siteScripts)[name], `${file}: ${name}`);
        count++;
      }
      for (const [path] of command.matchAll(/(?:scripts|\.ci)\/[\w.-]+/g)) {
        assert.ok(existsSync(`${root}${path}`), `${file}: ${path}`);
        count++;
      }
    }
  }
  assert.ok(count >= 6, String(count));
});

test.run();

import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';

/**
 * `node scripts/release-notes.ts TAG FILE`: writes the section of the changelog for a tag such as `v0.2.0` into a file.
 * Exits with 1, and says what to do, if the tag is not the version of everything that has one, or has no section.
 */

export interface Release {
  readonly tag: string;
  readonly changelog: string;
  /** The version in each file that has one. */
  readonly versions: Readonly<Record<string, string>>;
}

export type Notes =
  | { readonly kind: 'ok'; readonly notes: string }
  | { readonly kind: 'wrong'; readonly problem: string };

const TAG = /^v(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)$/;

export function releaseNotes({ tag, changelog, versions }: Release): Notes {
  const version = TAG.exec(tag)?.[1];
  if (version === undefined) return wrong(`${tag} is not a tag of a release, such as v0.2.0`);
  for (const [file, found] of Object.entries(versions)) {
    if (found !== version)
      return wrong(`${file} has version ${found}, and the tag is ${tag}: change one of them`);
  }
  const sections = changelog.split(/^(?=## \[)/m);
  const section = sections.find((text) => text.startsWith(`## [${version}]`));
  const [heading = '', ...lines] = section?.split('\n') ?? [];
  const notes = lines.join('\n').trim();
  if (notes === '') return wrong(`CHANGELOG.md says nothing about ${version}: rename "## [Unreleased]"`);
  if (!/^## \[[^\]]+\] - \d{4}-\d{2}-\d{2}$/.test(heading)) {
    return wrong(`the heading of ${version} in CHANGELOG.md lacks its date: "## [${version}] - 2026-01-31"`);
  }
  return { kind: 'ok', notes: `${notes}\n` };
}

function wrong(problem: string): Notes {
  return { kind: 'wrong', problem };
}

if (import.meta.main) {
  const [tag = '', file] = process.argv.slice(2);
  const read = (path: string) => readFileSync(path, 'utf8');
  const result = releaseNotes({
    tag,
    changelog: read('CHANGELOG.md'),
    versions: {
      'package.json': JSON.parse(read('package.json')).version,
      'client/package.json': JSON.parse(read('client/package.json')).version,
      'openapi.yaml': parse(read('openapi.yaml')).info.version,
    },
  });
  if (result.kind === 'wrong') {
    console.error(result.problem);
    process.exitCode = 1;
  } else if (file === undefined) process.stdout.write(result.notes);
  else writeFileSync(file, result.notes);
}

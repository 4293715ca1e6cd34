import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { MISUSED } from '../../src/cli/command.ts';
import type { RinhaValues } from '../../src/cli/rinha.ts';
import { systemClock } from '../../src/core/clock.ts';
import { composeSite } from './compose.ts';
import type { Course } from './course.ts';
import type { Deployment, Site } from './deployment.ts';
import { givenSite } from './given.ts';
import { nativeSite } from './native.ts';
import { type Options, readOptions } from './options.ts';
import { page } from './page.ts';
import { comparisonLines, progressLine, reportLines } from './report.ts';
import { type Result, run } from './run.ts';

const PROGRESS_EVERY_SECONDS = 10;

/** `dinossauro rinha`. Resolves to the exit code. */
export default async function rinha(values: RinhaValues): Promise<number> {
  const reading = readOptions(values);
  if (reading.kind === 'ok') {
    const code = await play(reading.options);
    // After a failure or an interruption, users may still be posting.
    process.exit(code);
  }
  console.error(`dinossauro: ${reading.reason} (see dinossauro rinha --help)`);
  return MISUSED;
}

/** Runs every round, reports, and stops everything it started. Resolves to the exit code. */
async function play(options: Options): Promise<number> {
  const interrupted = interruption();
  const open: { close(): Promise<void> }[] = [];
  try {
    const site = await Promise.race([openSite(options), interrupted]);
    open.push(site);
    const results = await Promise.race([rounds(options, site, open), interrupted]);
    report(options, results);
    return 0;
  } catch (error) {
    console.error(`\n${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    for (const each of open.toReversed()) await each.close();
  }
}

function openSite({ site, scenario, target, processors, token }: Options): Promise<Site> {
  switch (site) {
    case 'native':
      return nativeSite(systemClock, scenario.fees, token);
    case 'compose':
      return composeSite(systemClock, scenario.fees, token);
    case 'given':
      return Promise.resolve(givenSite(target, processors));
  }
}

/** `open` always contains what has to be closed. */
async function rounds(options: Options, site: Site, open: { close(): Promise<void> }[]): Promise<Result[]> {
  const results: Result[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const entry of options.entries) {
      const deployment: Deployment = await site.open(entry);
      open.push(deployment);
      const result = await run({
        site: site.name,
        entry,
        scenario: options.scenario,
        deployment,
        processors: site.processors,
        token: options.token,
        clock: systemClock,
        newId: randomUUID,
        onSecond: showProgress,
      });
      open.pop();
      await deployment.close();
      clearProgress();
      console.log(reportLines(result).join('\n'));
      results.push(result);
    }
  }
  return results;
}

function report({ entries, jsonFile, htmlFile }: Options, results: readonly Result[]): void {
  if (entries.length > 1) console.log(comparisonLines(results).join('\n'));
  if (jsonFile !== undefined) writeFileSync(jsonFile, JSON.stringify(results, null, 1));
  writeFileSync(htmlFile, page(results));
  console.log(`Charts: ${htmlFile}`);
}

function showProgress(course: Course): void {
  const line = progressLine(course);
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line.slice(0, process.stdout.columns - 1)}`);
  else if (Math.round(course.nowMs() / 1_000) % PROGRESS_EVERY_SECONDS === 0) console.log(line);
}

function clearProgress(): void {
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
}

function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => reject(new Error(`stopped by ${signal}`)));
    }
  });
}

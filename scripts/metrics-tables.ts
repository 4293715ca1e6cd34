import { readConfig } from '../src/config/config.ts';
import { systemClock } from '../src/core/clock.ts';
import type { Family } from '../src/metrics/openmetrics.ts';
import { Scrape } from '../src/metrics/scrape.ts';
import { MetricsTable } from '../src/shared-memory/metrics-table.ts';
import { Ring } from '../src/shared-memory/ring.ts';
import { SegmentTable } from '../src/shared-memory/segment-table.ts';
import { SharedState } from '../src/shared-memory/state.ts';
import { table } from './markdown.ts';

/** Every metric that an instance shows once it has asked its processor for its health. */
export function everyFamily(): Family[] {
  const reading = readConfig({ PROCESSORS: 'default:0.05:http://127.0.0.1:1' });
  if (reading.kind !== 'ok') throw new Error('the settings of the metrics table are invalid');
  const shape = { processorCount: 1, threadCount: 2 };
  const sharedState = new SharedState(SharedState.allocate(shape), shape);
  sharedState.setReported(0, { failing: false, minResponseTimeMs: 1, atMs: 1 });
  const metricsTable = new MetricsTable(MetricsTable.allocate(shape), shape);
  // Without a size and a limit, these have no samples.
  for (const name of ['booksBytes', 'booksLimitBytes', 'booksFullInMs'] as const)
    metricsTable.thread(0).set(name, 1);
  return new Scrape({
    metricsTable,
    sharedState,
    ring: new Ring(Ring.allocate(8)),
    segments: new SegmentTable(SegmentTable.allocate(2, 16)),
    config: { httpThreadCount: 1, poolThreadCount: 1 },
    processors: reading.config.processors,
    refusals: [{ slug: 'queue-full', status: 503 }],
    version: '1',
    clock: systemClock,
  }).families();
}

const HEAD = ['metric', 'type', 'labels', 'meaning'];
const BLOCK = /(?<=<!-- metrics -->\n\n).*(?=\n\n<!-- \/metrics -->)/s;

/** docs/metrics.md with its table up to date. To be run on Linux, where every metric is there. */
export function metricsPage(page: string): string {
  const rows = everyFamily().map((family) => [
    `\`${family.name}\``,
    family.type,
    labelsOf(family),
    family.help,
  ]);
  return page.replace(BLOCK, () => table(HEAD, rows));
}

/** The labels of a metric and, where there are several, their values. */
function labelsOf({ samples }: Family): string {
  const names = Object.keys(samples[0]?.labels ?? {});
  return names
    .map((name) => {
      const values = new Set(samples.map(({ labels = {} }) => `\`${labels[name]}\``));
      return values.size === 1 ? `\`${name}\`` : `\`${name}\`: ${[...values].join(', ')}`;
    })
    .join('; ');
}

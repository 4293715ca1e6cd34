/**
 * Formats metrics as text: OpenMetrics 1.0, and the older Prometheus format (0.0.4) for collectors that know no other.
 */
export type Format = 'openmetrics' | 'prometheus';

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
};

export type Labels = Readonly<Record<string, string>>;

/** Samples of one metric, which differ in their labels. */
export type Family = SimpleFamily | HistogramFamily;

export interface SimpleFamily {
  readonly type: 'counter' | 'gauge' | 'info';
  /** Without the suffix `_total` or `_info`; ends in the unit, if there is one. */
  readonly name: string;
  readonly unit?: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface HistogramFamily {
  readonly type: 'histogram';
  readonly name: string;
  readonly unit: string;
  readonly help: string;
  /** Upper bounds of the buckets, inclusive and ascending, in the unit. */
  readonly bounds: readonly number[];
  readonly samples: readonly HistogramSample[];
}

export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels?: Labels;
  /** Observations per bucket, not cumulative; one more than there are bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

export function expose(families: readonly Family[], format: Format): string {
  const lines = families.flatMap((family) => [...describe(family, format), ...samplesOf(family)]);
  if (format === 'openmetrics') lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

function describe(family: Family, format: Format): string[] {
  const help = escaped(family.help);
  // The older format declares names with their suffix, and has neither units nor infos.
  if (format === 'prometheus') {
    const name = family.name + SUFFIXES[family.type];
    const type = family.type === 'info' ? 'gauge' : family.type;
    return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
  }
  const lines = [`# TYPE ${family.name} ${family.type}`];
  if (family.unit !== undefined) lines.push(`# UNIT ${family.name} ${family.unit}`);
  return [...lines, `# HELP ${family.name} ${help}`];
}

const SUFFIXES = { counter: '_total', gauge: '', info: '_info', histogram: '' } as const;

function samplesOf(family: Family): string[] {
  if (family.type === 'histogram') return family.samples.flatMap((sample) => bucketsOf(family, sample));
  const name = family.name + SUFFIXES[family.type];
  return family.samples.map(({ labels, value }) => `${name}${written(labels)} ${numberText(value)}`);
}

/** Buckets are cumulative. The count is the last bucket, so that both agree even when cells are read at different times. */
function bucketsOf({ name, bounds }: HistogramFamily, { labels, counts, sum }: HistogramSample): string[] {
  let count = 0;
  const lines = counts.map((inBucket, bucket) => {
    count += inBucket;
    const le = boundText(bounds[bucket] ?? Number.POSITIVE_INFINITY);
    return `${name}_bucket${written({ ...labels, le })} ${count}`;
  });
  return [...lines, `${name}_count${written(labels)} ${count}`, `${name}_sum${written(labels)} ${sum}`];
}

function written(labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

function numberText(value: number): string {
  return Number.isFinite(value) ? String(value) : boundText(value);
}

/** A bound in canonical form, since it is a label: `1.0`, `0.05`, `2e-05`, `+Inf`. */
function boundText(bound: number): string {
  if (bound === Number.POSITIVE_INFINITY) return '+Inf';
  if (Number.isNaN(bound)) return 'NaN';
  if (bound < 1e-4) return bound.toExponential().replace(/e-(\d)$/, 'e-0$1');
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

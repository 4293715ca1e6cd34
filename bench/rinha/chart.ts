/** A chart over time, as SVG: stacked areas, stages as bands behind them, marks in front. */
export interface Area {
  readonly name: string;
  /** A value that is not a number counts as zero. */
  readonly points: readonly { readonly atMs: number; readonly value: number }[];
}

export interface CourseOfTime {
  readonly untilMs: number;
  readonly bands: readonly {
    readonly fromMs: number;
    readonly toMs: number;
    readonly bad: boolean;
    readonly label: string;
    /** Shown in the band. */
    readonly caption: string;
  }[];
  readonly marks: readonly { readonly atMs: number; readonly label: string }[];
}

const WIDTH = 960;
const HEIGHT = 180;
const LEFT = 48;
const BOTTOM = 20;
const TOP = 12;

/** At most two areas, with the same timestamps; the second is stacked on the first. Labels must need no escaping. */
export function chart(title: string, course: CourseOfTime, areas: readonly Area[]): string {
  const stacked = stack(areas);
  const peak = niceCeiling(Math.max(1, ...stacked.flatMap((points) => points.map((point) => point.top))));
  const x = (atMs: number) => LEFT + (atMs / course.untilMs) * (WIDTH - LEFT);
  const y = (value: number) => TOP + (1 - value / peak) * (HEIGHT - TOP - BOTTOM);
  const keys =
    areas.length > 1 ? areas.map(({ name }, index) => `<span class="key${index}">■</span> ${name}`) : [];
  const parts = [
    ...course.bands.map(
      ({ fromMs, toMs, bad, label, caption }) =>
        `<rect class="band${bad ? ' bad' : ''}" x="${x(fromMs).toFixed(1)}" y="${TOP}" width="${(x(toMs) - x(fromMs)).toFixed(1)}" height="${HEIGHT - TOP - BOTTOM}"><title>${label}</title></rect><text x="${(x(fromMs) + 3).toFixed(1)}" y="${TOP + 11}">${caption}</text>`,
    ),
    ...[0, 0.5, 1].map((share) => {
      const height = y(share * peak).toFixed(1);
      return `<line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${height}" y2="${height}"/><text x="${LEFT - 6}" y="${height}" text-anchor="end" dominant-baseline="middle">${share * peak}</text>`;
    }),
    ...stacked.map(
      (points, index) => `<path class="area${index}" d="${outline(points, x, y)}" pointer-events="none"/>`,
    ),
    ...course.marks.map(({ atMs, label }) => {
      const across = x(atMs).toFixed(1);
      return `<line class="mark" x1="${across}" x2="${across}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"><title>${label}</title></line>`;
    }),
    ...timeLabels(course.untilMs).map(
      (second) =>
        `<text x="${x(second * 1_000).toFixed(1)}" y="${HEIGHT - 5}" text-anchor="middle">${second} s</text>`,
    ),
  ];
  return `<figure><h2>${title}</h2><figcaption>${keys.join(' ')}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">${parts.join('\n')}</svg></figure>`;
}

interface Span {
  readonly atMs: number;
  readonly bottom: number;
  readonly top: number;
}

function stack(areas: readonly Area[]): Span[][] {
  let below: readonly Span[] = [];
  return areas.map(({ points }) => {
    const spans = points.map(({ atMs, value }, index) => {
      const bottom = below[index]?.top ?? 0;
      return { atMs, bottom, top: bottom + (Number.isNaN(value) ? 0 : value) };
    });
    below = spans;
    return spans;
  });
}

/** Along the tops, then back along the bottoms. */
function outline(spans: readonly Span[], x: (atMs: number) => number, y: (value: number) => number): string {
  const tops = spans.map(({ atMs, top }) => `${x(atMs).toFixed(1)},${y(top).toFixed(1)}`);
  const bottoms = spans.map(({ atMs, bottom }) => `${x(atMs).toFixed(1)},${y(bottom).toFixed(1)}`);
  return spans.length === 0 ? '' : `M${[...tops, ...bottoms.reverse()].join('L')}Z`;
}

/** The smallest of 1, 2, 5, 10, 20, 50 … that is at least `value`. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((step) => step * power >= value) ?? 10) * power;
}

function timeLabels(untilMs: number): number[] {
  const step = niceCeiling(untilMs / 10_000);
  return Array.from({ length: Math.floor(untilMs / 1_000 / step) + 1 }, (_, index) => index * step);
}

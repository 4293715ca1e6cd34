import { type Area, chart } from './chart.ts';
import type { Second } from './record.ts';
import { comparisonLines, figures, partLine, titleOf } from './report.ts';
import type { Result } from './run.ts';
import { type Condition, describe } from './scenario.ts';

/** The runs over time as one self-contained HTML page, in the reader's light or dark theme. */
export function page(results: readonly Result[]): string {
  const compares = new Set(results.map((result) => result.entry)).size > 1;
  const comparison = compares ? `<pre>${escaped(comparisonLines(results).join('\n'))}</pre>` : '';
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Rinha de Backend 2025: ${escaped(results[0]?.scenario.name ?? '')}</title>
<style>${STYLE}</style>
<main>${comparison}${results.map(section).join('\n')}</main>
</html>
`;
}

function section(result: Result): string {
  const { scenario, seconds, metered } = result;
  const rows = figures(result).map(([name, value]) => `<tr><th>${escaped(name)}<td>${escaped(value)}`);
  const parts = metered.parts.map((part) => `<tr><th><td>${escaped(partLine(part))}`);
  const course = {
    untilMs: Math.max(scenario.durationMs, seconds.at(-1)?.atMs ?? 0),
    bands: scenario.stages.map((stage, index) => ({
      fromMs: stage.atMs,
      toMs: scenario.stages[index + 1]?.atMs ?? scenario.durationMs,
      bad: stage.default.failing || stage.default.delayMs >= scenario.books.toAgoMs,
      caption: `${brief(stage.default)} | ${brief(stage.fallback)}`,
      label: `default ${describe(stage.default)}\nfallback ${describe(stage.fallback)}`,
    })),
    marks: result.checks
      .filter((check) => check.errorCount > 0)
      .map((check) => ({ atMs: check.atMs, label: `books off by ${check.errorCount}` })),
  };
  const at = (value: (second: Second) => number): Area['points'] =>
    seconds.map((second) => ({ atMs: second.atMs, value: value(second) }));
  return `<h1>${escaped(titleOf(result))}</h1>
<p>${new Date(result.beganAtMs).toISOString()}
<p>Bands are stages: the delay of default | of fallback in ms, struck out while it fails; red where default is of no use.
<table>${[...rows, ...parts].join('\n')}</table>
${chart('posts a second', course, [
  { name: 'accepted', points: at((second) => second.accepted) },
  { name: 'failed', points: at((second) => second.failed) },
])}
${chart('p99 of each second, ms', course, [{ name: 'p99', points: at((second) => second.p99Ms) }])}
${chart('accepted and not yet settled', course, [{ name: 'backlog', points: at((second) => Math.max(0, second.backlog)) }])}
${chart('settled a second', course, [
  { name: 'default', points: increments(seconds, 'default') },
  { name: 'fallback', points: increments(seconds, 'fallback') },
])}`;
}

/** The delay, struck through if the processor fails. */
function brief({ delayMs, failing }: Condition): string {
  return failing ? `<tspan text-decoration="line-through">${delayMs}</tspan>` : String(delayMs);
}

function increments(seconds: readonly Second[], name: 'default' | 'fallback'): Area['points'] {
  return seconds.map(({ atMs, settled }, index) => ({
    atMs,
    value: settled[name] - (seconds[index - 1]?.settled[name] ?? 0),
  }));
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#1c2126, #e4e7ea); --dim: light-dark(#66707a, #98a2ac);
  --paper: light-dark(#ffffff, #15191d); --line: light-dark(#d8dde2, #323a42);
  --one: light-dark(#1f77b4, #5aa9e0); --two: light-dark(#d9730d, #f2a04e); --bad: light-dark(#c62f2f, #f07070); }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
main { max-width: 960px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 1.5rem 0 .3rem; }
p, figcaption { color: var(--dim); margin: 0 0 .5rem; }
figure { margin: 0; } svg { width: 100%; height: auto; display: block; }
table { border-collapse: collapse; } th { text-align: left; font-weight: 600; padding-right: 1rem; white-space: nowrap; }
td { font-variant-numeric: tabular-nums; } pre { overflow-x: auto; }
svg text { fill: var(--dim); font-size: 11px; }
.grid { stroke: var(--line); } .band { fill: var(--ink); fill-opacity: .03; stroke: var(--line); }
.band.bad { fill: var(--bad); fill-opacity: .12; } .mark { stroke: var(--bad); stroke-width: 2; }
.area0 { fill: var(--one); stroke: var(--one); } .area1 { fill: var(--two); stroke: var(--two); }
.area0, .area1 { fill-opacity: .45; stroke-width: 1.2; }
.key0 { color: var(--one); } .key1 { color: var(--two); }
`;

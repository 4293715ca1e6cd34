import { byId, element, refresh, table, write } from './element.js';
import { count, duration, rate, timeOfDay } from './text.js';

/** @import { default as Plot, Options } from 'uplot' */
/** @import { Hello } from '../frame.ts' */
/** @import { History, Row } from './history.js' */

const HEIGHT_PX = 180;
/** The count axis reaches at least this far, so that an idle chart has a scale. */
const LEAST_COUNT = 5;
/** Steps between the grid lines of a count axis: whole numbers only. */
const STEPS = [0, 1, 2, 3, 4, 5, 6].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));
/** In the table below the charts. */
const ROWS_SHOWN = 20;

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {string} color a custom property of the style sheet
 * @property {(row: Row) => number | null} of
 *
 * @typedef {object} ChartPlan
 * @property {string} title
 * @property {readonly Line[]} lines
 * @property {(value: number | null) => string} text
 * @property {boolean} isLogarithmic for durations, which range over powers of ten
 * @property {string} empty what is shown instead of a chart without any figure
 */

/** @param {Hello} hello @returns {ChartPlan[]} */
function planFor({ processors }) {
  /** @param {'accept' | 'settlement'} what @returns {Line[]} */
  const quantiles = (what) => [
    { name: 'p50', color: '--line-1', of: (row) => row[`${what}P50`] },
    { name: 'p99', color: '--line-2', of: (row) => row[`${what}P99`] },
  ];
  const settled = processors.map(({ name }, index) => ({
    name: `settled by ${name}`,
    color: `--accent-${index % 8}`,
    of: (/** @type {Row} */ row) => row.settled[index] ?? null,
  }));
  const accepted = { name: 'accepted', color: '--line-1', of: (/** @type {Row} */ row) => row.accepted };
  return [
    {
      title: 'Payments per second',
      lines: [accepted, ...settled],
      text: rate,
      isLogarithmic: false,
      empty: 'No payments in the last three minutes.',
    },
    {
      title: 'Backlog',
      lines: [{ name: 'payments', color: '--line-1', of: (row) => row.backlog }],
      text: count,
      isLogarithmic: false,
      empty: 'No payments have waited in the last three minutes.',
    },
    {
      title: 'Accept time',
      lines: quantiles('accept'),
      text: duration,
      isLogarithmic: true,
      empty: 'No payments were accepted in the last three minutes.',
    },
    {
      title: 'Settlement time',
      lines: quantiles('settlement'),
      text: duration,
      isLogarithmic: true,
      empty: 'No payments were settled in the last three minutes.',
    },
  ];
}

/** The charts of the last three minutes, and the same figures as a table. */
export class Charts {
  #history;
  #plans;
  #charts;

  /** @param {Hello} hello @param {History} history */
  constructor(hello, history) {
    this.#history = history;
    this.#plans = planFor(hello);
    this.#charts = this.#plans.map((plan) => new Chart(plan, history));
    byId('charts').replaceChildren(...this.#charts.map(({ node }) => node));
    byId('history').addEventListener('toggle', () => this.#showTable());
  }

  show() {
    for (const chart of this.#charts) chart.show();
    this.#showTable();
  }

  /** Redraws with the current colours: a canvas does not follow the style sheet. */
  recolor() {
    for (const chart of this.#charts) chart.draw();
  }

  #showTable() {
    const details = byId('history', HTMLDetailsElement);
    const place = details.querySelector('section');
    if (!details.open || place === null) return;
    const columns = this.#plans.flatMap(({ title, lines, text }) =>
      lines.map(({ name, of }) => ({
        head: lines.length > 1 && text !== rate ? `${title} ${name}` : heading(title, name),
        of,
        text,
      })),
    );
    const rows = this.#history.rows
      .slice(-ROWS_SHOWN)
      .reverse()
      .map((row) => [timeOfDay(row.atS * 1000), ...columns.map(({ of, text }) => text(of(row)))]);
    refresh(
      place,
      table('The charts as a table, newest first', ['Time', ...columns.map(({ head }) => head)], rows),
    );
  }
}

/** @param {string} title @param {string} name */
function heading(title, name) {
  const text = title === 'Backlog' ? title : `${name} per second`;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

class Chart {
  node;
  #plan;
  #history;
  #canvas = element('div', 'canvas');
  #empty;
  #legend;
  /** @type {Plot | null} */
  #plot = null;

  /** @param {ChartPlan} plan @param {History} history */
  constructor(plan, history) {
    this.#plan = plan;
    this.#history = history;
    this.#legend = plan.lines.map(({ name, color }) => {
      const swatch = element('i');
      swatch.style.backgroundColor = `var(${color})`;
      const value = element('b');
      return { swatch, value, node: element('li', '', swatch, `${name} `, value) };
    });
    const legend = element('ul', 'legend', ...this.#legend.map(({ node }) => node));
    this.#canvas.role = 'img';
    this.#canvas.ariaLabel = `${plan.title} over the last three minutes. The table below has the figures.`;
    this.#empty = element('p', 'empty', plan.empty);
    this.node = element(
      'figure',
      '',
      element('figcaption', '', plan.title),
      legend,
      this.#canvas,
      this.#empty,
    );
    new ResizeObserver(() => this.#resize()).observe(this.#canvas);
  }

  show() {
    const { rows } = this.#history;
    const hasFigures = rows.some((row) => this.#plan.lines.some(({ of }) => (of(row) ?? 0) > 0));
    this.#canvas.hidden = !hasFigures;
    this.#empty.hidden = hasFigures;
    if (this.#plot === null || !hasFigures) this.draw();
    else this.#plot.setData(this.#data());
    this.#showValues(null);
  }

  /** Redraws from scratch, with the current colours. */
  draw() {
    this.#plot?.destroy();
    this.#plot = null;
    if (this.#canvas.clientWidth > 0) this.#plot = new uPlot(this.#options(), this.#data(), this.#canvas);
  }

  #resize() {
    if (this.#plot === null || this.#canvas.hidden) this.draw();
    else this.#plot.setSize({ width: this.#canvas.clientWidth, height: HEIGHT_PX });
  }

  /** @returns {[number[], ...(number | null)[][]]} */
  #data() {
    const { rows } = this.#history;
    return [rows.map(({ atS }) => atS), ...this.#plan.lines.map(({ of }) => rows.map(of))];
  }

  /** Shows the values of the row under the pointer, or of the newest row. @param {number | null | undefined} at */
  #showValues(at) {
    const { rows } = this.#history;
    const row = at === null || at === undefined ? rows.at(-1) : rows[at];
    for (const [index, { of }] of this.#plan.lines.entries()) {
      const value = this.#legend[index]?.value;
      if (value !== undefined) write(value, this.#plan.text(row === undefined ? null : of(row)));
    }
  }

  /** @returns {Options} */
  #options() {
    const { lines, text, isLogarithmic } = this.#plan;
    const style = getComputedStyle(this.#canvas);
    const axis = {
      stroke: style.color,
      grid: { stroke: style.borderTopColor, width: 1 },
      ticks: { show: false },
      font: `11px ${style.fontFamily}`,
    };
    return {
      width: this.#canvas.clientWidth,
      height: HEIGHT_PX,
      legend: { show: false },
      cursor: { y: false, points: { size: 6 } },
      padding: [8, 24, 0, 0],
      scales: {
        x: { range: () => [this.#history.span.fromS, this.#history.span.toS] },
        y: isLogarithmic
          ? { distr: 3, range: (_, min, max) => decades(min, max) }
          : { range: (_, __, max) => [0, Math.max(LEAST_COUNT, (max ?? 0) * 1.1)] },
      },
      axes: [
        { ...axis, size: 24, space: 70, values: (_, splits) => splits.map((atS) => timeOfDay(atS * 1000)) },
        {
          ...axis,
          ...(isLogarithmic
            ? { filter: powersOfTen, grid: { ...axis.grid, filter: powersOfTen } }
            : { incrs: STEPS }),
          size: 54,
          space: 34,
          values: (_, splits) => splits.map((value) => (value === null ? '' : text(value))),
        },
      ],
      series: [
        {},
        ...lines.map((_, index) => ({
          stroke: getComputedStyle(/** @type {Element} */ (this.#legend[index]?.swatch)).backgroundColor,
          width: 1.75,
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [(plot) => this.#showValues(plot.cursor.idx)] },
    };
  }
}

/** The powers of ten that enclose the values. @param {number | null} min @param {number | null} max @returns {[number, number]} */
function decades(min, max) {
  const low = 10 ** Math.floor(Math.log10(Math.max(0.001, min ?? 1)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(0.001, max ?? 1)));
  return [low, Math.max(high, low * 10)];
}

/** Keeps grid lines and labels at powers of ten only. @param {unknown} _ @param {number[]} splits */
function powersOfTen(_, splits) {
  return splits.map((value) => (Math.abs(Math.log10(value) % 1) < 1e-9 ? value : null));
}

/** @import { Frame } from '../frame.ts' */

const SPAN_S = 180;
const LEAST_SPAN_S = 60;
/** Frames further apart than this leave a gap in the lines. */
const GAP_S = 2;

/**
 * The figures of the last three minutes, for the charts and their table: a row for each frame.
 *
 * @typedef {object} Row
 * @property {number} atS
 * @property {number | null} accepted
 * @property {readonly (number | null)[]} settled by processor
 * @property {number | null} backlog
 * @property {number | null} acceptP50
 * @property {number | null} acceptP99
 * @property {number | null} settlementP50
 * @property {number | null} settlementP99
 */
export class History {
  /** @type {Row[]} */
  #rows = [];

  /** The rows, oldest first. @returns {readonly Row[]} */
  get rows() {
    return this.#rows;
  }

  /** The time span of the charts, in seconds: that of the rows, and at least one minute. */
  get span() {
    const toS = this.#rows.at(-1)?.atS ?? Date.now() / 1000;
    const fromS = this.#rows[0]?.atS ?? toS;
    return { fromS: Math.min(fromS, toS - LEAST_SPAN_S), toS };
  }

  /** @param {Frame} frame */
  add({ atMs, instance, processors }) {
    const atS = atMs / 1000;
    const lastS = this.#rows.at(-1)?.atS;
    // The frame came twice, or the gateway's clock was set back.
    if (lastS !== undefined && atS <= lastS) this.#rows = this.#rows.filter((row) => row.atS < atS);
    if (lastS !== undefined && atS - lastS > GAP_S) this.#rows.push(gap(lastS + 1, processors.length));
    this.#rows.push({
      atS,
      accepted: instance.acceptedPerS,
      settled: processors.map(({ settledPerS }) => settledPerS),
      backlog: instance.backlog,
      acceptP50: instance.accept?.p50Ms ?? null,
      acceptP99: instance.accept?.p99Ms ?? null,
      settlementP50: instance.settlement?.p50Ms ?? null,
      settlementP99: instance.settlement?.p99Ms ?? null,
    });
    while ((this.#rows[0]?.atS ?? atS) < atS - SPAN_S) this.#rows.shift();
  }
}

/** @param {number} atS @param {number} processorCount @returns {Row} */
function gap(atS, processorCount) {
  return {
    atS,
    accepted: null,
    settled: Array.from({ length: processorCount }, () => null),
    backlog: null,
    acceptP50: null,
    acceptP99: null,
    settlementP50: null,
    settlementP99: null,
  };
}

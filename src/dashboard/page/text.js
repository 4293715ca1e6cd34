/** @typedef {{ readonly feePpm: number, readonly feeFixedCents: number }} Fee what a payment costs at a processor */

/** @import { Limits } from '../../core/terms.ts' */

// Formats figures, the same way in tiles, tables and legends.

/** Stands for a figure that is unknown, or does not exist now. */
export const NONE = '–';

const DAY_MS = 86_400_000;
const UNITS = [
  { from: 1e3, name: 'kB' },
  { from: 1e6, name: 'MB' },
  { from: 1e9, name: 'GB' },
  { from: 1e12, name: 'TB' },
];

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const few = new Intl.NumberFormat('en', { maximumSignificantDigits: 2 });
const places = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const cents = new Intl.NumberFormat('en', { minimumFractionDigits: 2 });

/** @param {number | null} value */
export function count(value) {
  return value === null ? NONE : whole.format(value);
}

/** Per second, with one decimal below 10. @param {number | null} value */
export function rate(value) {
  if (value === null) return NONE;
  return value < 10 && value !== 0 ? tenths.format(value) : whole.format(value);
}

/** @param {bigint} amountCents */
export function money(amountCents) {
  const fraction = String(amountCents % 100n).padStart(2, '0');
  return cents.format(/** @type {`${number}`} */ (`${amountCents / 100n}.${fraction}`));
}

/** The name of the currency of all amounts; empty: not known. */
function currency() {
  return document.documentElement.dataset['currency'] ?? '';
}

/** A label of amounts, with their currency if it is known. @param {string} label */
export function inCurrency(label) {
  return currency() === '' ? label : `${label} (${currency()})`;
}

/** An amount in a sentence. @param {bigint} amountCents */
export function sumText(amountCents) {
  return `${currency()} ${money(amountCents)}`.trim();
}

/** An amount as JSON has it. @param {number} amount */
export function decimal(amount) {
  return places.format(amount);
}

/** Formats parts per million as a percentage. @param {number} ppm */
export function percent(ppm) {
  return `${new Intl.NumberFormat('en', { maximumFractionDigits: 4 }).format(ppm / 10_000)}%`;
}

/** In the unit that fits, to two or three significant digits. @param {number | null} ms */
export function duration(ms) {
  if (ms === null) return NONE;
  if (ms === 0) return '0 ms';
  if (ms < 0.995) return `${few.format(ms * 1000)} µs`;
  if (ms < 10) return `${few.format(ms)} ms`;
  if (ms < 999.5) return `${whole.format(ms)} ms`;
  if (ms < 60_000) return `${(ms % 1000 === 0 ? whole : tenths).format(ms / 1000)} s`;
  return ago(ms);
}

/** In whole seconds, minutes or hours. @param {number} ms */
export function ago(ms) {
  if (ms < 60_000) return `${whole.format(Math.max(0, Math.floor(ms / 1000)))} s`;
  if (ms < 3_600_000) return `${whole.format(Math.floor(ms / 60_000))} min`;
  return `${whole.format(Math.floor(ms / 3_600_000))} h`;
}

/** In whole days, or hours if it is less than two days. @param {number} ms */
export function days(ms) {
  if (ms < 2 * DAY_MS) return ago(ms);
  const years = ms / (365 * DAY_MS);
  return years < 3
    ? `${whole.format(Math.floor(ms / DAY_MS))} days`
    : `${whole.format(Math.floor(years))} years`;
}

/** Such as 1.5 GB. @param {number} bytes */
export function size(bytes) {
  const unit = UNITS.findLast(({ from }) => bytes >= from) ?? { from: 1, name: 'B' };
  return `${few.format(bytes / unit.from)} ${unit.name}`;
}

/** In the viewer's time zone. @param {number} atMs */
export function timeOfDay(atMs) {
  return new Date(atMs).toLocaleTimeString('en-GB');
}

/** In the viewer's time zone, such as 2025-07-15 12:34:56. @param {string | number} stamp */
export function moment(stamp) {
  return new Date(stamp).toLocaleString('sv-SE');
}

/**
 * What payments cost, in whole cents rounded half up.
 *
 * @param {bigint} amountCents their sum
 * @param {number} payments
 * @param {Fee} fee
 */
export function feeCents(amountCents, payments, { feePpm, feeFixedCents }) {
  const sharesCents = (amountCents * BigInt(feePpm) + 500_000n) / 1_000_000n;
  return sharesCents + BigInt(payments) * BigInt(feeFixedCents);
}

/** Such as `5%`, `0.30` or `1.5% + 0.30`. @param {Fee} fee */
export function feeText({ feePpm, feeFixedCents }) {
  const fixed = money(BigInt(feeFixedCents));
  if (feeFixedCents === 0) return percent(feePpm);
  return feePpm === 0 ? fixed : `${percent(feePpm)} + ${fixed}`;
}

/** Calls at once, calls a second and amounts. @param {Limits} limits */
export function limitTexts(limits) {
  const { callLimit, callsPerSecond } = limits;
  return [
    count(callLimit),
    callsPerSecond === null ? 'no limit' : count(callsPerSecond),
    amountsText(limits),
  ];
}

/** Such as `all`, `none`, `from 0.50` or `0.50 to 100.00`. @param {Limits} limits */
function amountsText({ minAmountCents, maxAmountCents }) {
  const min = money(BigInt(minAmountCents));
  if (maxAmountCents < minAmountCents) return 'none';
  if (maxAmountCents < Number.MAX_SAFE_INTEGER) return `${min} to ${money(BigInt(maxAmountCents))}`;
  return minAmountCents === 1 ? 'all' : `from ${min}`;
}

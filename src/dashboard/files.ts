import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';

const PAGE = new URL('./page/', import.meta.url);
const OWN = [
  'page.css',
  'add-processor.js',
  'main.js',
  'charts.js',
  'conditions.js',
  'confirm-dialog.js',
  'connection.js',
  'control.js',
  'element.js',
  'figures.js',
  'help.js',
  'history.js',
  'lab.js',
  'operator-api.js',
  'operators.css',
  'payments.js',
  'payment-action.js',
  'payment-api.js',
  'payment-reasons.js',
  'payment-search.js',
  'payment-story.js',
  'processor-card.js',
  'shell.js',
  'terms.js',
  'text.js',
  'theme.js',
  'webhook-action.js',
  'webhook-api.js',
  'webhook-card.js',
  'webhooks.js',
];

/** Every file of the dashboard, by the name that browsers request. */
const FILES = new Map<string, URL>([
  ...OWN.map((name) => [name, new URL(name, PAGE)] as const),
  ['uplot.js', new URL(import.meta.resolve('uplot/dist/uPlot.iife.min.js'))],
  ['uplot.css', new URL(import.meta.resolve('uplot/dist/uPlot.min.css'))],
]);

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

/** Null for anything that is not a file loaded by a page. */
export function contentTypeOf(name: string): string | null {
  return FILES.has(name) ? (CONTENT_TYPES[extname(name)] ?? null) : null;
}

/** A place in the shell, and the mark before what a page puts there. */
const PLACE = /<!-- (head|header|main) -->\n/g;

/** A page: its parts in the shell that all pages share, or as it is if it has no parts. `currency` is the setting, which has no quotes. */
export async function readPage(name: string, currency: string): Promise<string> {
  const [shell, page] = await Promise.all([textOf('shell.html'), textOf(name)]);
  const [, ...parts] = page.split(PLACE);
  if (parts.length === 0) return page;
  return shell
    .replace('data-currency=""', () => `data-currency="${currency}"`)
    .replace(PLACE, (_, place: string) => parts[parts.indexOf(place) + 1] ?? '');
}

function textOf(name: string): Promise<string> {
  return readFile(new URL(name, PAGE), 'utf8');
}

/** Not cached: pages are opened rarely, and memory is for payments. */
export function read(name: string): Promise<Uint8Array> {
  const url = FILES.get(name);
  if (url === undefined) throw new Error(`no such file: ${name}`);
  return readFile(url);
}

import { styleText } from 'node:util';
import {
  Command,
  CommanderError,
  type CommandUnknownOpts,
  InvalidArgumentError,
  Option,
} from '@commander-js/extra-typings';
import { parseJsonObject } from '../core/json-object.ts';
import { parseWindow } from '../core/time-window.ts';

/** The exit codes of `dinossauro`. */
export const DONE = 0;
export const FAILED = 1;
export const MISUSED = 2;
export const MISSING = 3;

/** The command line is invalid, and nothing was run. The message says in one line what was expected. */
export class Misuse extends Error {}

/** `line` is what follows `dinossauro`, or a whole command line that sets variables first. */
type Example = readonly [line: string, purpose: string];

/** Creates a command, to which the caller adds options and an action. Only this file imports commander. */
export function command(name: string): Command {
  const made: Command = new Command(name);
  return (
    made
      .configureHelp({ styleTitle: bold })
      .helpOption('-h, --help', 'show this help')
      // Misuse is reported in one place, by main.ts.
      .configureOutput({ outputError: () => {} })
      .exitOverride((error) => {
        throw error.exitCode === 0 ? error : new Misuse(complaint(error, made));
      })
  );
}

/** True if commander has already handled the command line, for example by printing help. */
export function isAnswered(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}

/** Commander's message in one line, plus the name of an unexpected argument and where to find help. */
function complaint({ code, message }: CommanderError, made: Command): string {
  const where = `${pathOf(made)} --help`;
  const hinted = message
    .replace(/^error: /, '')
    .replace(/\n\((Did.*)\)$/s, (_, hint) => `; ${hint.toLowerCase()}`);
  const extra = made.args[made.registeredArguments.length];
  const problem = code === 'commander.excessArguments' ? `unexpected argument '${extra}'` : hinted;
  const takesSettings = code === 'commander.unknownOption' && made.options.length === 0;
  return `${problem}${takesSettings ? '; settings come from the environment' : ''} (see ${where})`;
}

/** Its name, after those of the commands that it belongs to. */
function pathOf(made: CommandUnknownOpts): string {
  return made.parent === null ? made.name() : `${pathOf(made.parent)} ${made.name()}`;
}

/** The section of examples for a command's help. */
export function examples(lines: readonly Example[]): string {
  const shown = lines.flatMap(([line, purpose]) => [
    `  ${styleText('dim', `# ${purpose}`, { stream: process.stdout })}`,
    `  ${line.includes('dinossauro ') ? line : `dinossauro ${line}`}`,
  ]);
  return ['', bold('Examples:'), ...shown].join('\n');
}

export function bold(text: string): string {
  return styleText('bold', text, { stream: process.stdout });
}

const WHOLE_MAX = 999_999_999;

/** Makes a parser of whole numbers, for commander's `option`. */
export function whole(min: number, max = WHOLE_MAX): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

/** A parser of decimals. */
export function decimal(text: string): number {
  if (/^\d{1,9}(\.\d{1,6})?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a decimal, such as 0.015.');
}

/** A parser of JSON objects. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> {
  const members = parseJsonObject(text);
  if (members !== null) return members;
  throw new InvalidArgumentError('Expected a JSON object, such as {"merchant":"moo"}.');
}

/** Makes a parser of text that `problemOf` accepts; it returns null, or what was expected, as a sentence. */
export function checked(problemOf: (text: string) => string | null): (text: string) => string {
  return (text) => {
    const reason = problemOf(text);
    if (reason === null) return text;
    throw new InvalidArgumentError(reason);
  };
}

/** Parses a bound of a window of time. */
export const timestamp = checked((text) =>
  parseWindow(String(new URLSearchParams({ from: text }))).kind === 'ok'
    ? null
    : 'Expected an ISO 8601 timestamp, such as 2025-07-15T12:34:56Z.',
);

/** Parses an http or https URL without path and query into its origin. */
export function origin(text: string): string {
  const url = /^https?:\/\//.test(text) ? URL.parse(text) : null;
  if (url !== null && url.pathname === '/' && url.search === '') return url.origin;
  throw new InvalidArgumentError('Expected an http or https URL without a path.');
}

/** An option that needs more than commander's `option`, such as choices or a conflict with another option. */
export function option<const Flags extends string>(flags: Flags, about: string): Option<Flags> {
  return new Option(flags, about);
}

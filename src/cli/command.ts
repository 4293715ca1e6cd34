import { styleText } from 'node:util';
import { Command, CommanderError, InvalidArgumentError, Option } from '@commander-js/extra-typings';

/** How a command ends: the exit codes of `dinossauro`. */
export const DONE = 0;
export const FAILED = 1;
export const MISUSED = 2;
export const MISSING = 3;

/** The command line is wrong. Nothing has been done; the message says in one line what was expected. */
export class Misuse extends Error {}

/** What follows `dinossauro`, or a whole line that sets variables first; and what it is for. */
type Example = readonly [line: string, purpose: string];

/** A command to add options and an action to. This file is the one home of commander. */
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

/** True when commander has printed what was asked for, such as a help, and there is nothing else to do. */
export function isAnswered(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}

/** Commander's message in one line, naming what commander leaves out. */
function complaint({ code, message }: CommanderError, made: Command): string {
  const where = made.parent === null ? 'dinossauro --help' : `dinossauro ${made.name()} --help`;
  const hinted = message
    .replace(/^error: /, '')
    .replace(/\n\((Did.*)\)$/s, (_, hint) => `; ${hint.toLowerCase()}`);
  const extra = made.args[made.registeredArguments.length];
  const said = code === 'commander.excessArguments' ? `unexpected argument '${extra}'` : hinted;
  const takesSettings = code === 'commander.unknownOption' && made.options.length === 0;
  return `${said}${takesSettings ? '; settings come from the environment' : ''} (see ${where})`;
}

/** The examples at the end of a help. */
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

/** Reads a whole number; for commander's `option`. */
export function whole(min: number, max = WHOLE_MAX): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

/** Reads text that `complaintAbout` finds nothing wrong with; it returns what was expected, in a sentence. */
export function checked(complaintAbout: (text: string) => string | null): (text: string) => string {
  return (text) => {
    const reason = complaintAbout(text);
    if (reason === null) return text;
    throw new InvalidArgumentError(reason);
  };
}

/** Reads an http or https URL without path and query; the value is its origin. */
export function origin(text: string): string {
  const url = /^https?:\/\//.test(text) ? URL.parse(text) : null;
  if (url !== null && url.pathname === '/' && url.search === '') return url.origin;
  throw new InvalidArgumentError('Expected an http or https URL without a path.');
}

/** An option that commander's `option` can't describe: with choices, or one that excludes another. */
export function option<const Flags extends string>(flags: Flags, about: string): Option<Flags> {
  return new Option(flags, about);
}

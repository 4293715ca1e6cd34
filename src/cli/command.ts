import { type Options, type OptionsReading, readOptions, type Values } from './options.ts';

/** How a command ends: the exit codes of `dinossauro`, of which ENDINGS in help.ts is the table. */
export const DONE = 0;
export const FAILED = 1;
export const MISUSED = 2;
export const MISSING = 3;

/** What a command says of itself, and does. */
interface Told<O extends Options> {
  readonly name: string;
  /** For the list of commands. */
  readonly summary: string;
  /** More, for its own help: lines. */
  readonly about: readonly string[];
  readonly options: O;
  /** The one word that may follow beside options, as the help calls it. */
  readonly word?: string;
  /** What follows `dinossauro`, or a whole line that sets variables first; and what it is for. */
  readonly examples: readonly (readonly [line: string, purpose: string])[];
  /** Resolves to an exit code; null: it goes on, and ends the process by itself. */
  run(values: Values<O>, word: string | undefined): Promise<number | null>;
}

export interface Command extends Omit<Told<Options>, 'run'> {
  /** `wrong`: the arguments; nothing has been done. */
  run(args: readonly string[]): Promise<Ran>;
}

type Ran =
  | { readonly kind: 'ran'; readonly code: number | null }
  | Extract<OptionsReading<Options>, { kind: 'wrong' }>;

export function command<const O extends Options>(told: Told<O>): Command {
  return {
    ...told,
    async run(args) {
      const reading = readOptions(told.options, args, told.word === undefined ? 0 : 1);
      if (reading.kind === 'wrong') return reading;
      return { kind: 'ran', code: await told.run(reading.values, reading.rest[0]) };
    },
  };
}

import { styleText } from 'node:util';
import { type Command, DONE, FAILED, MISSING, MISUSED } from './command.ts';

const ENDINGS = [
  [DONE, 'done; stopped by a signal, in order'],
  [FAILED, 'a wrong setting, a port that is taken, a promise broken, a difference found, a machine not fit'],
  [MISUSED, 'an unknown command, or a wrong option'],
  [MISSING, 'a command that only a clone of the repository has'],
] as const;

/** What `dinossauro --help` prints. */
export function overview(commands: readonly Command[]): string {
  return [
    'A payment gateway that accepts at once, settles once, and keeps books that agree to the cent.',
    '',
    heading('Usage'),
    '  dinossauro <command> [options]',
    '',
    heading('Commands'),
    ...rows(commands.map(({ name, summary }) => [name, summary])),
    '',
    heading('Options'),
    ...rows([
      ['--help', 'this, or with a command: its own help'],
      ['--version', 'the version'],
    ]),
    '',
    heading('Examples'),
    ...examples([
      ['start', 'try it: gateway and processors, nothing to configure'],
      ['doctor', 'is this machine fit, and are the settings right?'],
      ['start --help', 'what a command does and takes'],
    ]),
    '',
    heading('Exit codes'),
    ...rows(ENDINGS.map(([code, meaning]) => [String(code), meaning])),
    '  `audit` has its own: dinossauro audit --help',
  ].join('\n');
}

/** What `dinossauro <command> --help` prints. */
export function helpOf({ name, summary, about, options, word, examples: lines }: Command): string {
  const usage = ['dinossauro', name, ...(word === undefined ? [] : [`[${word}]`])];
  const described = Object.entries(options).map(([option, { placeholder, about: purpose, fallback }]) => {
    const isShown = !['', false, undefined].includes(fallback as string) && !Array.isArray(fallback);
    return [`--${option} ${placeholder}`.trimEnd(), isShown ? `${purpose} (${fallback})` : purpose] as const;
  });
  return [
    `${usage.join(' ')}${described.length > 0 ? ' [options]' : ''}: ${summary}`,
    '',
    ...about,
    ...(described.length > 0 ? ['', heading('Options'), ...rows(described)] : []),
    '',
    heading('Examples'),
    ...examples(lines),
  ].join('\n');
}

function heading(text: string): string {
  return styleText('bold', text, { stream: process.stdout });
}

function rows(pairs: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...pairs.map(([word]) => word.length));
  return pairs.map(([word, meaning]) => `  ${word.padEnd(width)}  ${meaning}`);
}

function examples(lines: Command['examples']): string[] {
  return lines.flatMap(([line, purpose]) => [
    `  ${styleText('dim', `# ${purpose}`, { stream: process.stdout })}`,
    `  ${line.includes('dinossauro ') ? line : `dinossauro ${line}`}`,
  ]);
}

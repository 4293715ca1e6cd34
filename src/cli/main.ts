import { readFileSync } from 'node:fs';
import { audit } from './audit.ts';
import { backup } from './backup.ts';
import { bench } from './bench.ts';
import { certify } from './certify.ts';
import { chaos } from './chaos.ts';
import { bold, command, DONE, examples, FAILED, isAnswered, MISSING, MISUSED, Misuse } from './command.ts';
import { doctor } from './doctor.ts';
import { exportCommand } from './export.ts';
import { fuzz } from './fuzz.ts';
import { gateway } from './gateway.ts';
import { importCommand } from './import.ts';
import { keys } from './keys.ts';
import { migrate } from './migrate.ts';
import { actions, payments } from './payments.ts';
import { processor } from './processor.ts';
import { processors } from './processors.ts';
import { isClone } from './program.ts';
import { restore } from './restore.ts';
import { rinha } from './rinha.ts';
import { sim } from './sim.ts';
import { start } from './start.ts';
import { webhooks } from './webhooks.ts';

const ENDED_BY_SIGPIPE = 128 + 13;
const HELP = ['help', '--help', '-h'];
const ENDINGS = [
  [DONE, 'success, or a clean stop by a signal'],
  [FAILED, 'failure: an invalid setting, a port in use, a broken promise, a failed check'],
  [MISUSED, 'usage error: an unknown command, option or argument'],
  [MISSING, 'this command needs a clone of the repository'],
] as const;

// Composition root of the command `dinossauro`; bin/dinossauro.js loads it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader, such as `head`, is done. Exit as SIGPIPE would end us, which Node ignores.
  if (error.code === 'EPIPE') process.exit(ENDED_BY_SIGPIPE);
  throw error;
});
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  // If the reader of standard error has gone, carry on: the result and the exit code still matter.
  if (error.code !== 'EPIPE') throw error;
});
await run(process.argv.slice(2));

async function run(args: readonly string[]): Promise<void> {
  const program = dinossauro();
  const [first = 'help', ...rest] = args;
  try {
    if (HELP.includes(first) && rest.length === 0) program.help();
    if (HELP.includes(first) && rest.length > 1)
      throw new Misuse(`unexpected argument '${rest[1]}' (see dinossauro help)`);
    // `help sim` becomes `sim --help`, so that an unknown command is an error here too.
    await program.parseAsync(HELP.includes(first) ? [...rest, '--help'] : args, { from: 'user' });
  } catch (error) {
    if (isAnswered(error)) return;
    if (!(error instanceof Misuse)) throw error;
    console.error(`dinossauro: ${error.message}`);
    process.exitCode = MISUSED;
  }
}

function dinossauro() {
  const program = command('dinossauro')
    .description(
      'A payment gateway that accepts at once, settles once, and keeps books that agree to the cent.',
    )
    .usage('<command> [options]')
    // Otherwise commander handles --help even after an unknown command.
    .helpOption(false)
    .helpCommand('help [command]', 'show this help, or that of a command')
    .version(version(), '-v, --version', 'print the version')
    .addHelpText(
      'after',
      examples([
        ['start', 'try it: a gateway and simulated processors, without configuration'],
        ['doctor', 'check this machine and the settings'],
        ['start --help', 'what a command does, and its options'],
      ]),
    )
    .addHelpText(
      'after',
      [
        '',
        bold('Exit codes:'),
        ...ENDINGS.map(([code, meaning]) => `  ${code}  ${meaning}`),
        '  `audit` has its own exit codes: see dinossauro audit --help',
      ].join('\n'),
    );
  for (const each of [
    start,
    doctor,
    gateway,
    processor,
    keys,
    certify,
    payments,
    actions,
    audit,
    processors,
    webhooks,
    exportCommand,
    importCommand,
    backup,
    restore,
    migrate,
  ])
    program.addCommand(each);
  for (const each of [rinha, sim, chaos, fuzz, bench]) program.addCommand(each, { hidden: !isClone() });
  return program;
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

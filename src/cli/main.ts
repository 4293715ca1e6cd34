import { readFileSync } from 'node:fs';
import { audit } from './audit.ts';
import { bench } from './bench.ts';
import { chaos } from './chaos.ts';
import { DONE, MISUSED } from './command.ts';
import { doctor } from './doctor.ts';
import { fuzz } from './fuzz.ts';
import { gateway } from './gateway.ts';
import { helpOf, overview } from './help.ts';
import { unknown } from './options.ts';
import { processor } from './processor.ts';
import { rinha } from './rinha.ts';
import { sim } from './sim.ts';
import { start } from './start.ts';

const COMMANDS = [start, doctor, gateway, processor, rinha, audit, sim, chaos, fuzz, bench];
const ENDED_BY_SIGPIPE = 128 + 13;
const HELP = ['--help', '-h'];

// Composition root of the command `dinossauro`, of which bin/dinossauro.js is the door.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever reads, such as `head`, has read enough: we end as by SIGPIPE, which Node ignores.
  if (error.code === 'EPIPE') process.exit(ENDED_BY_SIGPIPE);
  throw error;
});
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  // Nobody reads the progress or the complaints: the result and the exit code stay what they are.
  if (error.code !== 'EPIPE') throw error;
});
const code = await run(process.argv.slice(2));
if (code !== null) process.exitCode = code;

/** Null: a command goes on, and ends the process by itself. */
async function run([first, ...args]: readonly string[]): Promise<number | null> {
  if (first === undefined || HELP.includes(first) || first === 'help') return help(args[0]);
  if (first === '--version' || first === '-v') return say(version());
  const names = COMMANDS.map(({ name }) => name);
  const command = COMMANDS.find(({ name }) => name === first);
  if (command === undefined) {
    if (first.startsWith('-')) return misused(unknown('option', first, ['--help', '--version']), '--help');
    return misused(unknown('command', first, names), '--help');
  }
  if (args.some((arg) => HELP.includes(arg))) return say(helpOf(command));
  const ran = await command.run(args);
  return ran.kind === 'ran' ? ran.code : misused(ran.reason, `${command.name} --help`);
}

function help(name: string | undefined): number {
  const command = COMMANDS.find((each) => each.name === name);
  return say(command === undefined ? overview(COMMANDS) : helpOf(command));
}

function say(text: string): number {
  console.log(text);
  return DONE;
}

function misused(reason: string, where: string): number {
  console.error(`dinossauro: ${reason} (see dinossauro ${where})`);
  return MISUSED;
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

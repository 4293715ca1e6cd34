import { styleText } from 'node:util';
import { sanitizeEnvironment } from '../config/environment.ts';
import { systemClock } from '../core/clock.ts';
import { command, DONE, examples, FAILED } from './command.ts';

const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

export const doctor = command('doctor')
  .summary('check this machine and the settings, and say what to fix')
  .description(
    'Reads the same settings as the gateway, and checks Node and the native modules, the settings, memory, CPU and open ' +
      'files, the address, the journal, the ledger (Redis: version, persistence, memory, permissions, clock), open payments ' +
      'at processors that are not configured, and whether processors can be reached. It changes nothing, does not call ' +
      'health endpoints, and can run beside a gateway.\n\n' +
      'It prints one line for each check: ok; warn: the gateway runs, but not as it should; fail: it does not run, or breaks ' +
      'a promise. Exits with 1 if a check fails.',
  )
  .option('--json', 'print the findings as JSON')
  .addHelpText(
    'after',
    examples([
      ['doctor', 'before npm start'],
      [
        'LEDGER_URL=redis://books.internal PROCESSORS=… dinossauro doctor',
        'with the settings of a deployment',
      ],
      ['doctor --json', 'for a script'],
    ]),
  )
  .action(async ({ json }) => {
    const { examine } = await import('../doctor/doctor.ts');
    const environment = { ...process.env };
    sanitizeEnvironment(process.env);
    const findings = [];
    for await (const group of examine(environment, systemClock)) {
      findings.push(...group);
      if (json) continue;
      for (const { check, level, seen, remedy } of group) {
        const mark = styleText(COLOURS[level], level.padEnd(4), { stream: process.stdout });
        console.log(`${mark}  ${check.padEnd(11)}  ${withRemedy(seen, remedy)}`);
      }
    }
    const isFit = findings.every(({ level }) => level !== 'fail');
    if (json) console.log(JSON.stringify({ ok: isFit, findings }, null, 1));
    process.exitCode = isFit ? DONE : FAILED;
  });

function withRemedy(seen: string, remedy: string): string {
  if (remedy === '') return seen;
  return seen.endsWith('.') ? `${seen} ${remedy}` : `${seen}: ${remedy}`;
}

import { styleText } from 'node:util';
import { systemClock } from '../core/clock.ts';
import { command, DONE, FAILED } from './command.ts';
import { flag } from './options.ts';

const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

export const doctor = command({
  name: 'doctor',
  summary: 'is this machine fit, and are the settings right? says what to do',
  about: [
    'Reads the same settings as the gateway. It looks at Node and the native modules, the settings, memory, CPU and open',
    'files, the address, the journal, the ledger (Redis: version, log, memory, rights, clock), open payments at processors',
    'that are not configured, and whether processors can be reached. It changes nothing, asks no processor for its health,',
    'and may run beside a gateway.',
    '',
    'Each finding is one line: ok; warn: it runs, but not as it should; fail: it does not run, or breaks a promise.',
    'Ends with code 1 when something fails.',
  ],
  options: { json: flag('findings as JSON') },
  examples: [
    ['doctor', 'before npm start'],
    ['LEDGER_URL=redis://books.internal PROCESSORS=… dinossauro doctor', 'with the settings of a deployment'],
    ['doctor --json', 'for a script'],
  ],
  async run({ json }) {
    const { examine } = await import('../doctor/doctor.ts');
    const findings = [];
    for await (const group of examine(process.env, systemClock)) {
      findings.push(...group);
      if (json) continue;
      for (const { check, level, seen, remedy } of group) {
        const mark = styleText(COLOURS[level], level.padEnd(4), { stream: process.stdout });
        console.log(`${mark}  ${check.padEnd(11)}  ${seen}${remedy === '' ? '' : `: ${remedy}`}`);
      }
    }
    const isFit = findings.every(({ level }) => level !== 'fail');
    if (json) console.log(JSON.stringify({ ok: isFit, findings }, null, 1));
    return isFit ? DONE : FAILED;
  },
});

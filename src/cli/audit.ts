import { trialEnvironment } from '../config/demo.ts';
import { sanitizeEnvironment } from '../config/environment.ts';
import { parseWindow } from '../core/time-window.ts';
import { command } from './command.ts';
import { flag, type Option, text } from './options.ts';

export const audit = command({
  name: 'audit',
  summary: "our books against the processors' own, down to the payments that differ",
  about: [
    'Without --url it reads the books itself, with the settings that a gateway is started with; PROCESSOR_TOKENS',
    "(name=token,…) lets it read the processors' totals. Where no processor is named, they are those that start plays.",
    'docs/audit.md tells more.',
    '',
    'Its exit codes: 0 the books agree, 1 they differ, 2 it could not be told, 3 payments are still settling.',
  ],
  options: {
    from: moment('from', 'stamps from then on (the beginning)'),
    to: moment('to', 'stamps until then (now)'),
    every: flag('look up every payment, also where the totals are the same'),
    json: flag('the report as JSON'),
    url: gateway('let this gateway do it (GET /audit)'),
    token: text('TEXT', 'what that gateway wants (ADMIN_TOKEN)'),
  },
  examples: [
    ['PROCESSOR_TOKENS=default=123,fallback=123 dinossauro audit', 'everything so far'],
    ['audit --from 2025-07-15 --to 2025-07-16 --json', 'one day, for a program'],
    ['audit --url http://127.0.0.1:9999 --token "$ADMIN_TOKEN"', 'by a gateway that runs'],
  ],
  async run({ token, ...order }) {
    const { runAudit } = await import('../audit/command.ts');
    for (const line of sanitizeEnvironment(process.env)) console.error(`dinossauro: ${line}`);
    return runAudit(
      { ...order, token: token ?? process.env['ADMIN_TOKEN'] ?? '' },
      {
        // Where no processor is named, they are those that `npm start` plays.
        environment: trialEnvironment(process.env),
        print: (report) => console.log(report),
        complain: (line) => console.error(line),
      },
    );
  },
});

function moment(bound: 'from' | 'to', about: string): Option<string> {
  const isMoment = (given: string) =>
    parseWindow(String(new URLSearchParams({ [bound]: given }))).kind === 'ok';
  return {
    placeholder: 'MOMENT',
    about,
    allowed: 'a moment in ISO 8601, such as 2025-07-15T12:34:56Z',
    fallback: '',
    parse: (given) => (isMoment(given) ? given : undefined),
  };
}

function gateway(about: string): Option<string | undefined> {
  const isUrl = (given: string) => /^https?:\/\//.test(given) && URL.canParse(given);
  return {
    placeholder: 'URL',
    about,
    allowed: 'an http or https URL',
    fallback: undefined,
    parse: (given) => (isUrl(given) ? given : undefined),
  };
}

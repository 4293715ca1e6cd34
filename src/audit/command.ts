import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { systemClock } from '../clock.ts';
import { readConfig } from '../config.ts';
import { parseWindow, type Window } from '../http/window.ts';
import type { AuditRequest } from './audit.ts';
import { Auditor } from './auditor.ts';
import type { AuditReport, Verdict } from './report.ts';
import { reportLines } from './text.ts';

const AUDIT_USAGE = `npm run audit -- [options]

  --from MOMENT    ISO 8601, in UTC where it has no zone (the beginning)
  --to MOMENT      (now)
  --every          look up every payment, also where the totals are the same
  --json           the report as JSON
  --url URL        let this gateway do it (GET /audit), such as http://127.0.0.1:9999
  --token TEXT     what that gateway wants (ADMIN_TOKEN)
  --help

Without --url it reads the books itself, with the settings that a gateway is started with; PROCESSOR_TOKENS
(name=token,…) lets it read the processors' totals.

Exit codes: 0 the books agree, 1 they differ, 2 it could not be told, 3 payments are still being settled.`;

const EXIT_CODES: Readonly<Record<Verdict, number>> = { agrees: 0, differs: 1, unknown: 2, settling: 3 };
const COULD_NOT_TELL = EXIT_CODES.unknown;

export interface AuditCommandParts {
  /** What follows the command's name. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly print: (line: string) => void;
  readonly complain: (line: string) => void;
}

type Outcome =
  | { readonly kind: 'report'; readonly report: AuditReport }
  | { readonly kind: 'failed'; readonly lines: readonly string[] };

/** The program behind `npm run audit`: the exit code. */
export async function runAudit({ args, environment, print, complain }: AuditCommandParts): Promise<number> {
  const options = readOptions(args, environment);
  if (options.kind === 'help') {
    print(AUDIT_USAGE);
    return 0;
  }
  if (options.kind === 'wrong') {
    complain(`${options.reason}\n\n${AUDIT_USAGE}`);
    return COULD_NOT_TELL;
  }
  const { url, token, request } = options;
  const outcome =
    url === undefined ? await auditHere(request, environment) : await askGateway(url, token, options);
  if (outcome.kind === 'failed') {
    for (const line of outcome.lines) complain(`audit: ${line}`);
    return COULD_NOT_TELL;
  }
  const { report } = outcome;
  print(options.json ? JSON.stringify(report, null, 1) : reportLines(report).join('\n'));
  return EXIT_CODES[report.verdict];
}

interface Options {
  readonly kind: 'options';
  readonly json: boolean;
  readonly url: string | undefined;
  readonly token: string;
  readonly request: AuditRequest;
  /** As `GET /audit` takes them. */
  readonly query: string;
}

type OptionsReading =
  | Options
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly reason: string };

const DECLARED = {
  from: { type: 'string', default: '' },
  to: { type: 'string', default: '' },
  every: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  url: { type: 'string' },
  token: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

function readOptions(args: readonly string[], environment: AuditCommandParts['environment']): OptionsReading {
  try {
    const { values } = parseArgs({ args: [...args], options: DECLARED, strict: true });
    if (values.help) return { kind: 'help' };
    const { from, to, every, json, url, token = environment['ADMIN_TOKEN'] ?? '' } = values;
    if (url !== undefined && !/^https?:/.test(URL.parse(url)?.protocol ?? '')) {
      return { kind: 'wrong', reason: `--url ${url} is no http or https URL` };
    }
    const bounds = new URLSearchParams({ from, to });
    const window = parseWindow(String(bounds));
    if (window.kind === 'bad') return { kind: 'wrong', reason: window.detail };
    bounds.set('payments', every ? 'every' : 'differing');
    return { kind: 'options', json, url, token, request: requestOf(window, every), query: String(bounds) };
  } catch (error) {
    return { kind: 'wrong', reason: reasonOf(error) };
  }
}

function requestOf({ fromMs, toMs }: Extract<Window, { kind: 'ok' }>, every: boolean): AuditRequest {
  return { fromMs, toMs, every };
}

async function auditHere(
  request: AuditRequest,
  environment: AuditCommandParts['environment'],
): Promise<Outcome> {
  const reading = readConfig(environment);
  if (reading.kind === 'wrong') return { kind: 'failed', lines: reading.problems };
  const { config } = reading;
  // An embedded ledger makes its directory, and an audit of books that nobody keeps would find them empty.
  if (config.ledger.kind === 'lmdb' && !existsSync(config.ledger.path)) {
    return failed(`LEDGER_URL: there are no books in ${config.ledger.path}`);
  }
  const auditor = await Auditor.open({ config, clock: systemClock, random: Math.random });
  const reply = await auditor.run(request);
  await auditor.close();
  if (reply.kind === 'unavailable') return failed(`the ledger does not answer: ${reply.reason}`);
  return { kind: 'report', report: reply.value };
}

async function askGateway(url: string, token: string, { query }: Options): Promise<Outcome> {
  const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` };
  try {
    const response = await fetch(`${url.replace(/\/+$/, '')}/audit?${query}`, { headers });
    const body = (await response.json()) as AuditReport & { readonly detail?: string };
    if (response.status === 200) return { kind: 'report', report: body };
    return failed(`${url} answered ${response.status}: ${body.detail ?? 'without a reason'}`);
  } catch (error) {
    return failed(`${url} does not answer: ${reasonOf(error)}`);
  }
}

function failed(line: string): Outcome {
  return { kind: 'failed', lines: [line] };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

import { readConfig } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import { failed, type Outcome } from '../core/outcome.ts';
import { isSetupError } from '../core/setup-error.ts';
import { parseWindow } from '../core/time-window.ts';
import { failureText, SUM_TOO_LARGE } from '../ledger/ledger.ts';
import { hasDataFile } from '../ledger/lmdb/data-file.ts';
import { enterLedger } from '../ledger/open.ts';
import { tooFineReason } from '../ledger/retention.ts';
import { askGateway } from '../operate/gateway.ts';
import type { AuditRequest } from './audit.ts';
import { Auditor } from './auditor.ts';
import { ProgressLine, type ProgressLineParts } from './progress.ts';
import type { AuditReport, Verdict } from './report.ts';
import { reportLines } from './text.ts';

/** Exit code by verdict; an audit that could not run is `unknown`. */
const EXIT_CODES: Readonly<Record<Verdict, number>> = { agrees: 0, differs: 1, unknown: 2, settling: 3 };

export interface AuditOrder {
  /** ISO 8601; empty: open-ended. */
  readonly from: string;
  readonly to: string;
  readonly every: boolean;
  readonly json: boolean;
  /** Lists every difference; otherwise similar ones are summed up. */
  readonly all: boolean;
  /** Reports progress even with `json`. */
  readonly progress: boolean;
  /** The gateway that audits; undefined: this process. */
  readonly url: string | undefined;
  /** Empty: none. */
  readonly token: string;
}

export interface AuditSurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
  readonly complain: (line: string) => void;
  /** Output for progress. */
  readonly progress: Omit<ProgressLineParts, 'clock'>;
}

/** Implements `dinossauro audit`: prints the report, and returns the exit code. */
export async function runAudit(order: AuditOrder, surroundings: AuditSurroundings): Promise<number> {
  const { print, complain } = surroundings;
  const progress = !order.json || order.progress ? startProgress(order, surroundings) : null;
  const outcome = await audit(order, surroundings, progress).finally(() => progress?.stop());
  if (outcome.kind === 'failed') {
    for (const line of outcome.lines) complain(`dinossauro: ${line}`);
    return EXIT_CODES.unknown;
  }
  const report = outcome.value;
  print(order.json ? JSON.stringify(report, null, 1) : reportLines(report, order.all).join('\n'));
  return EXIT_CODES[report.verdict];
}

function startProgress({ url }: AuditOrder, { progress }: AuditSurroundings): ProgressLine {
  const phase = url === undefined ? 'totals' : 'gateway';
  return new ProgressLine({ ...progress, clock: systemClock }, { phase, done: 0, of: null });
}

function audit(
  order: AuditOrder,
  { environment, complain }: AuditSurroundings,
  progress: ProgressLine | null,
): Promise<Outcome<AuditReport>> {
  return order.url === undefined
    ? auditHere(order, environment, complain, progress)
    : auditThere(order.url, order);
}

function queryOf({ from, to, every }: AuditOrder): string {
  return String(new URLSearchParams({ from, to, payments: every ? 'every' : 'differing' }));
}

async function auditHere(
  order: AuditOrder,
  environment: AuditSurroundings['environment'],
  complain: AuditSurroundings['complain'],
  progress: ProgressLine | null,
): Promise<Outcome<AuditReport>> {
  const window = parseWindow(queryOf(order));
  if (window.kind === 'bad') return failed(window.detail);
  const request: AuditRequest = {
    fromMs: window.fromMs,
    toMs: window.toMs,
    every: order.every,
    differenceLimit: Infinity,
  };
  const reading = readConfig(environment);
  for (const line of reading.warnings) complain(`dinossauro: ${line}`);
  if (reading.kind === 'wrong') return failed(...reading.problems);
  const { config } = reading;
  // Opening an embedded ledger would create it, and the audit would report empty books.
  if (config.ledger.kind === 'lmdb' && !hasDataFile(config.ledger.path)) {
    return failed(`LEDGER_URL: found no ledger in ${config.ledger.path}`);
  }
  const parts = { clock: systemClock, random: Math.random };
  const entered = await enterLedger(config.ledger, parts);
  if (entered.kind === 'failed') return failed(`${entered.reason}. Let a gateway audit instead, with --url.`);
  const auditor = await Auditor.open({ config, environment, ...parts }).catch((error: unknown) => {
    if (isSetupError(error)) return error;
    throw error;
  });
  if (auditor instanceof Error) return failed(auditor.message);
  const reply = await auditor.run(request, (now) => progress?.update(now));
  await auditor.close();
  entered.leave();
  switch (reply.kind) {
    case 'ok':
      return reply;
    case 'too-fine':
      return failed(tooFineReason(reply));
    case 'too-large':
      return failed(`${SUM_TOO_LARGE}: choose a shorter period`);
    case 'unavailable':
      return failed(`LEDGER_URL: ${failureText(reply)}`);
  }
}

async function auditThere(url: string, order: AuditOrder): Promise<Outcome<AuditReport>> {
  const answer = await askGateway({ url, token: order.token }, { path: `/audit?${queryOf(order)}` });
  return answer.kind === 'ok' ? { kind: 'ok', value: JSON.parse(answer.value) as AuditReport } : answer;
}

import { execFile } from 'node:child_process';
import type { AuditReport } from '../../src/audit/report.ts';
import type { Deployment } from './deployment.ts';

const OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;
/** Enough to audit every charge of a run at the audit's call rate. */
const TIMEOUT_MS = 120_000;

/** The arguments after `dinossauro`, or after its main file. */
export function auditArguments(fromMs: number): string[] {
  return ['audit', '--json', '--from', new Date(fromMs).toISOString()];
}

/** The settings that an audit needs in addition to those of an instance. */
export function auditEnvironment(token: string): Readonly<Record<string, string>> {
  return { PROCESSOR_TOKENS: `default=${token},fallback=${token}` };
}

/** Runs an audit and resolves to the report it printed. Its exit code adds nothing to the report. */
export function audited(
  file: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  const env = { ...process.env, ...environment };
  return new Promise((resolve, reject) => {
    execFile(
      file,
      args,
      { env, maxBuffer: OUTPUT_LIMIT_BYTES, timeout: TIMEOUT_MS },
      (_error, stdout, stderr) => {
        if (stdout.startsWith('{')) resolve(stdout);
        else reject(new Error(stderr.trim() || 'the audit printed nothing'));
      },
    );
  });
}

/** The audit of a run, or the reason it could not be made. */
export type Audited =
  | { readonly kind: 'report'; readonly report: AuditReport }
  | { readonly kind: 'none'; readonly reason: string };

export async function auditRun(deployment: Deployment, fromMs: number): Promise<Audited> {
  try {
    const json = await deployment.audit(fromMs);
    if (json === null) return { kind: 'none', reason: 'not audited here' };
    return { kind: 'report', report: JSON.parse(json) as AuditReport };
  } catch (error) {
    return { kind: 'none', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** The audit in one line of the report. */
export function auditText(audit: Audited): string {
  if (audit.kind === 'none') return audit.reason;
  const { verdict, processors, differences, differenceCount, problems } = audit.report;
  const counts = processors.map(
    ({ name, here, there }) => `${name} ${here.count}, there ${there?.count ?? '?'}`,
  );
  const first = differences[0];
  const worst =
    first === undefined ? [] : [`${differenceCount} differ, such as ${first.kind} ${first.correlationId}`];
  return [verdict === 'differs' ? 'DIFFERS' : verdict, ...counts, ...worst, ...problems].join('; ');
}

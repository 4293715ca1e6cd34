import * as assert from 'uvu/assert';
import { type CertifyOptions, runCertify } from '../../src/certify/command.ts';
import type { Report } from '../../src/certify/report.ts';

export async function certified(options: Partial<CertifyOptions>, environment: NodeJS.ProcessEnv = {}) {
  const printed: string[] = [];
  const complaints: string[] = [];
  let doneCount = 0;
  const ok = await runCertify(
    { contract: 'rinha', options: {}, processor: '', only: '', json: true, pace: null, ...options },
    environment,
    {
      print: (text) => printed.push(text),
      complain: (line) => complaints.push(line),
      progress: () => doneCount++,
    },
  );
  return { ok, text: printed.join('\n'), complaints, doneCount };
}

export async function reportOn(options: Partial<CertifyOptions>): Promise<Report> {
  const { text } = await certified(options);
  return JSON.parse(text) as Report;
}

/** Those that failed, in words, so that a failing test says what happened. */
function broken({ situations }: Report) {
  return situations
    .filter(({ verdict }) => verdict === 'broken')
    .map(({ kind, name, breaches }) => ({ kind, name, breaches: breaches.map(({ detail }) => detail) }));
}

export async function keepsEveryPromise(options: Partial<CertifyOptions>): Promise<void> {
  const report = await reportOn(options);
  assert.equal(broken(report), []);
  assert.ok(report.ok);
  assert.ok(report.situations.length >= 100);
  assert.is(report.promises.length, 7);
}

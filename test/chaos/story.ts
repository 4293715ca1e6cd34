import { exchange } from '../system/exchange.ts';
import type { Paid } from './clients.ts';
import type { Lab } from './lab.ts';

const LINES_AROUND = 60;

/** Everything known about a payment, as text. */
export async function storyOf({ correlationId, posts }: Paid, lab: Lab): Promise<string[]> {
  const posted = posts.map(
    ({ atMs, to, amountCents, manner, status }) =>
      `  ${timeOf(atMs)}  posted to ${to}, ${amountCents} cents (${manner}): ${status || 'no answer'}`,
  );
  const path = `/payments/${correlationId}`;
  const looked = await Promise.all(
    [...lab.gateways, ...lab.processors].map(async ({ url }) => {
      const { status, body } = await exchange('GET', `${url}${path}`);
      return `  GET ${url}${path}: ${status} ${body}`;
    }),
  );
  const logged = lab.gateways.flatMap(({ output }) =>
    output.split('\n').filter((line) => line.includes(correlationId)),
  );
  return [`payment ${correlationId}`, ...posted, ...looked, ...logged];
}

/** The last output of each instance. */
export function lastWords(lab: Lab): string[] {
  return lab.gateways.flatMap(({ url, output }) => [
    `--- ${url}`,
    ...output.trimEnd().split('\n').slice(-LINES_AROUND),
  ]);
}

export function timeOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, 23);
}

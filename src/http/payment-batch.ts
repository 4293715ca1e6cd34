import { readUuid } from '../core/uuid.ts';
import type { PaymentDecoder } from './decoder.ts';
import type { PaymentAcceptor, PostedPayment } from './payment-acceptor.ts';
import { type Problem, problem } from './problem.ts';
import { refusalOf } from './refusal.ts';

const LINE_FEED = 0x0a;

/** The lines of a body. A line feed at its end ends the last line; a body without bytes has no line. */
export function linesOf(body: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < body.length; ) {
    const found = body.indexOf(LINE_FEED, start);
    const end = found === -1 ? body.length : found;
    lines.push(body.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

export interface BatchAnswer {
  /** A line for each line of the batch, in its order. */
  readonly body: string;
  /** Why lines were refused, one problem each. */
  readonly problems: readonly Problem[];
}

/**
 * Accepts the payments of a batch, one a line, with one write to the journal. A line that is refused says nothing about
 * the others. `onAnswer` is called once all of them are decided, which may be before this returns.
 */
export function acceptBatch(
  lines: readonly Uint8Array[],
  decoder: PaymentDecoder,
  acceptor: PaymentAcceptor,
  trace: Buffer | null,
  onAnswer: (answer: BatchAnswer) => void,
): void {
  const answers: string[] = [];
  const problems: Problem[] = [];
  let openCount = lines.length;
  const decide = (place: number, why: Problem | null, id: Buffer | null) => {
    const member = id === null ? '' : `"correlationId":"${readUuid(id, 0)}",`;
    answers[place] = why === null ? `{${member}"status":202}` : `{${member}${why.body.slice(1)}`;
    if (why !== null) problems.push(why);
    if (--openCount === 0) onAnswer({ body: `${answers.join('\n')}\n`, problems });
  };
  const payments: (PostedPayment & { readonly place: number })[] = [];
  for (const [place, line] of lines.entries()) {
    const decodeProblem = decoder.decode(line);
    if (decodeProblem !== null)
      decide(place, problem(decodeProblem, decoder.detailOf(decodeProblem, line)), null);
    else payments.push({ place, id: Buffer.from(decoder.id), amountCents: decoder.amountCents });
  }
  acceptor.acceptAll(payments, trace, (verdict, { place, id }) => decide(place, refusalOf(verdict), id));
}

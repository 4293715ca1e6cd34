import { formatAddress } from '../core/address.ts';
import { onStopRequest } from '../core/stop-request.ts';
import { openBooks } from './books-file.ts';
import { formatDecimal } from './decimal.ts';
import { readSettings } from './settings.ts';
import { serveTwin } from './twin.ts';

/** Composition root: runs one simulated processor, configured by its environment, until a stop signal. */
async function main(): Promise<string | null> {
  const reading = readSettings(process.env);
  if (reading.kind === 'wrong') return reading.problem;
  for (const line of reading.warnings) process.stderr.write(`${line}\n`);
  const { contract, listen, fee, token, name, booksFile, callbackUrl } = reading.settings;
  const opened = booksFile === null ? null : openBooks(booksFile, complain);
  if (opened?.kind === 'failed') return `BOOKS_FILE=${booksFile}: ${opened.reason}.`;
  const books = opened === null ? {} : { books: opened.books };
  const served = await serveTwin(contract, { listen, fee, token, callbackUrl, ...books });
  if (served.kind === 'failed') return served.reason;
  process.stdout.write(
    `Simulated processor ${name} listens on ${formatAddress(served.address)}, fee ${formatDecimal(fee)}.\n`,
  );
  // Its books are in their file already, or end with it: there is nothing to wait for.
  onStopRequest(() => {
    served.close();
    process.exit(0);
  });
  return null;
}

function complain(reason: string): void {
  process.stderr.write(`The books cannot be written, so payments are answered with 500: ${reason}.\n`);
}

const problem = await main();
if (problem !== null) {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
}

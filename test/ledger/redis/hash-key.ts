import { BookKeys } from '../../../src/ledger/redis/keys.ts';
import { idsPositions, scatteredId } from '../../../src/ledger/redis/records.ts';

/** The hash that holds a payment in new books: generation 0, and as many hashes as at first. */
export function hashKeyOf(root: string, correlationId: string): string {
  const scattered = scatteredId(correlationId);
  const [key] = new BookKeys(root, '0:1024').entries(scattered, idsPositions(scattered));
  return key as string;
}

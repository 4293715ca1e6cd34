import { systemClock } from '../../src/core/clock.ts';
import { SimulatedProcessor } from '../../src/simulated/processor.ts';
import { serve } from '../../src/simulated/server.ts';

/** The token of its admin routes. */
export const ADMIN_TOKEN = '123';

export interface ServedProcessor {
  readonly processor: SimulatedProcessor;
  readonly port: number;
  readonly url: string;
  close(): void;
}

/** A simulated processor of the contest on a free port. Its fee is in hundredths. */
export async function serveSimulated(hundredths = 5n): Promise<ServedProcessor> {
  const fee = { units: hundredths, scale: 2 };
  const parts = { clock: systemClock, random: Math.random, fee, token: ADMIN_TOKEN };
  const processor = new SimulatedProcessor(parts);
  const served = await serve(processor, { kind: 'tcp', host: '127.0.0.1', port: 0 });
  if (served.kind === 'failed' || served.address.kind === 'unix') throw new Error('no port');
  const { port } = served.address;
  return { processor, port, url: `http://127.0.0.1:${port}`, close: () => served.close() };
}

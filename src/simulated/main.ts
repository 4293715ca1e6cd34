import { formatAddress } from '../core/address.ts';
import { systemClock } from '../core/clock.ts';
import { onStopRequest } from '../core/stop-request.ts';
import { formatDecimal } from './decimal.ts';
import { SimulatedProcessor } from './processor.ts';
import { serve } from './server.ts';
import { readSettings } from './settings.ts';

/** Composition root: one simulated processor, from its environment, until it is asked to stop. */
async function main(): Promise<string | null> {
  const reading = readSettings(process.env);
  if (reading.kind === 'wrong') return reading.problem;
  const { listen, fee, token, name } = reading.settings;
  const processor = new SimulatedProcessor({ clock: systemClock, random: Math.random, fee, token });
  const served = await serve(processor, listen);
  if (served.kind === 'failed') return served.reason;
  process.stdout.write(
    `Simulated processor ${name} listens on ${formatAddress(served.address)}, fee ${formatDecimal(fee)}.\n`,
  );
  // Its books are in memory and end with it, so there is nothing to wait for.
  onStopRequest(() => {
    served.close();
    process.exit(0);
  });
  return null;
}

const problem = await main();
if (problem !== null) {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
}

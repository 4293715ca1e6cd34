import { pause } from '../system/until.ts';
import { Campaign } from './campaign.ts';
import type { Gauges, Site } from './site.ts';

export interface FuzzPlan {
  readonly requests: number;
  readonly seed: number;
}

export interface FuzzReport {
  readonly requests: number;
  readonly ratePerS: number;
  /** Requests by target and kind. */
  readonly counts: ReadonlyMap<string, number>;
  readonly acceptedCount: number;
  readonly refusedCount: number;
  readonly openCount: number;
  readonly chargedCount: number;
  readonly before: Gauges;
  readonly after: Gauges;
  /** Empty if every promise was kept. */
  readonly faults: readonly string[];
}

/** Lets a fresh process compile code, touch its tables and open its connections before memory is measured. */
const WARM_UP_MAX = 20_000;
/** Allows for keep-alive connections to processors and ledger, which come and go. */
const DESCRIPTORS_TOLERANCE = 16;
/** A million requests left less than 5 MiB when measured; the rest is memory not collected yet. */
const MEMORY_TOLERANCE_BYTES = 32 * 1024 * 1024;
/** Idle connections are closed after 10 s by a gateway, and after 5 s by nginx. */
const RELEASE_MS = 20_000;

/** Fuzzes the gateways of a site, directly and through nginx, and checks answers, charges and resources. */
export async function fuzz(site: Site, { requests, seed }: FuzzPlan): Promise<FuzzReport> {
  const campaign = new Campaign(site, seed);
  const fresh = site.gauges();
  await campaign.run(Math.min(WARM_UP_MAX, Math.ceil(requests / 4)));
  const before: Gauges = { ...site.gauges(), descriptors: fresh.descriptors };
  const startMs = performance.now();
  await campaign.run(requests);
  const ratePerS = (requests / (performance.now() - startMs)) * 1000;
  await campaign.audit();
  const after = await released(site, before);
  return {
    requests,
    ratePerS,
    counts: campaign.counts,
    acceptedCount: campaign.tally.count('accepted'),
    refusedCount: campaign.tally.count('refused'),
    openCount: campaign.tally.count('open'),
    chargedCount: await site.chargeCount(),
    before,
    after,
    faults: [...campaign.faults, ...heldFaults(before, after)],
  };
}

/** The resources of the processes after they had time to release them. */
async function released(site: Site, before: Gauges): Promise<Gauges> {
  const endMs = performance.now() + RELEASE_MS;
  for (;;) {
    const now = site.gauges();
    if (heldFaults(before, now).length === 0 || performance.now() > endMs) return now;
    await pause(100);
  }
}

function heldFaults(before: Gauges, after: Gauges): string[] {
  const descriptors = after.descriptors.flatMap((count, index) => {
    const was = before.descriptors[index] ?? 0;
    return count > was + DESCRIPTORS_TOLERANCE ? [`descriptors grew from ${was} to ${count}`] : [];
  });
  const memory = after.memoryBytes.flatMap((bytes, index) => {
    const was = before.memoryBytes[index] ?? 0;
    return bytes > was + MEMORY_TOLERANCE_BYTES ? [`memory grew from ${was} to ${bytes} bytes`] : [];
  });
  return [...descriptors, ...memory];
}

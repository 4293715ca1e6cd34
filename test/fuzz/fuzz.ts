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
  /** Empty: every promise was kept. */
  readonly faults: readonly string[];
}

/** Warm code, tables touched for the first time, connections that are kept: what a fresh process has yet to take. */
const WARM_UP_MAX = 20_000;
/** Kept-alive connections to processors and ledger, which come and go by themselves. */
const DESCRIPTORS_TOLERANCE = 16;
/** A million requests were measured to leave less than 5 MiB; the rest is what a collector may put off. */
const MEMORY_TOLERANCE_BYTES = 32 * 1024 * 1024;
/** Idle connections are closed after 10 s by a gateway, and after 5 s by nginx. */
const RELEASE_MS = 20_000;

/** Fuzzes the gateways of a site, directly and through nginx, and checks what they answer, keep and hold. */
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

/** What the processes hold once they have had time to let go. */
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
    return count > was + DESCRIPTORS_TOLERANCE ? [`${was} descriptors have become ${count}`] : [];
  });
  const memory = after.memoryBytes.flatMap((bytes, index) => {
    const was = before.memoryBytes[index] ?? 0;
    return bytes > was + MEMORY_TOLERANCE_BYTES ? [`${was} bytes of memory have become ${bytes}`] : [];
  });
  return [...descriptors, ...memory];
}

import { CALL_LIFE_MS, type Fault, type Plan, type Post, type ProcessorFault, SPAN_MS } from './plan.ts';
import type { Random } from './random.ts';

/**
 * Something that is common in one deployment and rare in another. A bug that needs several things at once is seldom
 * found while each is drawn on its own: a profile makes one of them frequent, and a plan may have several profiles.
 *
 * Each profile draws from a fork of its own name, so that a new one changes only the plans that get it.
 */
interface Profile {
  readonly name: string;
  readonly change: (plan: Plan, random: Random) => Partial<Plan>;
}

const PROFILES: readonly Profile[] = [
  {
    name: 'everything is scarce',
    change: ({ sizes }) => ({
      sizes: { ...sizes, ringCapacity: 8, inFlightLimit: 4, batchLimit: 2, callLimit: 1 },
    }),
  },
  {
    name: 'the hold time is the shortest allowed',
    change: ({ sizes }) => {
      const { leaseMs, timeoutMs } = sizes;
      return { sizes: { ...sizes, inDoubtHoldMs: Math.max(CALL_LIFE_MS + 1, leaseMs + timeoutMs) } };
    },
  },
  {
    name: 'clients repeat their posts',
    change: ({ posts, instanceCount }, random) => {
      const isSticky = random.chance(0.5);
      const conflicts = random.pick([0, 0, 0.3]);
      const again = (post: Post): Post => ({
        ...post,
        atMs: clamp(post.atMs + random.int(0, random.pick([5, 100, 3000, 15_000]))),
        amountCents: random.chance(conflicts) ? random.int(1, 1_000_000) : post.amountCents,
        instance: isSticky ? post.instance : random.int(0, instanceCount - 1),
      });
      return { posts: posts.flatMap((post) => [post, ...several(random, 0, 4, () => again(post))]) };
    },
  },
  {
    name: 'most payments come to one instance',
    change: ({ posts, instanceCount }, random) => {
      const busy = random.int(0, instanceCount - 1);
      return { posts: posts.map((post) => (random.chance(0.9) ? { ...post, instance: busy } : post)) };
    },
  },
  {
    name: 'an instance loses the ledger again and again',
    change: (plan, random) => {
      const { sizes, instanceCount } = plan;
      const instance = random.int(0, instanceCount - 1);
      const faults = several(random, 2, 8, (): Fault => {
        const how = random.pick(['refuses', 'silent', 'slow', 'flaky', 'flaky'] as const);
        return { kind: 'ledger', ...spell(plan, random), instance, how };
      });
      const leaseMs = random.chance(0.5) ? 1000 : sizes.leaseMs;
      return { sizes: { ...sizes, leaseMs }, faults: [...plan.faults, ...faults] };
    },
  },
  {
    name: 'the ledger is far away',
    change: (plan, random) => {
      const faults = several(random, 1, 3, (): Fault => {
        const { atMs } = spell(plan, random);
        return { kind: 'ledger', atMs, forMs: random.pick([4000, 10_000]), instance: null, how: 'slow' };
      });
      return { faults: [...plan.faults, ...faults] };
    },
  },
  {
    name: 'the disk of an instance goes bad',
    change: (plan, random) => {
      const instance = random.int(0, plan.instanceCount - 1);
      const faults = several(random, 1, 4, (): Fault => {
        const how = random.pick(['full', 'short', 'sync fails', 'sync fails'] as const);
        return { kind: 'disk', ...spell(plan, random), instance, how };
      });
      const durability = plan.durability === 'journal' ? 'fsync' : plan.durability;
      return { durability, faults: [...plan.faults, ...faults] };
    },
  },
  {
    name: 'an instance crashes again and again',
    change: (plan, random) => {
      const { instanceCount, threadCount } = plan;
      const instance = random.int(0, instanceCount - 1);
      const faults = several(random, 2, 6, (): Fault => {
        const { atMs } = spell(plan, random);
        if (random.chance(0.3))
          return { kind: 'thread death', atMs, forMs: 0, instance, thread: random.int(0, threadCount - 1) };
        const forMs = random.pick([50, 1000, 4000]);
        return { kind: 'kill', atMs, forMs, instance, acts: random.int(0, 30), inWrite: false, disk: 'kept' };
      });
      return { faults: [...plan.faults, ...faults] };
    },
  },
  {
    name: 'nothing is accepted without the ledger',
    change: () => ({ durability: 'ledger' }),
  },
  {
    name: 'the machine of a processor dies and is started again',
    change: (plan, random) => {
      const only = random.chance(0.5) ? null : random.int(0, plan.processorCount - 1);
      const faults = several(random, 1, 2, () => {
        const { atMs, forMs: silentMs } = spell(plan, random);
        const refusingMs = random.pick([1000, 5000, 15_000]);
        return ofEachProcessor(plan, (processor): Fault[] => {
          if (processor !== (only ?? processor)) return [];
          return [
            { kind: 'link', atMs, forMs: silentMs, instance: null, processor, how: 'silent' },
            {
              kind: 'link',
              atMs: atMs + silentMs,
              forMs: refusingMs,
              instance: null,
              processor,
              how: 'refuses',
            },
          ];
        });
      });
      return { faults: [...plan.faults, ...faults.flat()] };
    },
  },
  {
    name: 'an instance is cut off from the processors',
    change: (plan, random) => {
      const instance = random.int(0, plan.instanceCount - 1);
      const { atMs } = spell(plan, random);
      const faults = ofEachProcessor(plan, (processor): Fault[] => {
        const forMs = random.pick([1000, 5000, 15_000, 25_000]);
        return [{ kind: 'link', atMs, forMs, instance, processor, how: random.pick(['refuses', 'silent']) }];
      });
      return { faults: [...plan.faults, ...faults] };
    },
  },
  {
    name: 'no processor is well',
    change: (plan, random) => {
      const hows: readonly [ProcessorFault, ...ProcessorFault[]] = random.pick([
        ['failing', '503', '429'],
        ['hang', 'drop-after-commit', 'failing'],
      ]);
      const faults = several(random, 1, 3, () => {
        const { atMs, forMs } = spell(plan, random);
        return ofEachProcessor(plan, (processor): Fault[] => [
          { kind: 'processor', atMs, forMs, processor, how: random.pick(hows) },
        ]);
      });
      return { faults: [...plan.faults, ...faults.flat()] };
    },
  },
  {
    name: 'answers are late',
    change: (plan, random) => {
      const faults = several(random, 1, 4, (): Fault[] => {
        const { atMs, forMs } = spell(plan, random);
        const processor = random.int(0, plan.processorCount - 1);
        return [
          { kind: 'link', atMs, forMs, instance: null, processor, how: 'late answers' },
          { kind: 'processor', atMs, forMs, processor, how: 'hang' },
          { kind: 'processor', atMs, forMs, processor, how: 'slow' },
        ];
      });
      return { faults: [...plan.faults, ...faults.flat()] };
    },
  },
  {
    name: 'a short retention',
    // Rare, because it takes much away: within the retention nothing may come twice, neither from a client nor from an
    // instance that was away, and clocks must agree.
    change: ({ posts, faults, skewsMs }, random) => {
      if (!random.chance(0.3)) return {};
      const firsts = new Map(posts.toReversed().map((post) => [post.correlationId, { ...post, retries: 0 }]));
      return {
        retentionMs: 5000,
        posts: [...firsts.values()],
        faults: faults.filter(({ kind }) => kind === 'processor' || kind === 'link'),
        skewsMs: skewsMs.map(() => 0),
      };
    },
  },
];

/** Some plans have no profile, some have one or two, and some have many. */
export function withProfiles(plan: Plan, random: Random): Plan {
  const share = random.pick([0, 0.2, 0.5]);
  const changed = { ...plan };
  for (const { name, change } of PROFILES) {
    const fork = random.fork(name);
    if (fork.chance(share)) Object.assign(changed, change(changed, fork));
  }
  return changed;
}

/** Faults matter most around a post and while what follows from it goes on. */
export function spell({ posts }: Plan, random: Random): { atMs: number; forMs: number } {
  const near = posts[random.int(0, posts.length - 1)]?.atMs ?? 0;
  const atMs = near + random.int(-500, random.pick([500, 3000, 10_000]));
  return { atMs: clamp(atMs), forMs: random.pick([50, 1000, 3000, 10_000]) };
}

function ofEachProcessor({ processorCount }: Plan, make: (processor: number) => Fault[]): Fault[] {
  return Array.from({ length: processorCount }, (_, processor) => make(processor)).flat();
}

function clamp(atMs: number): number {
  return Math.min(Math.max(0, atMs), SPAN_MS);
}

export function several<T>(random: Random, least: number, most: number, make: () => T): T[] {
  return Array.from({ length: random.int(least, most) }, make);
}

export function uuidOf(random: Random): string {
  const hex = Array.from({ length: 4 }, () => random.u32().toString(16).padStart(8, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

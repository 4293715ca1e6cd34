import type { Site } from './deployment.ts';
import type { PerProcessor } from './scenario.ts';

/** A deployment and processors that somebody else has brought up, and will bring down. */
export function givenSite(target: string, processors: PerProcessor<string>): Site {
  return {
    name: target,
    processors,
    open: async () => ({ target, usage: () => [], audit: async () => null, close: async () => undefined }),
    close: async () => undefined,
  };
}

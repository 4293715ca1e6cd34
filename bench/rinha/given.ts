import type { Site } from './deployment.ts';
import type { PerProcessor } from './scenario.ts';

/** A deployment and processors that are already running; this program neither starts nor stops them. */
export function givenSite(target: string, processors: PerProcessor<string>): Site {
  return {
    name: target,
    processors,
    open: async () => ({ target, usage: () => [], audit: async () => null, close: async () => undefined }),
    close: async () => undefined,
  };
}

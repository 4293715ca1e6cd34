import type { Clock } from '../../src/clock.ts';
import type { Site } from './deployment.ts';
export async function composeSite(_c: Clock, _f: unknown, _t: string): Promise<Site> {
  throw new Error('todo');
}

import { sleep } from '../../src/core/clock.ts';
import type { Course } from './course.ts';
import { ProcessorAdmin } from './processor-admin.ts';
import { PROCESSORS } from './scenario.ts';

/** Configures both processors at the start of each stage: both delays, then both failures, one after another. */
export async function playStages(course: Course): Promise<void> {
  const { scenario, processors, token, record, clock, nowMs } = course;
  const admins = PROCESSORS.map((name) => ({
    name,
    admin: new ProcessorAdmin(processors[name], token, record),
  }));
  for (const stage of scenario.stages) {
    await sleep(clock, stage.atMs - nowMs());
    for (const { name, admin } of admins) await admin.setDelay(stage[name]);
    for (const { name, admin } of admins) await admin.setFailure(stage[name]);
  }
  for (const { admin } of admins) admin.close();
}

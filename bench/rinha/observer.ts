import { sleep } from '../../src/core/clock.ts';
import type { Course } from './course.ts';
import type { Meter } from './meter.ts';
import { ProcessorAdmin } from './processor-admin.ts';

const SECOND_MS = 1_000;

/**
 * Until `ended`, records once a second what the processors have charged and what the deployment uses. Its calls are not
 * part of the contest and do not count in any figure.
 */
export async function observe(
  course: Course,
  meter: Meter,
  ended: () => boolean,
  onSecond: (nowMs: number) => void,
): Promise<void> {
  const { scenario, processors, token, record, clock, nowMs } = course;
  const atDefault = new ProcessorAdmin(processors.default, token);
  const atFallback = new ProcessorAdmin(processors.fallback, token);
  let metering = false;
  for (let second = 1; ; second++) {
    if (!metering && nowMs() >= scenario.warmUpMs) {
      meter.start(record.acceptedCount);
      metering = true;
    }
    await sleep(clock, second * SECOND_MS - nowMs());
    const [ofDefault, ofFallback] = await Promise.all([atDefault.summary(), atFallback.summary()]);
    record.observed({
      default: ofDefault?.count ?? record.settled.default,
      fallback: ofFallback?.count ?? record.settled.fallback,
    });
    record.tick();
    meter.sample();
    onSecond(nowMs());
    if (ended()) break;
  }
  atDefault.close();
  atFallback.close();
}

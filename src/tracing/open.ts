import type { Config } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { Tracer } from './tracer.ts';

export interface OpenTracerParts {
  readonly instanceId: string;
  readonly log: Log;
}

/** Propagates traces to the processors, and exports no spans. */
export const propagationOnlyTracer = new Tracer({ sink: null, ratio: 0, random: Math.random, nowUs });

/** The tracer of a thread. The exporter is loaded only if there is a collector. */
export async function openTracer(
  tracing: Config['tracing'],
  { instanceId, log }: OpenTracerParts,
): Promise<Tracer> {
  if (tracing.otlpUrl === '') return propagationOnlyTracer;
  const { OtlpExporter } = await import('./otlp.ts');
  const sink = new OtlpExporter({ ...tracing, instanceId, clock: systemClock, log });
  return new Tracer({ sink, ratio: tracing.ratio, random: Math.random, nowUs });
}

/** Monotonic within a thread; threads differ by how the system clock was set between their starts. */
function nowUs(): number {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000);
}

import type { Config } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { Tracer } from './tracer.ts';

export interface OpenTracerParts {
  readonly instanceId: string;
  readonly log: Log;
}

/** Carries traces on, and tells nobody of them. */
export const propagationOnlyTracer = new Tracer({ sink: null, ratio: 0, random: Math.random, nowUs });

/** A thread's tracer. What tells a collector of spans is loaded only where there is one to tell. */
export async function openTracer(
  tracing: Config['tracing'],
  { instanceId, log }: OpenTracerParts,
): Promise<Tracer> {
  if (tracing.otlpUrl === '') return propagationOnlyTracer;
  const { OtlpExporter } = await import('./otlp.ts');
  const sink = new OtlpExporter({ ...tracing, instanceId, clock: systemClock, log });
  return new Tracer({ sink, ratio: tracing.ratio, random: Math.random, nowUs });
}

/** All threads of a machine agree on it as far as their starts were stamped by the same clock. */
function nowUs(): number {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000);
}

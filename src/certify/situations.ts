import type { Situation } from './situation.ts';
import { ANSWERS } from './situations/answers.ts';
import { LOOK_UPS } from './situations/look-ups.ts';
import { RESTS } from './situations/rests.ts';
import { WIRE } from './situations/wire.ts';

/** Every situation, in the order of the report. */
export const SITUATIONS: readonly Situation[] = [...ANSWERS, ...RESTS, ...WIRE, ...LOOK_UPS];

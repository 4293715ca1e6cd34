/**
 * Seeds that break a promise with one of the bugs that the simulator has found in the gateway; they run for ever.
 * The bugs themselves are among the mutants. A plan made otherwise makes these seeds like any others: then put here
 * what `--mutants` prints.
 */
export const KEPT_SEEDS: readonly number[] = [
  14, 88, 92, 153, 170, 192, 208, 219, 342, 1005, 2229, 3575, 5334, 9538, 10313, 13407, 13894, 15226, 41769,
  42966, 49351, 78818, 87981, 301127, 313214, 5004185,
];

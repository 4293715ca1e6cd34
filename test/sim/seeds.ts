/**
 * Regression seeds: each broke a promise through a bug that the simulator found in the gateway. The bugs themselves are
 * among the mutants. If plans are generated differently, these seeds lose their meaning: replace them by those that
 * `--mutants` prints.
 */
export const KEPT_SEEDS: readonly number[] = [
  14, 88, 92, 153, 170, 192, 208, 219, 342, 1005, 2229, 3575, 5334, 9538, 10313, 13407, 13894, 15226, 41769,
  42966, 49351, 78818, 87981, 301127, 313214, 5004185,
];

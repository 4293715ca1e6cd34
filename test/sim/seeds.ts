/**
 * Each of these finds a mutant (its name follows) that other seeds seldom find. A change of the plans or of the gateway may
 * take away their meaning: `npm run sim -- --mutants` shows which mutants are no longer found, and CONTRIBUTING.md says
 * how to search for a new seed.
 */
export const KEPT_SEEDS: readonly number[] = [
  3249, // treat a reserved payment as claimed
  4645, // commit while a take-over is under way
  5285, // do not wake after a lost lease has made room
  5449, // believe a 404 from before the hold time
  9170, // claim on while the answer to a take-over is lost
  48238, // keep an owner number after a lost reservation reply
  51731, // forget a repetition when the original is refused
];

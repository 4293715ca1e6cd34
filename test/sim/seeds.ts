/**
 * Each of these finds a mutant (its name follows) that other seeds seldom find. A change of the plans or of the gateway may
 * take away their meaning: `npm run sim -- --mutants` shows which mutants are no longer found, and CONTRIBUTING.md says
 * how to search for a new seed.
 */
export const KEPT_SEEDS: readonly number[] = [
  319, // contract: count an unfit processor as well
  489, // forget an open payment
  767, // claim on while the answer to a take-over is lost
  5285, // do not wake after a lost lease has made room
  5449, // believe a 404 from before the hold time
  51731, // forget a repetition when the original is refused
];

/** The seed of a test's randomness: a new one each run, or the one of the environment, to run a failure again. */

/** Prints the seed. */
export function takeSeed(name: string): number {
  const given = process.env.UNDERSTUDY_SEED;
  const seed = given === undefined ? Date.now() >>> 0 : Number(given);
  if (!Number.isSafeInteger(seed)) throw new Error(`UNDERSTUDY_SEED is no whole number: ${given}`);
  console.info(`${name}: UNDERSTUDY_SEED=${seed}`);
  return seed;
}

/** What was asked, and how long it took. */

/** `seconds`: from the question to its whole answer. */
export async function timed<T extends object>(
  ask: () => Promise<T>,
): Promise<T & { readonly seconds: number }> {
  const begunAt = performance.now();
  const answer = await ask();
  return { ...answer, seconds: (performance.now() - begunAt) / 1000 };
}

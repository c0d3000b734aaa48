/** What this process has taken of the processor. */

/** Milliseconds since it began, of all its threads. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * What reporting an incident costs, where it repeats and where every one is new. `npx tsx bench/incidents.ts`.
 * Medians of several rounds, in CPU time of this process.
 */
import { incidentsOf } from '../src/observe/incident.ts';
import { IncidentGatherer } from '../src/observe/incident-gatherer.ts';
import { IncidentStore } from '../src/observe/incident-store.ts';

const ROUNDS = 9;
const REPORTS = 200_000;
/** What a busy shadow refuses in a second. */
const A_SECOND = 10_000;

/** Median CPU nanoseconds of a report, taken in once a second as the proxy does; `digests` come in turn. */
function measure(digests: number): number {
  const clock = { nowMs: Date.now() };
  const gatherer = new IncidentGatherer({ clock: () => clock.nowMs, literals: true });
  const store = new IncidentStore({ clock: () => clock.nowMs });
  const incidents = incidentsOf(gatherer, 's00');
  const known = Array.from({ length: digests }, (_, index) => {
    const id = index.toString(16).padStart(16, '0');
    return { id, text: `DELETE FROM messages WHERE folderid = ? AND c${id} = ?` };
  });
  const sql = Buffer.from('DELETE FROM messages WHERE folderid = 4711');
  const times: number[] = [];
  for (let round = -2; round < ROUNDS; round++) {
    const begin = process.cpuUsage();
    for (let count = 0; count < REPORTS; count++) {
      incidents.report({
        reason: 'replay_error',
        digest: known[count % digests],
        code: 1146,
        table: 'messages',
        key: '4711',
        message: 'error 1146',
        sql,
      });
      if (count % A_SECOND !== 0) continue;
      clock.nowMs += 1000;
      for (const entry of gatherer.take()) store.add(entry);
    }
    const { user, system } = process.cpuUsage(begin);
    if (round >= 0) times.push(((user + system) * 1000) / REPORTS);
  }
  return times.sort((left, right) => left - right)[ROUNDS >> 1] ?? 0;
}

for (const [what, digests] of [
  ['one digest', 1],
  ['fifty digests', 50],
  ['a flood of digests', REPORTS],
] as const) {
  process.stdout.write(`${what.padEnd(20)} ${measure(digests).toFixed(0).padStart(6)} ns a report\n`);
}

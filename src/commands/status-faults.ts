/** What makes `status` end with 1, in sentences for standard error. Pure. */
import { reportsOf, unreachableFaults } from '../observe/admin-fetch.ts';
import type { StatusReport } from '../observe/status.ts';
import type { ProxyStatus } from './status-fetch.ts';

/** The gravest first. */
export function findFaults(proxies: readonly ProxyStatus[]): string[] {
  const reports = reportsOf(proxies);
  return [
    ...unreachableFaults(proxies),
    ...reports.flatMap(workerFaults),
    ...reports.flatMap(shadowFaults),
    ...reports.flatMap(debtFaults),
    ...reports.flatMap(controlFaults),
  ];
}

function workerFaults({ id, draining, workers }: StatusReport): string[] {
  if (draining) return [];
  return workers
    .filter(({ state }) => state !== 'serving')
    .map(
      ({ worker, state, since, shards }) =>
        `worker ${worker} of proxy ${id} is ${state} since ${since}: clients of ${shards.join(', ')} are not served`,
    );
}

function shadowFaults({ id, shards }: StatusReport): string[] {
  return shards
    .filter(({ shadow }) => shadow.state === 'down')
    .map(
      ({ name, shadow }) =>
        `the shadow of shard ${name} is down since ${shadow.since} (proxy ${id}): ${shadow.lastError ?? 'no error is known'}`,
    );
}

/** Also of a journal that can't be written. One that is slow is no fault: the next moment it may be quick. */
function debtFaults({ id, shards }: StatusReport): string[] {
  return shards
    .filter(({ journal }) => journal.reset)
    .map(
      ({ name, journal }) =>
        `the journal of shard ${name} does not know of all that may differ (proxy ${id}), so that a full pass is owed, which "understudy sync" makes: ${journal.resetReason ?? 'the proxy does not tell why'}`,
    );
}

function controlFaults({ id, control }: StatusReport): string[] {
  if (control.connected) return [];
  return [`proxy ${id} can't reach its ${control.source} for the ratios; the last ones stay in force`];
}

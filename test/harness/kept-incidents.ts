/** Takes incidents and keeps them, for a test to look at. */
import type { IncidentEntry, IncidentReport, ShardIncident } from '../../src/observe/incident.ts';

export class KeptIncidents {
  readonly reports: (IncidentReport | ShardIncident)[] = [];
  /** What other processes sent. */
  readonly entries: IncidentEntry[] = [];

  report(report: IncidentReport | ShardIncident): void {
    this.reports.push(report);
  }

  take(entries: readonly IncidentEntry[]): void {
    this.entries.push(...entries);
  }

  /** How many statements each reason befell. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { reason, times = 1 } of this.reports) counts[reason] = (counts[reason] ?? 0) + times;
    return counts;
  }
}

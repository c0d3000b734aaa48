/** Reads what gives out numbers on one server: AUTO_INCREMENT columns, rows of sequence tables, SEQUENCEs. */
import type { Step } from './auto-increment.ts';
import { listColumns, readNumberedColumns } from './numbered-columns.ts';
import { type Place, type ServerReadings, sequenceId } from './sequence.ts';
import { databaseAbsence, tableAbsences } from './sequence-absences.ts';
import { readObjects } from './sequence-objects.ts';
import { readSequenceTables } from './sequence-rows.ts';
import {
  AskedForNumbers,
  type NumberSource,
  SEQUENCES_MAX,
  type SequenceScope,
  wholeOf,
} from './sequence-source.ts';

/** Rejects where the server as a whole can't be asked. */
export async function readSequences(
  source: NumberSource,
  place: Place,
  scope: SequenceScope,
): Promise<ServerReadings> {
  const server = new AskedForNumbers(source, scope);
  const absent = await databaseAbsence(server, place);
  if (absent !== null) return { type: 'read', sequences: new Map(), faults: [absent] };
  const tables = await tableAbsences(server);
  const step = await stepOf(server);
  const { columns, whole } = await listColumns(server);
  const rows = await readSequenceTables(server, columns);
  const readings = [
    ...(await readNumberedColumns(server, columns, step)),
    ...rows.readings,
    ...(await readObjects(server, place, step)),
  ];
  const missed = whole ? [] : [`only the first ${SEQUENCES_MAX} columns that give out numbers are looked at`];
  return {
    type: 'read',
    // Of rows with one name the last counts, which says so.
    sequences: new Map(readings.map((named) => [sequenceId(named.sequence), named])),
    faults: [...tables, ...missed, ...rows.faults],
  };
}

async function stepOf(server: AskedForNumbers): Promise<Step> {
  const [row] = await server.rows('SELECT @@GLOBAL.auto_increment_increment, @@GLOBAL.auto_increment_offset');
  return { increment: wholeOf(row?.[0]) ?? 1n, offset: wholeOf(row?.[1]) ?? 1n };
}

/** Reads what one file sent as the proxy would, and holds each statement against the server's record of it. */
import type { Plan } from '../../src/sql/plan.ts';
import type { SqlReader } from '../../src/sql/plan-cache.ts';
import { judgeTables, mayChangeRows, type NameFacts, serverKind } from './judge.ts';
import { readNameFacts } from './name-facts.ts';
import type { Played, PlayedSession, Sent } from './player.ts';
import type { ServerStatement } from './server-record.ts';
import type { Tally } from './tally.ts';

export class Examination {
  readonly #reader: SqlReader;
  readonly #tally: Tally;
  readonly #file: string;
  readonly #facts: NameFacts;
  readonly #underTableLocks = new Set<PlayedSession>();

  constructor(reader: SqlReader, tally: Tally, file: string, played: Played) {
    this.#reader = reader;
    this.#tally = tally;
    this.#file = file;
    this.#facts = readNameFacts(played.sent.map(({ text }) => text.toString('latin1')));
    for (const { why } of played.unplayed) tally.add(`unplayed ${why}`);
  }

  /** `record`: null where the server's memory of the command is lost. */
  examine(sent: Sent, record: readonly ServerStatement[] | null): void {
    const tally = this.#tally;
    tally.add('commands');
    const plans = this.#plans(sent);
    if (record === null || sent.foreignGrammar) {
      tally.add(record === null ? 'unrecorded' : 'foreign grammar');
      return;
    }
    // A text of comments alone is no statement to either.
    const ran = record.filter(({ command }) => command !== 'empty_query');
    this.#compareCounts(sent, plans, ran);
    for (const [index, statement] of ran.entries()) {
      const columns = sent.results.length === record.length ? sent.results[index]! : null;
      const plan = plans[index];
      if (plan !== undefined) this.#statement(sent, plan, statement, columns);
    }
  }

  #plans({ text, mode }: Sent): Plan[] {
    const plans: Plan[] = [];
    for (let at = 0; at !== -1; at = this.#reader.lexed.next) {
      const plan = this.#reader.read(text, at, text.length, mode);
      plans.push(plan);
      if (plan.kind !== 'other') this.#tally.digests.set(plan.id, plan.parsed);
    }
    return plans;
  }

  /** Behind a statement that failed the server reads no further. */
  #compareCounts(sent: Sent, plans: readonly Plan[], ran: readonly ServerStatement[]): void {
    if (plans.length === ran.length || (sent.outcome === 'refused' && ran.length < plans.length)) return;
    if (plans.length === 1 && ran.length === 0) return;
    this.#wrong(plans.some(({ anyResults }) => anyResults) ? 'end of a stored program' : 'end', sent, '');
  }

  #statement(sent: Sent, plan: Plan, statement: ServerStatement, columns: readonly string[] | null): void {
    const tally = this.#tally;
    this.#followTableLocks(sent.session, statement);
    const kind = serverKind(statement, columns);
    if (kind === null || isFailedExplain(sent, plan, statement)) {
      tally.add(kind === null ? 'refused by the grammar' : 'failed EXPLAIN');
      return;
    }
    const accepted = statement.errno === 0;
    tally.add(accepted ? 'accepted' : 'failed');
    tally.add(`server ${kind}`);
    if (kind !== plan.kind) {
      tally.add(accepted ? 'accepted, kind wrong' : 'failed, kind wrong');
      const isGrave =
        (kind === 'write' || kind === 'delete') && (plan.kind === 'read' || plan.kind === 'other');
      if (isGrave) tally.add('grave');
      this.#wrong('kind', sent, `${kind} (${statement.command}) taken for ${plan.kind}`);
      return;
    }
    tally.add(accepted ? 'accepted, kind right' : 'failed, kind right');
    this.#effects(sent, plan, statement, columns);
    if (plan.kind !== 'other') this.#tables(sent, plan, statement);
  }

  #effects(sent: Sent, plan: Plan, statement: ServerStatement, columns: readonly string[] | null): void {
    const isSafe = plan.kind === 'write' || plan.kind === 'delete' || mayChangeRows(plan);
    // Servers known by name are rows of a system table.
    if (statement.rowsChanged > 0 && !isSafe && !statement.command.endsWith('_server')) {
      this.#tally.add('rows changed unseen');
      this.#wrong('rows', sent, `${statement.rowsChanged} changed by ${statement.command}`);
    }
    const answersNothing = sent.results.length > 0 && columns === null && statement.errno === 0;
    if (plan.kind === 'read' && answersNothing && sent.results.length === 1 && !plan.hazards.has('into')) {
      this.#tally.add('read without rows');
      this.#wrong('result', sent, 'a read that answers with no rows');
    }
  }

  #tables(sent: Sent, plan: Plan, statement: ServerStatement): void {
    const verdict = judgeTables(plan, statement, this.#facts, this.#underTableLocks.has(sent.session));
    this.#tally.add(verdict.what === 'untold' ? `tables untold ${verdict.why}` : `tables ${verdict.what}`);
    if (verdict.what === 'wrong')
      this.#wrong('tables', sent, `ours ${verdict.ours}, server's ${verdict.servers}`);
  }

  #followTableLocks(session: PlayedSession, { command, errno }: ServerStatement): void {
    if (command === 'lock_tables' && errno === 0) this.#underTableLocks.add(session);
    if (command === 'unlock_tables' || command === 'begin') this.#underTableLocks.delete(session);
  }

  #wrong(what: string, sent: Sent, detail: string): void {
    if (what.startsWith('end')) this.#tally.add(what);
    this.#tally.find(`${what}: ${detail}`, this.#file, sent.text.toString('latin1'));
  }
}

/** Without an answer the server's record of an EXPLAIN is that of its statement. */
function isFailedExplain(sent: Sent, plan: Plan, statement: ServerStatement): boolean {
  const begins = /^[\s(]*(?:set\s+statement\b[\s\S]*?\bfor\s+)?(?:explain|analyze|describe|desc)\b/i;
  return plan.kind === 'other' && statement.errno !== 0 && begins.test(sent.text.toString('latin1'));
}

/** The commits of one session that were sent and not answered, each with the writes that it commits. */
import type { Commit } from './committing-writes.ts';
import type { Statement } from './statement.ts';
import type { WriteSpan } from './write-span.ts';
import type { Writer } from './writer.ts';
import type { WritesUnderWay } from './writes-under-way.ts';

interface SentCommit extends Commit {
  readonly statement: Statement;
}

export class CommitsUnderWay {
  readonly #writes: WritesUnderWay;
  readonly #writer: Writer;
  #commits: SentCommit[] = [];

  constructor(writes: WritesUnderWay, writer: Writer) {
    this.#writes = writes;
    this.#writer = writer;
  }

  /** `statement` is about to be sent, and may commit these. */
  sent(statement: Statement, spans: WriteSpan[]): void {
    const commit = { statement, spans, writer: this.#writer, before: null, after: null };
    this.#writes.commitSent(commit);
    this.#commits.push(commit);
  }

  /** A write was answered whose commit may have been sent ahead of that. */
  join(span: WriteSpan): void {
    const [commit] = this.#commits;
    if (commit !== undefined) this.#writes.commitJoined(commit, span);
  }

  answered(statement: Statement): void {
    if (this.#commits.length === 0) return;
    const at = this.#commits.findIndex((commit) => commit.statement === statement);
    if (at < 0) return;
    const [commit] = this.#commits.splice(at, 1);
    this.#writes.commitAnswered(commit!);
  }

  /** None of them will be answered. */
  clear(): void {
    for (const commit of this.#commits) this.#writes.commitAnswered(commit);
    this.#commits = [];
  }
}

/** The commits of one session that were sent and not answered, each with the writes that it commits. */
import type { Statement } from './statement.ts';
import type { Writer, WriteSpan } from './write-span.ts';
import type { WritesUnderWay } from './writes-under-way.ts';

interface Commit {
  readonly statement: Statement;
  readonly spans: WriteSpan[];
}

export class CommitsUnderWay {
  readonly #writes: WritesUnderWay;
  readonly #writer: Writer;
  #commits: Commit[] = [];

  constructor(writes: WritesUnderWay, writer: Writer) {
    this.#writes = writes;
    this.#writer = writer;
  }

  /** `statement` is about to be sent, and may commit these. */
  sent(statement: Statement, spans: WriteSpan[]): void {
    this.#writes.commitSent(spans, this.#writer);
    this.#commits.push({ statement, spans });
  }

  /** A write was answered whose commit may have been sent ahead of that. */
  join(span: WriteSpan): void {
    const [commit] = this.#commits;
    if (commit === undefined) return;
    this.#writes.commitSent([span], this.#writer);
    commit.spans.push(span);
  }

  answered(statement: Statement): void {
    if (this.#commits.length === 0) return;
    const at = this.#commits.findIndex((commit) => commit.statement === statement);
    if (at < 0) return;
    const [commit] = this.#commits.splice(at, 1);
    this.#writes.commitAnswered(commit!.spans);
  }

  /** None of them will be answered. */
  clear(): void {
    for (const { spans } of this.#commits) this.#writes.commitAnswered(spans);
    this.#commits = [];
  }
}

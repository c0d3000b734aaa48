/** The name that is being read, as long as dots may still go on with it: `a`, `a.b`, `a.b.*`. */
import { CHAIN, type Lexed } from './lexed.ts';

export class DottedChain {
  private readonly lexed: Lexed;
  private length = 0;
  private start = 0;
  private firstEnd = 0;
  private isTable = false;

  constructor(lexed: Lexed) {
    this.lexed = lexed;
  }

  reset(): void {
    this.length = 0;
  }

  isOpen(): boolean {
    return this.length > 0;
  }

  /** An identifier at [start, end) that follows no dot. */
  begin(start: number, end: number, isTable: boolean): void {
    this.length = 1;
    this.start = start;
    this.firstEnd = end;
    this.isTable = isTable;
  }

  /** One more identifier, or the `*`, behind a dot. */
  goOn(): void {
    if (this.length > 0) this.length++;
  }

  /** Records the chain if it has a dot. `position`: the CHAIN position of one that is no table's. */
  end(position: number): void {
    if (this.length > 1) {
      const where = this.isTable ? CHAIN.table : position;
      this.lexed.addQualifier(this.start, this.firstEnd, this.length, where);
    }
    this.length = 0;
  }
}

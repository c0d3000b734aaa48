/** Shows how far a sync is: bars that are drawn over and over on a terminal, else a plain line now and then. */
import type { SyncProgress } from '../sync/sync-progress.ts';
import type { CommandContext } from './command-context.ts';
import { barLines, plainLine } from './sync-progress-text.ts';

/** Five times a second: what changes faster can't be read. */
const DRAWN_EVERY_MS = 200;
const TOLD_EVERY_MS = 10_000;
const CLEAR_BELOW = '\x1b[J';

export class SyncDisplay {
  readonly #context: Pick<CommandContext, 'out' | 'err' | 'columns'>;
  readonly #progress: SyncProgress;
  #timer: NodeJS.Timeout | null = null;
  /** Lines of bars that stand on the terminal now. */
  #drawn = 0;

  constructor(context: Pick<CommandContext, 'out' | 'err' | 'columns'>, progress: SyncProgress) {
    this.#context = context;
    this.#progress = progress;
  }

  get isTerminal(): boolean {
    return this.#context.columns !== undefined;
  }

  start(): void {
    const everyMs = this.isTerminal ? DRAWN_EVERY_MS : TOLD_EVERY_MS;
    this.#timer = setInterval(() => this.show(), everyMs).unref();
  }

  /** Tells how far it is now. */
  show(): void {
    const { columns, out } = this.#context;
    if (columns === undefined) {
      const line = plainLine(this.#progress);
      if (line !== null) out(line);
      return;
    }
    const lines = barLines(this.#progress, columns);
    if (lines.length === 0) return;
    out(`${this.#back()}${lines.join('\n')}`);
    this.#drawn = lines.length;
  }

  /** Lines that stay, on standard output; the bars make room for them. */
  print(text: string): void {
    this.#hide();
    this.#context.out(text);
  }

  warn(text: string): void {
    this.#hide();
    this.#context.err(text);
  }

  /** Nothing of the bars is left. */
  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#hide();
  }

  #hide(): void {
    if (this.#drawn === 0) return;
    // Every output ends with a new line: the one above is where the next begins at the place of the bars.
    this.#context.out(`${this.#back()}\x1b[1A`);
    this.#drawn = 0;
  }

  #back(): string {
    return this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A\r${CLEAR_BELOW}`;
  }
}

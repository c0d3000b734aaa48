/** The display of a terminal: what is over stays above as lines, what happens now is a panel drawn anew. */
import type { ActHeading, ActResult, Display, Moment } from './display.ts';
import { headerText, rowText, totalRow } from './table-row.ts';
import { clock, count, duration, ratios, type Style, sparkline, wrap } from './text.ts';

const HISTORY_MAX = 60;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_BELOW = '\u001b[J';

export class PanelDisplay implements Display {
  readonly #output: NodeJS.WriteStream;
  readonly #style: Style;
  readonly #history: Moment[] = [];
  #heading: ActHeading | undefined;
  #notes: string[] = [];
  #panelLines = 0;

  constructor(output: NodeJS.WriteStream, style: Style) {
    this.#output = output;
    this.#style = style;
    output.write(HIDE_CURSOR);
  }

  step(text: string): void {
    this.#draw([this.#style.dim(`  ${text} …`)]);
  }

  beginAct(heading: ActHeading): void {
    this.#heading = heading;
    this.#notes = [];
    this.#redraw();
  }

  note(text: string): void {
    this.#notes.push(text);
    this.#redraw();
  }

  tick(moment: Moment): void {
    this.#history.push(moment);
    if (this.#history.length > HISTORY_MAX) this.#history.shift();
    this.#redraw();
  }

  endAct({ number, title }: ActHeading, { notes, figures }: ActResult): void {
    const { green, dim } = this.#style;
    const p99 = `p99 old ${duration(figures.oldP99Ms)}, new ${duration(figures.newP99Ms)}`;
    const flow = [
      `${count(figures.statements)} statements/s`,
      `${count(figures.mirrored)} mirrored/s`,
      ...(figures.dropped >= 0.5 ? [`${count(figures.dropped)} dropped/s`] : []),
      p99,
    ];
    this.#print([
      `${green('✓')} ${number}  ${title}`,
      ...notes.map((note) => dim(`     ${wrap(note, 5, this.#style.columns)}`)),
      dim(`     ${wrap(flow.join(' · '), 5, this.#style.columns)}`),
    ]);
    this.#heading = undefined;
  }

  clear(): void {
    this.#draw([]);
  }

  close(): void {
    this.clear();
    this.#output.write(SHOW_CURSOR);
  }

  #redraw(): void {
    const heading = this.#heading;
    const moment = this.#history.at(-1);
    if (heading === undefined) return;
    const { bold, dim, yellow } = this.#style;
    const time = moment === undefined ? '' : clock(moment.seconds);
    this.#draw([
      '',
      `${yellow('▶')} ${bold(`${heading.number}/${heading.of}  ${heading.title}`)}`,
      ...this.#notes.map((note) => dim(`     ${wrap(note, 5, this.#style.columns)}`)),
      '',
      ...(moment === undefined ? [] : this.#table(moment)),
      '',
      dim(time === '' ? '' : `  ${time} on stage; Ctrl-C ends it and leaves nothing behind`),
    ]);
  }

  #table({ figures, clientErrors }: Moment): string[] {
    const { bold, green, red } = this.#style;
    const shards = figures.shards.map((shard) => {
      const row = {
        name: shard.name,
        ratios: ratios(shard.ratios),
        figures: shard,
        oldP99Ms: undefined,
        newP99Ms: undefined,
        shadow: shard.shadow === 'recovering' ? 'back' : shard.shadow,
        clientErrors: undefined,
      };
      return rowText(row, this.#style);
    });
    const spark = (name: string, read: (moment: Moment) => number) =>
      `  ${name.padEnd(14)} ${sparkline(this.#history.map(read))}`;
    return [
      headerText('shard', this.#style),
      ...shards,
      bold(rowText(totalRow('all', figures, clientErrors), this.#style)),
      '',
      spark('statements/s', (moment) => moment.figures.statements),
      spark('mirrored/s', (moment) => moment.figures.mirrored),
      spark('dropped/s', (moment) => moment.figures.dropped),
      '',
      clientErrors === 0 ? green('  client errors: 0') : red(`  client errors: ${count(clientErrors)}`),
    ];
  }

  /** Prints lines that stay, above the panel. */
  #print(lines: readonly string[]): void {
    this.#draw([]);
    this.#output.write(lines.map((line) => `${line}\n`).join(''));
  }

  /** Replaces the panel, in one write, so that nothing flickers. */
  #draw(lines: readonly string[]): void {
    const up = this.#panelLines > 0 ? `\u001b[${this.#panelLines}A` : '';
    const text = lines.flatMap((line) => line.split('\n'));
    this.#output.write(`\r${up}${CLEAR_BELOW}${text.map((line) => `${line}\n`).join('')}`);
    this.#panelLines = text.length;
  }
}

/** The display of pipes, files and small terminals: a heading an act, a line a second. */
import type { ActHeading, ActResult, Display, Moment } from './display.ts';
import { headerText, rowText, totalRow } from './table-row.ts';
import { clock, type Style, wrap } from './text.ts';

export class PlainDisplay implements Display {
  readonly #output: NodeJS.WriteStream;
  readonly #style: Style;

  constructor(output: NodeJS.WriteStream, style: Style) {
    this.#output = output;
    this.#style = style;
  }

  step(text: string): void {
    this.#line(this.#style.dim(`  ${text}`));
  }

  beginAct({ number, of, title }: ActHeading): void {
    this.#line('');
    this.#line(this.#style.bold(`${number}/${of}  ${title}`));
    this.#line(headerText('time', this.#style));
  }

  note(text: string): void {
    this.#line(`       ${wrap(text, 7, this.#style.columns)}`);
  }

  tick({ seconds, figures, clientErrors }: Moment): void {
    this.#line(rowText(totalRow(clock(seconds), figures, clientErrors), this.#style));
  }

  endAct(_heading: ActHeading, _result: ActResult): void {}

  clear(): void {}

  close(): void {}

  #line(text: string): void {
    this.#output.write(`${text}\n`);
  }
}

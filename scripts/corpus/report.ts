/** The figures of a run as Markdown, for the terminal and for docs/sql.md. */
import { UNTOLD } from './judge.ts';
import type { LexerSpeed } from './lexer-speed.ts';
import type { Tally } from './tally.ts';

export interface Report {
  readonly suite: string;
  readonly files: number;
  readonly written: number;
  readonly tally: Tally;
  readonly lexer: LexerSpeed;
}

export const SQL_PAGE = new URL('../../docs/sql.md', import.meta.url);

/** Parts of the page that are written by a run: what was played, and how fast the lexer was. */
type Part = 'corpus' | 'lexer';

/** The page with the figures in place of those it held. Throws where a marker is missing. */
export function withReport(page: string, report: Report): string {
  return withPart(withLexer(page, report.lexer), 'corpus', renderPlayed(report));
}

export function withLexer(page: string, lexer: LexerSpeed): string {
  return withPart(page, 'lexer', renderLexer(lexer));
}

function withPart(page: string, part: Part, text: string): string {
  const option = part === 'corpus' ? '' : ` --${part}`;
  const begin = `<!-- ${part}: written by npm run corpus --${option} --docs -->`;
  const end = `<!-- end of ${part} -->`;
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/sql.md has lost the markers of its part "${part}"`);
  return `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`;
}

export function renderReport(report: Report): string {
  return `${renderPlayed(report)}\n\n${renderLexer(report.lexer)}`;
}

function renderPlayed(report: Report): string {
  const { tally } = report;
  return table([...playedRows(report), ...kindRows(tally), ...tableRows(tally), ...parserRows(tally)]);
}

export function renderLexer(lexer: LexerSpeed): string {
  return table([
    ['statements', `${thousands(lexer.statements)}, ${thousands(lexer.bytes)} bytes`],
    [
      'the lexer, all of them',
      `${round(lexer.megabytesPerSecond)} MB/s, ${lexer.microsPerStatement.toFixed(2)} µs a statement`,
    ],
    [
      '**the statement that takes it longest**',
      `${round(lexer.slowestMicros)} µs, of ${thousands(lexer.slowestBytes)} bytes`,
    ],
    [
      'the most that it is given by default, 4 MiB: short rows',
      `${round(lexer.longestRowsMicros / 1000)} ms`,
    ],
    ['4 MiB in one string full of escapes', `${round(lexer.longestStringMicros / 1000)} ms`],
  ]);
}

function table(rows: readonly (readonly string[])[]): string {
  return ['| | |', '|---|---:|', ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join('\n');
}

function playedRows({ suite, files, written, tally }: Report): string[][] {
  const count = (what: string): string => thousands(tally.count(what));
  return [
    ['suite', `${suite}, ${thousands(files)} files`],
    ['statements written in them', thousands(written)],
    ['commands sent, those of files that they source included', count('commands')],
    ['not sent: variables that only the suite’s own runner knows', count('unplayed variables')],
    ['not sent: would end the server or another session', count('unplayed dangerous')],
    ['not sent: their file had used up its time', count('unplayed late')],
    ['files that broke their server, and ended there', count('files broken off')],
    ['sent, but the server’s record of them was lost', count('unrecorded')],
    ['sent under a `sql_mode` with a grammar of its own', count('foreign grammar')],
    ['EXPLAIN that failed, so that its answer does not tell it from its statement', count('failed EXPLAIN')],
    ['refused by the server’s own grammar', count('refused by the grammar')],
  ];
}

function kindRows(tally: Tally): string[][] {
  const right = tally.count('accepted, kind right');
  const failedRight = tally.count('failed, kind right');
  return [
    ['**accepted by the server: kind right**', share(right, tally.count('accepted'))],
    ['parsed by the server, failed later: kind right', share(failedRight, tally.count('failed'))],
    ['**a write or delete taken for a read or other**', thousands(tally.count('grave'))],
    ['rows changed by a plan that says nothing of it', thousands(tally.count('rows changed unseen'))],
    ['reads that answered with no rows', thousands(tally.count('read without rows'))],
    ['kind other', share(tally.count('server other'), tally.count('accepted') + tally.count('failed'))],
    ['statement’s end not found behind a stored program', thousands(tally.count('end of a stored program'))],
    ['any other statement’s end not found', thousands(tally.count('end'))],
  ];
}

function tableRows(tally: Tally): string[][] {
  const [right, cautious, wrong] = ['right', 'cautious', 'wrong'].map((what) =>
    tally.count(`tables ${what}`),
  );
  const told = right! + cautious! + wrong!;
  return [
    ['**tables right**, and which are written', share(right!, told)],
    [
      'tables right, more taken as written: an UPDATE of several whose columns name no table',
      share(cautious!, told),
    ],
    ['tables wrong', share(wrong!, told)],
    ...tally
      .group('tables untold ')
      .map(([why, count]) => [`tables not told: ${UNTOLD[why as keyof typeof UNTOLD]}`, thousands(count)]),
  ];
}

function parserRows({ digests }: Tally): string[][] {
  const refused = [...digests.values()].filter((parsed) => !parsed).length;
  return [
    ['digests of reads, writes and deletes', thousands(digests.size)],
    ['of them refused by the parser, or read otherwise', share(refused, digests.size)],
  ];
}

/** Never rounded up to all or down to none. */
function share(part: number, whole: number): string {
  const exact = whole === 0 ? 0 : (part / whole) * 100;
  const shown =
    part === whole || part === 0 ? String(exact) : Math.min(99.999, Math.max(0.001, exact)).toFixed(3);
  return `${shown} % (${thousands(part)} of ${thousands(whole)})`;
}

function round(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0);
}

function thousands(value: number): string {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, ',');
}

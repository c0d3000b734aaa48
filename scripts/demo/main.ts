/**
 * `npm run demo`: Understudy on real servers, from nothing to a summary. Exit 0: no client saw an error; 1: one
 * did, or something could not be started; 2: bad usage; 130: Ctrl-C.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../src/base/errors.ts';
import { endDescendants } from './descendants.ts';
import type { Display } from './display.ts';
import { type DemoOptions, readArguments, USAGE } from './options.ts';
import { PanelDisplay } from './panel-display.ts';
import { PlainDisplay } from './plain-display.ts';
import { play } from './play.ts';
import { type Style, styleFor } from './text.ts';

const SIGNAL_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** The panel's lines beside those of the shards. */
const PANEL_ROWS = 20;
const PANEL_COLUMNS = 76;
/** A terminal's Ctrl-C ends the servers too, and their end may be heard of before the signal itself. */
const SIGNAL_GRACE_MS = 200;
const PARENT_POLL_MS = 500;

type Ending =
  | { readonly type: 'played'; readonly errors: number }
  | { readonly type: 'interrupted'; readonly code: number }
  | { readonly type: 'failed'; readonly reason: string };

/** What Ctrl-C means: while the demo plays it cuts it off, a kept demo it brings to its end. */
type Scene = 'playing' | 'kept';

async function run(options: DemoOptions): Promise<number> {
  const style = styleFor(process.stdout);
  const display = chooseDisplay(options, style);
  const interrupt = new AbortController();
  let scene: Scene = 'playing';
  const interrupted = new Promise<Ending>((resolve) => {
    onSignals((code) => {
      interrupt.abort();
      if (scene === 'playing') resolve({ type: 'interrupted', code });
    });
  });
  const outcome = play({
    options,
    display,
    style,
    signal: interrupt.signal,
    print: (text) => process.stdout.write(text),
    kept: () => {
      scene = 'kept';
    },
  }).then<Ending, Ending>(
    (errors) => ({ type: 'played', errors }),
    (error: unknown) => ({ type: 'failed', reason: messageOf(error) }),
  );
  const first = await Promise.race([outcome, interrupted]);
  const ending =
    first.type === 'failed'
      ? await Promise.race([interrupted, delay(SIGNAL_GRACE_MS, first, { ref: true })])
      : first;
  interrupt.abort();
  await endDescendants(outcome);
  display.close();
  return report(ending);
}

function report(ending: Ending): number {
  switch (ending.type) {
    case 'played':
      return ending.errors === 0 ? 0 : 1;
    case 'interrupted':
      process.stderr.write('The demo was interrupted; its servers and files are gone.\n');
      return ending.code;
    case 'failed':
      process.stderr.write(`The demo failed: ${ending.reason}\n`);
      return 1;
  }
}

/**
 * The first signal is heard; a second one ends the process at once, and its children with it. The death of
 * whoever started the demo counts as a hang-up: nobody would be left to end it.
 */
function onSignals(hear: (code: number) => void): void {
  let heard = false;
  const onSignal = (code: number): void => {
    if (heard) process.exit(code);
    heard = true;
    hear(code);
  };
  for (const [signal, code] of Object.entries(SIGNAL_CODES)) process.on(signal, () => onSignal(code));
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    if (!heard) onSignal(SIGNAL_CODES.SIGHUP);
  }, PARENT_POLL_MS).unref();
}

/** A panel that does not fit its terminal would scroll instead of being drawn anew. */
function chooseDisplay(options: DemoOptions, style: Style): Display {
  const { stdout } = process;
  const shards = options.full ? 16 : 4;
  const fits = stdout.isTTY === true && stdout.columns >= PANEL_COLUMNS && stdout.rows >= PANEL_ROWS + shards;
  const dumb = process.env.TERM === 'dumb';
  return fits && !dumb ? new PanelDisplay(stdout, style) : new PlainDisplay(stdout, style);
}

const read = readArguments(process.argv.slice(2));
switch (read.type) {
  case 'run':
    process.exit(await run(read.options));
    break;
  case 'help':
    process.stdout.write(USAGE);
    break;
  case 'fault':
    process.stderr.write(`${read.fault}\n${USAGE}`);
    process.exit(2);
}

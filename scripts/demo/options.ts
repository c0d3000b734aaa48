/** The demo's command line. */
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/base/errors.ts';

export interface DemoOptions {
  /** Sixteen shards on eight new hosts instead of four on two. */
  readonly full: boolean;
  /** Leaves everything running after the summary. */
  readonly keep: boolean;
  /** How long the acts take together; what must be waited for comes on top. */
  readonly seconds: number;
  /** Statements a second that the sessions aim at, all shards together. */
  readonly rate: number;
}

export type Arguments =
  | { readonly type: 'run'; readonly options: DemoOptions }
  | { readonly type: 'help' }
  | { readonly type: 'fault'; readonly fault: string };

const SECONDS_DEFAULT = 80;
const SECONDS_MAX = 3600;
const RATE_DEFAULT = 1000;
const RATE_MAX = 20_000;

export const USAGE = `usage: npm run demo -- [options]
  --full         16 shards, 8 new hosts (and 4 old servers) instead of 4 shards, 2 and 2
  --keep         leave it running after the summary, with a Prometheus beside it, until Ctrl-C
  --seconds N    how long the acts take together (${SECONDS_DEFAULT})
  --rate N       statements a second that the sessions aim at (${RATE_DEFAULT})
  --help         this text
`;

/** Reads the arguments behind the script's name; never throws. */
export function readArguments(args: readonly string[]): Arguments {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        full: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        seconds: { type: 'string', default: String(SECONDS_DEFAULT) },
        rate: { type: 'string', default: String(RATE_DEFAULT) },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) return { type: 'help' };
    const seconds = wholeNumber('--seconds', values.seconds, SECONDS_MAX);
    const rate = wholeNumber('--rate', values.rate, RATE_MAX);
    return { type: 'run', options: { full: values.full, keep: values.keep, seconds, rate } };
  } catch (error) {
    return { type: 'fault', fault: messageOf(error) };
  }
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > max) {
    throw new Error(`${name} takes a whole number from 1 to ${max}, not "${text}"`);
  }
  return value;
}

/** What the demo and its control group tell each other. */

export interface ProbeShard {
  readonly database: string;
  /** Of the old server. */
  readonly directPort: number;
  readonly proxyPort: number;
}

export interface ProbeConfig {
  readonly shards: readonly ProbeShard[];
  readonly account: { readonly user: string; readonly password: string };
  readonly folders: number;
}

/** What is timed, once directly and once through the proxy. */
export const PROBES = ['connect', 'read', 'write'] as const;
export type ProbeKind = (typeof PROBES)[number];

/** Milliseconds; null where nothing was timed. */
export interface Spread {
  readonly count: number;
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface ProbeLine {
  /** The time of the demo that it was taken in. */
  readonly period: string;
  readonly kind: ProbeKind;
  readonly direct: Spread;
  readonly proxy: Spread;
}

export interface ProbeFigures {
  readonly errors: number;
  readonly errorSamples: readonly string[];
  /** Told once, at the end. */
  readonly lines: readonly ProbeLine[];
}

export type ToProbe =
  | { readonly type: 'stop' }
  /** What is timed from now on belongs to this period. */
  | { readonly type: 'period'; readonly name: string };

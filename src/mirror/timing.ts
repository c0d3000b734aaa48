/** When a statement was under way on the primary. */
export interface Timing {
  /** Its own share of the time, of a command that held several statements. */
  readonly seconds: number;
  /** Of the whole command: the statement ran at some moment between them. Milliseconds of the proxy's monotonic clock. */
  readonly sentAtMs: number;
  readonly answeredAtMs: number;
}

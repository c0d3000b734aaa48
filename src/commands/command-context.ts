/** What main gives to each command. */
export interface CommandContext {
  /** Writes one or more whole lines to standard output. */
  out(text: string): void;
  /** The same to standard error. */
  err(text: string): void;
  /** Sets the code with which the process will end. */
  exit(code: number): void;
  /** Columns of the terminal on standard output; undefined where there is none. */
  readonly columns: number | undefined;
}

export const CONFIG_OPTION = {
  flags: '--config <file>',
  description: 'configuration file',
  fallback: 'proxy.config.json',
} as const;

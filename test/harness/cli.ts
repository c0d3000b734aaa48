/** One run of a command to its end: `node dist/main.js …`. */
import { startChild } from './process.ts';
import { MAIN } from './proxy.ts';

const RUN_TIMEOUT_MS = 60_000;

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly input?: string | Buffer;
  readonly timeoutMs?: number;
}

/** Runs `understudy ...args`; throws only where it does not end in time. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runCommand(process.execPath, [MAIN, ...args], options);
}

/** Runs any command to its end: the PHP, Python, Perl and mariadb clients of the tests. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  const child = await startChild({
    name: command,
    command,
    args,
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.input === undefined ? {} : { input: options.input }),
  });
  const timeoutMs = options.timeoutMs ?? RUN_TIMEOUT_MS;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void child.kill9();
  }, timeoutMs);
  const { code } = await child.exited;
  clearTimeout(timer);
  if (late) {
    throw new Error(
      `${command} ${args.join(' ')} did not end within ${timeoutMs} ms\n${child.stdout()}${child.stderr()}`,
    );
  }
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

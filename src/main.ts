#!/usr/bin/env node
/** From the arguments to a command, and from its outcome to the exit code. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { FoundWrong, messageOf, UsageError } from './base/errors.ts';
import type { CommandContext } from './commands/command-context.ts';

/** Runs one command line to its end and resolves to the exit code: 0 done, 1 found wrong, 2 bad usage. */
async function run(args: readonly string[]): Promise<number> {
  let code = 0;
  const context: CommandContext = {
    out: (text) => process.stdout.write(`${text}\n`),
    err: (text) => process.stderr.write(`${text}\n`),
    exit: (wanted) => {
      code = wanted;
    },
    columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  };
  const version = packageVersion();
  const program = new Command('understudy')
    .description('mirrors live MySQL traffic to a new cluster, and knows every key it may have left wrong')
    .version(version)
    .showHelpAfterError('(see --help)')
    .exitOverride();
  try {
    await registerFor(args[0], program, context, version);
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    return codeOf(error, context);
  }
}

/**
 * A command loads nothing that only the others need: it starts sooner, a worker while clients wait for its shards,
 * and holds less memory.
 */
async function registerFor(
  name: string | undefined,
  program: Command,
  context: CommandContext,
  version: string,
): Promise<void> {
  if (name === 'worker') (await import('./commands/worker.ts')).registerWorker(program, context, version);
  else await (await import('./commands/register.ts')).registerCommands(name, program, context, version);
}

function codeOf(error: unknown, context: CommandContext): number {
  // Commander has printed its own message by now, and help or the version that was asked for is no fault.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof FoundWrong) return 1;
  context.err(error instanceof UsageError ? messageOf(error) : describeBug(error));
  return error instanceof UsageError ? 2 : 1;
}

/** An error that no command foresaw: the stack is what helps then. */
function describeBug(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version }: { version: string } = JSON.parse(text);
  return version;
}

/** A reader that has seen enough (`understudy status | head`) changes neither the work nor its outcome. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

process.stdout.on('error', ignoreClosedPipe);
process.stderr.on('error', ignoreClosedPipe);
process.exit(await run(process.argv.slice(2)));

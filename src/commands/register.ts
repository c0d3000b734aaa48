/** Every command but the worker's, which is loaded by itself. */
import type { Command } from 'commander';
import type { CommandContext } from './command-context.ts';

type Register = (program: Command, context: CommandContext, version: string) => void;

/** In the order of the help. */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  proxy: async () => (await import('./proxy.ts')).registerProxy,
  ratio: async () => (await import('./ratio.ts')).registerRatio,
  status: async () => (await import('./status.ts')).registerStatus,
  incidents: async () => (await import('./incidents.ts')).registerIncidents,
  sync: async () => (await import('./sync.ts')).registerSync,
  sequences: async () => (await import('./sequences.ts')).registerSequences,
};

/**
 * Makes the command `name` known to `program`; where there is none of that name, all commands, for the help and
 * for the error.
 */
export async function registerCommands(
  name: string | undefined,
  program: Command,
  context: CommandContext,
  version: string,
): Promise<void> {
  const wanted = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  for (const load of wanted === undefined ? Object.values(COMMANDS) : [wanted]) {
    const register = await load();
    register(program, context, version);
  }
}

/** Every command but the worker's, which is loaded by itself. */
import type { Command } from 'commander';
import type { CommandContext } from './command-context.ts';
import { registerIncidents } from './incidents.ts';
import { registerProxy } from './proxy.ts';
import { registerRatio } from './ratio.ts';
import { registerSequences } from './sequences.ts';
import { registerStatus } from './status.ts';
import { registerSync } from './sync.ts';

export function registerCommands(program: Command, context: CommandContext, version: string): void {
  registerProxy(program, context, version);
  registerRatio(program, context);
  registerStatus(program, context);
  registerIncidents(program, context);
  registerSync(program, context);
  registerSequences(program, context);
}

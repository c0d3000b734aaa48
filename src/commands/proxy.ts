/** `understudy proxy`: serves until it is told to end, then drains. */
import type { Command } from 'commander';
import { createLog } from '../base/log.ts';
import { loadConfig } from '../config/load.ts';
import { ProxyServer } from '../proxy/proxy-server.ts';
import { forkWorker } from '../proxy/worker-process.ts';
import { SequenceWatch } from '../sync/sequence-watch.ts';
import { CONFIG_OPTION, type CommandContext } from './command-context.ts';

export function registerProxy(program: Command, context: CommandContext, version: string): void {
  program
    .command('proxy')
    .description('relay to the old cluster and mirror to the new one, until SIGTERM or SIGINT')
    .option(CONFIG_OPTION.flags, CONFIG_OPTION.description, CONFIG_OPTION.fallback)
    .action(async (options: { config: string }) => context.exit(await serve(options.config, version)));
}

async function serve(file: string, version: string): Promise<number> {
  const config = loadConfig(file);
  const log = createLog({ level: config.logLevel });
  const proxy = new ProxyServer({
    ...{ config, log, version },
    launch: forkWorker(ownFile()),
    watch: ({ sequences }) => new SequenceWatch({ config, log, metrics: sequences }),
  });
  process.on('uncaughtException', (error) => proxy.faulted(error));
  process.on('unhandledRejection', (reason) => proxy.faulted(reason));
  const asked = untilAsked(() => proxy.hurry());
  process.on('SIGHUP', () => proxy.reload());
  await proxy.start();
  await asked;
  await proxy.drain();
  return 0;
}

/** The file that this process was started from: the workers start from the same. */
function ownFile(): string {
  const file = process.argv[1];
  if (file === undefined) throw new Error('the process does not know the file that it was started from');
  return file;
}

/** Resolves at the first SIGTERM or SIGINT; a further one calls `hurry`. */
function untilAsked(hurry: () => void): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (): void => {
      if (asked) hurry();
      asked = true;
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

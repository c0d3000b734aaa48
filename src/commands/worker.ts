/** `understudy worker`: a worker process of `understudy proxy`, which alone can start it. */
import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { ShardWorker, type SupervisorChannel } from '../proxy/shard-worker.ts';
import type { CommandContext } from './command-context.ts';

export function registerWorker(program: Command, context: CommandContext, version: string): void {
  program
    .command('worker')
    .description('serve some shards; started by "understudy proxy"')
    .action(async () => context.exit(await serve(version)));
}

/** A terminal's Ctrl-C and a service manager's SIGTERM reach every process; the supervisor alone obeys them. */
const SUPERVISORS_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

async function serve(version: string): Promise<number> {
  for (const signal of SUPERVISORS_SIGNALS) process.on(signal, () => {});
  const worker = new ShardWorker({
    channel: supervisorChannel(),
    version,
    createLog: (level) => createLog({ level }),
  });
  process.on('uncaughtException', (error) => worker.faulted(error));
  process.on('unhandledRejection', (reason) => worker.faulted(reason));
  return worker.run();
}

function supervisorChannel(): SupervisorChannel {
  if (process.send === undefined)
    throw new UsageError('worker: is started by "understudy proxy", never by hand');
  return {
    send: (news, taken) => {
      if (process.connected && process.send !== undefined)
        process.send(news, undefined, undefined, () => taken());
      else taken();
    },
    onMessage: (listener) => {
      process.on('message', listener);
    },
    onGone: (listener) => {
      // It may have gone while this process was still loading its files.
      if (process.connected) process.once('disconnect', listener);
      else queueMicrotask(listener);
    },
  };
}

/** The control group as the demo sees it. */
import { APP, type Cluster, FOLDERS } from './cluster.ts';
import type { ProbeConfig, ProbeFigures, ToProbe } from './probe-messages.ts';
import { startWorkerProcess } from './worker-process.ts';

export interface RunningProbe {
  figures(): ProbeFigures;
  /** What is timed from now on belongs to the period of this name. */
  period(name: string): void;
  check(): void;
  stop(): Promise<ProbeFigures>;
}

/** Starts it; nothing is timed before the first `period`. */
export function startProbe(cluster: Cluster): RunningProbe {
  const config: ProbeConfig = {
    shards: cluster.shards.map(({ port, old }) => ({
      database: old.database,
      directPort: old.server.port,
      proxyPort: port,
    })),
    account: APP,
    folders: FOLDERS,
  };
  let latest: ProbeFigures = { errors: 0, errorSamples: [], lines: [] };
  const worker = startWorkerProcess<ProbeFigures, ToProbe>('./probe-worker.ts', config, (figures) => {
    latest = figures;
  });
  return {
    figures: () => latest,
    period: (name) => worker.send({ type: 'period', name }),
    check() {
      const failure = worker.failure();
      if (failure !== undefined) throw new Error(`the control group failed: ${failure}`);
    },
    async stop() {
      await worker.end({ type: 'stop' });
      return latest;
    },
  };
}

/** A real Prometheus, to see what it makes of our metrics, rules and dashboards. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { type Exit, startChild } from './process.ts';
import { temporaryDirectory } from './temp.ts';

const HTTP_TIMEOUT_MS = 20_000;

export interface PrometheusOptions {
  /** `host:port` of what is scraped once a second at /metrics, as job "understudy". */
  readonly targets?: readonly string[];
  /** A whole prometheus.yml instead; `targets` and `ruleFiles` are not looked at then. */
  readonly configText?: string;
  /** Paths of rule files. */
  readonly ruleFiles?: readonly string[];
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Target {
  readonly scrapeUrl: string;
  readonly health: string;
  readonly lastError: string;
}

export interface Prometheus {
  readonly url: string;
  readonly port: number;
  /** An instant query; a scalar is one sample without labels. */
  query(promql: string): Promise<Sample[]>;
  /** The active targets with their health ("up", "down", "unknown"). */
  targets(): Promise<Target[]>;
  /** Any path of the HTTP API; its `data`. */
  api(path: string): Promise<unknown>;
  stop(): Promise<Exit>;
}

export async function startPrometheus(options: PrometheusOptions = {}): Promise<Prometheus> {
  const folder = temporaryDirectory('prometheus');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const configFile = join(folder, 'prometheus.yml');
  writeFileSync(configFile, options.configText ?? configOf(options.targets ?? [], options.ruleFiles ?? []));
  const child = await startChild({
    name: 'prometheus',
    command: 'prometheus',
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    ready: async () => (await get(`${url}/-/ready`)).ok,
  });
  const api = async (path: string): Promise<unknown> => {
    const response = await get(`${url}${path}`);
    const answer = (await response.json()) as { status: string; data?: unknown; error?: string };
    if (answer.status !== 'success')
      throw new Error(`prometheus ${path}: ${answer.error ?? response.status}`);
    return answer.data;
  };
  return {
    url,
    port,
    api,
    async query(promql) {
      return parseSamples(await api(`/api/v1/query?query=${encodeURIComponent(promql)}`));
    },
    async targets() {
      const data = (await api('/api/v1/targets?state=active')) as { activeTargets: Target[] };
      return data.activeTargets;
    },
    stop: () => child.stop(),
  };
}

function configOf(targets: readonly string[], ruleFiles: readonly string[]): string {
  // JSON is YAML.
  return JSON.stringify({
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ruleFiles,
    scrape_configs: [{ job_name: 'understudy', static_configs: [{ targets }] }],
  });
}

function parseSamples(data: unknown): Sample[] {
  type Point = [number, string];
  const { resultType, result } = data as { resultType: string; result: unknown };
  if (resultType === 'scalar') return [{ metric: {}, value: Number((result as Point)[1]) }];
  if (resultType !== 'vector') throw new Error(`an instant query gave a ${resultType}`);
  const rows = result as { metric: Record<string, string>; value: Point }[];
  return rows.map((row) => ({ metric: row.metric, value: Number(row.value[1]) }));
}

function get(url: string): Promise<Response> {
  return fetch(url, { signal: AbortSignal.timeout(HTTP_TIMEOUT_MS) });
}

/** What `deploy/` ships, read as the tests need it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { REPOSITORY } from './repository.ts';

export const PROMETHEUS_FILES = fileURLToPath(new URL('deploy/prometheus/', REPOSITORY));

const targetSchema = z.object({ refId: z.string(), expr: z.string(), legendFormat: z.string() });

const panelSchema = z.object({
  id: z.number(),
  type: z.string(),
  title: z.string(),
  description: z.string().optional(),
  datasource: z.object({ type: z.literal('prometheus'), uid: z.literal(`\${datasource}`) }).optional(),
  gridPos: z.object({ h: z.number(), w: z.number(), x: z.number(), y: z.number() }),
  targets: z.array(targetSchema).optional(),
});

const dashboardSchema = z.object({
  uid: z.string(),
  title: z.string(),
  schemaVersion: z.number(),
  templating: z.object({
    list: z.array(
      z.object({
        name: z.string(),
        type: z.string(),
        query: z.unknown(),
        definition: z.string().optional(),
      }),
    ),
  }),
  annotations: z.object({ list: z.array(z.object({ name: z.string(), expr: z.string().optional() })) }),
  panels: z.array(panelSchema),
});

export type Dashboard = z.output<typeof dashboardSchema>;

export function readDashboard(): Dashboard {
  const text = readFileSync(new URL('deploy/grafana/understudy.json', REPOSITORY), 'utf8');
  return dashboardSchema.parse(JSON.parse(text));
}

export interface Query {
  /** Where it stands: panel and target. */
  readonly place: string;
  readonly expression: string;
  /** The labels that its legend asks of the result. */
  readonly labels: readonly string[];
}

/**
 * The shipped prometheus.yml, changed only in whom it scrapes (`proxy` and `sync`, host and port each), how often, and in that
 * it finds the alerts from anywhere; and with the lines on the token, which stand in comments, in force.
 */
export function shippedPrometheusConfig(
  targets: { readonly proxy: string; readonly sync: string },
  tokenFile: string,
): string {
  const replacements: readonly (readonly [string | RegExp, string])[] = [
    ['127.0.0.1:9104', targets.proxy],
    ['127.0.0.1:9105', targets.sync],
    [/ {4}# authorization:\n {4}# {3}credentials_file:/g, '    authorization:\n      credentials_file:'],
    [/\/etc\/prometheus\/understudy-admin-token/g, tokenFile],
    ['- alerts.yml', `- ${join(PROMETHEUS_FILES, 'alerts.yml')}`],
    [/^( *scrape_interval:).*/m, '$1 250ms'],
    [/^( *scrape_timeout:).*/m, '$1 250ms'],
    [/^( *evaluation_interval:).*/m, '$1 1s'],
  ];
  return replacements.reduce(
    (text, [from, to]) => {
      if (text.search(from) < 0) throw new Error(`prometheus.yml has no ${from}`);
      return text.replace(from, to);
    },
    readFileSync(join(PROMETHEUS_FILES, 'prometheus.yml'), 'utf8'),
  );
}

/** Every panel's expressions, with all proxies and shards chosen. */
export function dashboardQueries(): Query[] {
  return readDashboard().panels.flatMap((panel) =>
    (panel.targets ?? []).map((target) => ({
      place: `${panel.title}, ${target.refId}`,
      expression: substitute(target.expr),
      labels: [...target.legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label),
    })),
  );
}

/** The metrics that the dashboard's variables are read from. */
export function dashboardVariables(): string[] {
  return readDashboard().templating.list.flatMap(({ definition }) => {
    const selector = /^label_values\((.*), \w+\)$/.exec(definition ?? '')?.[1];
    return selector === undefined ? [] : [substitute(selector)];
  });
}

/** As Grafana does it for "All" and a short time range. */
function substitute(expression: string): string {
  return expression.replaceAll('$__rate_interval', '1m').replace(/\$(?:instance|shard|service)\b/g, '.*');
}

/** The files of `deploy/` by themselves: are they valid, and do the alerts fire when they should and only then? */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROMETHEUS_FILES, readDashboard } from '../harness/deploy-files.ts';
import { REPOSITORY } from '../harness/repository.ts';

function promtool(...args: string[]): { status: number | null; output: string } {
  const done = spawnSync('promtool', args, { cwd: PROMETHEUS_FILES, encoding: 'utf8' });
  return { status: done.status, output: done.stdout + done.stderr };
}

const alertsText = () => readFileSync(join(PROMETHEUS_FILES, 'alerts.yml'), 'utf8');
const alertsTestText = () => readFileSync(join(PROMETHEUS_FILES, 'alerts.test.yml'), 'utf8');
/** One block of text for each alert, its name first. */
const alertBlocks = () => alertsText().split('- alert: ').slice(1);

describe('the Prometheus files', () => {
  it('promtool accepts the configuration and the rules', () => {
    expect(promtool('check', 'config', 'prometheus.yml')).toMatchObject({ status: 0 });
    expect(promtool('check', 'rules', 'alerts.yml')).toMatchObject({ status: 0 });
  });

  it('each alert fires on the figures that should raise it, and on no others', () => {
    const { status, output } = promtool('test', 'rules', 'alerts.test.yml');
    expect(output).toContain('SUCCESS');
    expect(status).toBe(0);
  });

  it('no alert is without such a test', () => {
    const tests = alertsTestText();
    const untested = alertBlocks().filter(
      (block) => !tests.includes(`alertname="${block.split('\n', 1)[0]}"`),
    );
    expect(untested).toEqual([]);
    expect(alertBlocks().length).toBeGreaterThanOrEqual(12);
  });

  it.each(['severity', 'summary', 'description', 'runbook'])('each alert has its %s', (field) => {
    const without = alertBlocks().filter((block) => !new RegExp(`^ +${field}: \\S`, 'm').test(block));
    expect(without).toEqual([]);
  });
});

describe('the runbook', () => {
  it('has a section for each alert', () => {
    const runbook = readFileSync(new URL('docs/operations.md', REPOSITORY), 'utf8');
    const sections = [...runbook.matchAll(/^### (.+)$/gm)].map(([, title = '']) =>
      title.toLowerCase().replaceAll(' ', '-'),
    );
    const anchors = [...alertsText().matchAll(/runbook: docs\/operations\.md#(\S+)$/gm)].map(
      ([, anchor]) => anchor,
    );
    expect(anchors).toHaveLength(alertBlocks().length);
    expect(anchors.filter((anchor) => !sections.includes(anchor ?? ''))).toEqual([]);
  });
});

describe('the Grafana dashboard', () => {
  const { panels, schemaVersion, templating } = readDashboard();
  const shown = panels.filter(({ type }) => type !== 'row');

  it('has a current schema and its four variables', () => {
    expect(schemaVersion).toBeGreaterThanOrEqual(39);
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'service', 'instance', 'shard']);
  });

  it('has panels with ids and titles of their own, described, each reading the chosen data source', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(
      shown.filter((panel) => !panel.description || !panel.datasource || !panel.targets?.length),
    ).toEqual([]);
  });

  it('has panels that do not lie over one another', () => {
    const cells = panels.flatMap(({ title, gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => ({
        title,
        at: `${x + (cell % w)},${y + Math.floor(cell / w)}`,
      })),
    );
    const seen = new Map<string, string>();
    for (const { title, at } of cells) {
      expect(seen.get(at), `${title} at ${at}`).toBeUndefined();
      seen.set(at, title);
    }
    expect(Math.max(...panels.map(({ gridPos }) => gridPos.x + gridPos.w))).toBe(24);
  });
});

/** What can be said of the Dockerfile without an engine. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readDockerfile, type Stage } from '../../scripts/image/dockerfile.ts';
import { configSchema } from '../../src/config/schema.ts';
import { repositoryPath } from '../harness/compose-files.ts';
import { REPOSITORY } from '../harness/repository.ts';

const stages = readDockerfile(repositoryPath('Dockerfile'));
const image = stages.at(-1) as Stage;
const text = (path: string) => readFileSync(new URL(path, REPOSITORY), 'utf8');
const manifest = JSON.parse(text('package.json')) as { version: string; license: string };
const DEFAULTS = configSchema.parse({
  service: 'x',
  tables: '*',
  shards: [
    {
      name: 'a',
      port: 1,
      old: { host: 'h', port: 1, database: 'd' },
      new: { host: 'h', port: 1, database: 'd' },
    },
  ],
});

describe('the Dockerfile', () => {
  it('begins every stage with one image, of one version of Node that the product takes', () => {
    expect(new Set(stages.map((stage) => stage.base)).size).toBe(1);
    const [, major = ''] = /^node:(\d+)\.\d+\.\d+-\w+-slim$/.exec(image.base) ?? [];
    // An even major becomes a long-term one.
    expect(Number(major) % 2).toBe(0);
    expect(Number(major)).toBeGreaterThanOrEqual(20);
  });

  it('copies what is there, and what the ignore file lets through, and no more', () => {
    const copied = stages.flatMap((stage) =>
      stage.steps.flatMap((step) => (step.kind === 'copy' && step.from === undefined ? step.sources : [])),
    );
    expect(copied.filter((path) => !existsSync(new URL(path, REPOSITORY)))).toEqual([]);
    const [all, ...allowed] = text('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(all).toBe('*');
    expect(new Set(allowed.map((line) => line.replace(/^!/, '')))).toEqual(new Set(copied));
  });

  it('takes from earlier stages only what these have', () => {
    const named = stages.map((stage) => stage.name);
    stages.forEach((stage, index) => {
      const from = stage.steps.flatMap((step) => (step.kind === 'copy' ? [step.from] : []));
      expect(from.filter((name) => name !== undefined && !named.slice(0, index).includes(name))).toEqual([]);
    });
  });

  it('holds production dependencies alone', () => {
    const modules = image.steps.find((step) => step.kind === 'copy' && step.target.endsWith('/node_modules'));
    const source = stages.find((stage) => modules?.kind === 'copy' && stage.name === modules.from);
    expect(source?.steps.filter((step) => step.kind === 'run').map((step) => step.command)).toEqual([
      'npm ci --omit=dev --ignore-scripts',
    ]);
  });

  it('runs as a user that an orchestrator can see is not root, and writes to its volume alone', () => {
    expect(image.user).toBe('1000:1000');
    expect(image.volumes).toEqual(['/var/lib/understudy']);
  });

  it('ends by the signal that drains, and tells whether it is well', () => {
    expect(image.stopSignal).toBe('SIGTERM');
    expect(image.healthcheck?.command.slice(0, 1)).toEqual(['node']);
    expect(image.entrypoint.at(-1)).toBe('/opt/understudy/dist/main.js');
  });

  it('names its own version and licence', () => {
    expect(image.labels['org.opencontainers.image.version']).toBe(manifest.version);
    expect(image.labels['org.opencontainers.image.licenses']).toBe(manifest.license);
  });

  it('exposes the admin port that is the default, which its health check takes too', () => {
    expect(image.ports).toEqual([DEFAULTS.admin.port]);
    const { host, port } = DEFAULTS.admin;
    expect(text('deploy/docker/healthcheck.mjs')).toContain(`{ host: '${host}', port: ${port} }`);
  });
});

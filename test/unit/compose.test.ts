/** docker-compose.yml, what it mounts, and Grafana's provisioning: does each name what the others have? */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readDockerfile } from '../../scripts/image/dockerfile.ts';
import { parseConfig } from '../../src/config/load.ts';
import { FILES_A_CLIENT, filesOfItsOwn } from '../../src/proxy/client-room.ts';
import { initTables, mountsOf, readCompose, repositoryPath, serviceOf } from '../harness/compose-files.ts';
import { readDashboard } from '../harness/deploy-files.ts';
import { REPOSITORY } from '../harness/repository.ts';

const compose = readCompose();
const services = Object.entries(compose.services);
const text = (path: string) => readFileSync(repositoryPath(path), 'utf8');
const manifest = JSON.parse(text('package.json')) as { version: string };
const config = parseConfig(text('deploy/compose/proxy.config.json'), 'deploy/compose/proxy.config.json');
const understudy = serviceOf(compose, 'understudy');

describe('each service', () => {
  it.each(services)('%s has a pinned image', (_, { image }) => {
    expect(image).toMatch(/^[\w./-]+:v?\d+\.\d+\.\d+$/);
  });

  it.each(services)('%s writes to volumes alone, has no capability, and can gain no right', (_, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
  });

  it.each(services)(
    '%s mounts what is there: files read-only, and volumes that are declared',
    (_, service) => {
      for (const { source, mode } of mountsOf(service)) {
        if (source.startsWith('./')) {
          expect(existsSync(new URL(source, REPOSITORY)), source).toBe(true);
          expect(mode, source).toBe('ro');
        } else expect(compose.volumes).toHaveProperty(source);
      }
    },
  );

  it.each(services)('%s names secrets, networks and services that are declared', (_, service) => {
    expect(service.secrets.filter((name) => !(name in compose.secrets))).toEqual([]);
    expect(service.networks.filter((name) => !(name in compose.networks))).toEqual([]);
    const waitedFor = Object.keys(service.depends_on);
    expect(waitedFor.filter((name) => !(name in compose.services))).toEqual([]);
    // To wait for health without a health check is to wait for ever; the proxy's stands in its image.
    const blind = waitedFor.filter(
      (name) => name !== 'understudy' && compose.services[name]?.healthcheck === undefined,
    );
    expect(blind).toEqual([]);
  });

  it.each(services)('%s is published on loopback, if at all', (_, { ports }) => {
    expect(ports.filter((port) => !/^127\.0\.0\.1:(\d+):\1$/.test(port))).toEqual([]);
  });

  it.each(services)('%s has no secret in its settings', (_, { environment, command = [] }) => {
    const settings = Object.keys(environment).filter((name) => /PASSWORD|TOKEN|SECRET/.test(name));
    expect(settings.filter((name) => !environment[name]?.startsWith('/run/secrets/'))).toEqual([]);
    expect(command.filter((word) => /password|token/i.test(word))).toEqual([]);
  });
});

describe('the secrets', () => {
  it('are those that the script makes, and git leaves them out', () => {
    const script = text('deploy/compose/make-secrets.sh').replace(/\\\n/g, ' ');
    const [, made = ''] = /^for name in (.+); do$/m.exec(script) ?? [];
    expect(made.trim().split(/\s+/).sort()).toEqual(Object.keys(compose.secrets).sort());
    const files = Object.entries(compose.secrets);
    expect(files.filter(([name, { file }]) => file !== `deploy/compose/secrets/${name}`)).toEqual([]);
    expect(text('.gitignore').split('\n')).toContain('deploy/compose/secrets/');
  });

  it('are given to the services whose files read them', () => {
    const read = (path: string) =>
      [...text(path).matchAll(/(?:\/run\/secrets\/|escaped )([\w-]+)/g)].map(([, name]) => name);
    for (const [service, paths] of [
      ['understudy', ['deploy/compose/proxy.config.json']],
      ['prometheus', ['deploy/compose/prometheus.yml']],
      ['prometheus', ['deploy/compose/prometheus.yml']],
      ['old', ['deploy/compose/init/old/20-accounts.sh']],
      ['new', ['deploy/compose/init/new/20-accounts.sh']],
    ] as const) {
      const wanted = paths.flatMap(read);
      expect(wanted.length, service).toBeGreaterThan(0);
      expect(wanted.filter((name) => !serviceOf(compose, service).secrets.includes(name ?? ''))).toEqual([]);
    }
    for (const [name, { environment, secrets }] of services) {
      const wanted = Object.values(environment).flatMap(
        (value) => value.match(/(?<=^\/run\/secrets\/).+/) ?? [],
      );
      expect(
        wanted.filter((secret) => !secrets.includes(secret)),
        name,
      ).toEqual([]);
    }
  });
});

describe('the proxy', () => {
  it('is the image of this version, and its file stands where the image looks for it', () => {
    expect(understudy.image).toBe(`understudy:${manifest.version}`);
    const { command } = readDockerfile(repositoryPath('Dockerfile')).at(-1) ?? { command: [] };
    expect(mountsOf(understudy).map(({ target }) => target)).toContain(command.at(-1));
  });

  it('publishes the ports of its shards, and no other', () => {
    const published = understudy.ports.map((port) => Number(port.split(':').at(-1)));
    expect(published).toEqual(config.shards.map((shard) => shard.port));
  });

  it('reaches services by their names, on networks that both are in', () => {
    const ends = config.shards.flatMap((shard) => [shard.old, shard.new]);
    const etcd = (config.etcd?.hosts ?? []).map((host) => new URL(host));
    for (const name of [...ends.map(({ host }) => host), ...etcd.map(({ hostname }) => hostname)]) {
      expect(
        serviceOf(compose, name).networks.some((network) => understudy.networks.includes(network)),
        name,
      ).toBe(true);
    }
    expect(new Set(ends.map(({ port }) => port))).toEqual(new Set([3306]));
    const listening = serviceOf(compose, 'etcd').command?.find((word) =>
      word.startsWith('--listen-client-urls='),
    );
    expect(etcd.map(({ port }) => port)).toEqual([listening?.split(':').at(-1)]);
  });

  it('can be reached from outside of its container, on the admin port with a token', () => {
    expect(config.listen.host).toBe('0.0.0.0');
    expect(config.admin).toMatchObject({ host: '0.0.0.0', token: { file: '/run/secrets/admin-token' } });
  });

  it('keeps its journal on the volume', () => {
    const volume = mountsOf(understudy).find(({ source }) => source === 'journal');
    expect(config.journal.directory.startsWith(`${volume?.target}/`)).toBe(true);
  });

  it('has the time to drain, and the files for its clients', () => {
    const graceMs = Number(understudy.stop_grace_period?.replace(/s$/, '')) * 1000;
    expect(graceMs).toBeGreaterThanOrEqual(config.drainTimeoutMs + 10_000);
    const clients = config.maxConnections * config.shards.length;
    const own = filesOfItsOwn(config.shards.length, config.lanes.perShard);
    expect(understudy.ulimits?.nofile).toBeGreaterThanOrEqual(clients * FILES_A_CLIENT + own);
  });

  it('finds the tables that it is to mirror on both sides, MyISAM here and InnoDB there', () => {
    for (const [side, engine] of [
      ['old', 'MyISAM'],
      ['new', 'InnoDB'],
    ] as const) {
      const made = tablesOf(initTables(side));
      const wanted = config.shards.flatMap((shard) =>
        Object.keys(config.tables).map((table) => `${shard[side].database} ${table} ${engine}`),
      );
      expect(wanted.filter((table) => !made.includes(table))).toEqual([]);
    }
  });
});

/** Each as `database table engine`. */
function tablesOf(sql: string): string[] {
  let [database, engine]: [string?, string?] = [];
  const words = sql.matchAll(/^(?:USE (\w+)|SET default_storage_engine = (\w+)|CREATE TABLE (\w+))/gm);
  return [...words].flatMap(([, used, set, table]) => {
    database = used ?? database;
    engine = set ?? engine;
    return table === undefined ? [] : [`${database} ${table} ${engine}`];
  });
}

describe('the init files', () => {
  it('are read in by the entrypoint, not run: only then do they have its functions', () => {
    for (const side of ['old', 'new']) {
      const folder = repositoryPath(`deploy/compose/init/${side}`);
      const runnable = readdirSync(folder).filter(
        (name) => (statSync(join(folder, name)).mode & 0o111) !== 0,
      );
      expect(runnable).toEqual([]);
    }
  });
});

describe('what Prometheus scrapes and Grafana shows', () => {
  const scraped = parse(text('deploy/compose/prometheus.yml'));
  const shipped = parse(text('deploy/prometheus/prometheus.yml'));
  const { datasources } = parse(text('deploy/grafana/provisioning/datasources/prometheus.yml'));
  const { providers } = parse(text('deploy/grafana/provisioning/dashboards/understudy.yml'));
  const grafana = serviceOf(compose, 'grafana');

  it('are the jobs of the shipped file: the proxy’s admin port, and that of a sync beside it', () => {
    expect(scraped.global).toEqual(shipped.global);
    expect(scraped.rule_files).toEqual(shipped.rule_files);
    const { file } = config.admin.token as { file: string };
    const portOf = ([scrape]: { targets: string[] }[]) => scrape?.targets[0]?.split(':')[1];
    expect(portOf(shipped.scrape_configs[0].static_configs)).toBe(String(config.admin.port));
    expect(scraped.scrape_configs).toEqual(
      shipped.scrape_configs.map(
        ({ job_name, static_configs }: { job_name: string; static_configs: { targets: string[] }[] }) => ({
          job_name,
          authorization: { credentials_file: file },
          static_configs: [{ targets: [`understudy:${portOf(static_configs)}`] }],
        }),
      ),
    );
  });

  it('finds a sync that can write down where it is', () => {
    const volumes = mountsOf(serviceOf(compose, 'understudy')).filter(({ source }) => source === 'journal');
    expect(volumes.some(({ target }) => config.sync.checkpoint.startsWith(`${target}/`))).toBe(true);
  });

  it('comes with the alerts beside the configuration', () => {
    const targets = mountsOf(serviceOf(compose, 'prometheus')).map(({ target }) => target);
    expect(targets).toEqual(
      expect.arrayContaining(['/etc/prometheus/prometheus.yml', '/etc/prometheus/alerts.yml']),
    );
  });

  it('is read from the one data source, which the dashboard takes by default', () => {
    expect(datasources).toHaveLength(1);
    expect(datasources[0]).toMatchObject({ type: 'prometheus', isDefault: true });
    const url = new URL(datasources[0].url);
    expect(
      serviceOf(compose, url.hostname).networks.some((network) => grafana.networks.includes(network)),
    ).toBe(true);
    expect(serviceOf(compose, url.hostname).ports).toContain(`127.0.0.1:${url.port}:${url.port}`);
    const chosen = readDashboard().templating.list.find(({ name }) => name === 'datasource');
    expect(chosen).toMatchObject({ type: 'datasource', query: datasources[0].type });
  });

  it('is the shipped dashboard, in the folder that the provider reads', () => {
    const mounted = mountsOf(grafana).find(({ source }) => source === './deploy/grafana/understudy.json');
    expect(mounted?.target.startsWith(`${providers[0].options.path}/`)).toBe(true);
    expect(grafana.environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH).toBe(mounted?.target);
  });
});

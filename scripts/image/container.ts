/**
 * Runs an image's command as a container engine would with `--read-only --cap-drop=ALL
 * --security-opt=no-new-privileges`: as process 1 of its own processes, as the image's user, on a root that can't
 * be written, with its volumes. The network is this machine's.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type CliResult, runCommand } from '../../test/harness/cli.ts';
import { type Child, startChild } from '../../test/harness/process.ts';
import { waitFor } from '../../test/harness/wait.ts';
import { PATH } from './build.ts';
import type { Stage } from './dockerfile.ts';
import { firstChild, OWN_NAMESPACES } from './namespaces.ts';

export interface ContainerOptions {
  /** The image's folder; mount points are made in it. */
  readonly root: string;
  readonly image: Stage;
  /** What is mounted: a path of this machine, its place in the container, and whether it may be written. */
  readonly mounts: readonly {
    readonly source: string;
    readonly target: string;
    readonly mode: 'ro' | 'rw';
  }[];
  /** Instead of the image's CMD. */
  readonly command?: readonly string[];
  /** Instead of the image's ENTRYPOINT. */
  readonly entrypoint?: readonly string[];
}

export interface Container {
  readonly child: Child;
  /** The number that this machine knows its process 1 by. */
  readonly pid: number;
  /** Runs a command in it, as `docker exec` does. */
  exec(command: readonly string[]): Promise<CliResult>;
}

/** Starts it in the background; it ends with this process, however that ends. */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  makeMountPoints(options);
  const child = await startChild({
    name: 'container',
    command: 'unshare',
    args: containerArguments(options),
  });
  const pid = await waitFor(() => firstChild(child.pid), { what: 'the container to have a process' });
  const user = asUser(options.image);
  return {
    child,
    pid,
    exec: (command) =>
      runCommand('nsenter', [
        ...['--target', String(pid), '--mount', '--pid', '--root', '--wd', '--'],
        ...[...user, ...environment(options.image), ...command],
      ]),
  };
}

/** Runs it to its end. */
export function runContainer(options: ContainerOptions): Promise<CliResult> {
  makeMountPoints(options);
  return runCommand('unshare', containerArguments(options));
}

function containerArguments({ root, image, mounts, command, entrypoint }: ContainerOptions): string[] {
  const setUp = [
    'set -e',
    'mount --make-rprivate /',
    `mount --bind '${root}' '${root}'`,
    ...mounts.map(({ source, target }) => `mount --bind '${source}' '${root}${target}'`),
    `mount -o remount,bind,ro '${root}'`,
    ...mounts
      .filter(({ mode }) => mode === 'ro')
      .map(({ target }) => `mount -o remount,bind,ro '${root}${target}'`),
    `mount -t proc proc '${root}/proc'`,
    `exec chroot '${root}' "$@"`,
  ].join('\n');
  const words = [...(entrypoint ?? image.entrypoint), ...(command ?? image.command)];
  // The folder is entered by a shell that then becomes the command: it leaves no process in between.
  const inFolder = ['/bin/sh', '-c', `cd '${image.folder}' && exec "$@"`, 'sh', ...words];
  return [
    ...[...OWN_NAMESPACES, '--', '/bin/sh', '-c', setUp, 'sh'],
    ...[...asUser(image), ...environment(image), ...inFolder],
  ];
}

/** The image's user, and not one right more. What kills the parent kills it, too. */
function asUser({ user }: Stage): string[] {
  const [uid = '', gid = ''] = user?.split(':') ?? [];
  return [
    ...['/usr/bin/setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--inh-caps=-all'],
    ...['--bounding-set=-all', '--no-new-privs', '--pdeathsig=KILL', '--'],
  ];
}

function environment({ env }: Stage): string[] {
  const words = Object.entries({ PATH, HOME: '/home/node', ...env }).map(
    ([name, value]) => `${name}=${value}`,
  );
  return ['/usr/bin/env', '-i', ...words];
}

function makeMountPoints({ root, mounts }: ContainerOptions): void {
  for (const { source, target } of mounts) {
    const place = join(root, target);
    if (source.endsWith('/')) mkdirSync(place, { recursive: true });
    else {
      mkdirSync(dirname(place), { recursive: true });
      closeSync(openSync(place, 'a'));
    }
  }
}

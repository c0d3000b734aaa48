/** A system whose process 1 is systemd, in namespaces of its own; the network is this machine's. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type CliResult, runCommand } from '../../test/harness/cli.ts';
import { type Child, startChild } from '../../test/harness/process.ts';
import { waitFor } from '../../test/harness/wait.ts';
import { firstChild, OWN_NAMESPACES } from './namespaces.ts';

const BOOT_TIMEOUT_MS = 120_000;
/** What concerns the machine rather than its services is left alone. */
const MASKED = [
  ...['systemd-sysctl.service', 'systemd-modules-load.service', 'systemd-remount-fs.service'],
  ...['sys-kernel-debug.mount', 'sys-kernel-tracing.mount', 'sys-fs-fuse-connections.mount'],
  ...['dev-hugepages.mount', 'proc-sys-fs-binfmt_misc.automount', 'systemd-udevd.service'],
];

export interface SystemdSystem {
  /** Runs a command in it as root. */
  exec(command: readonly string[]): Promise<CliResult>;
  /** Ends everything in it at once. */
  destroy(): Promise<void>;
}

/** Boots the system in `root`, which is written to. */
export async function bootSystemd(root: string): Promise<SystemdSystem> {
  for (const name of MASKED) symlinkSync('/dev/null', join(root, 'etc/systemd/system', name));
  const group = makeGroup();
  const child = await startChild({
    name: 'systemd',
    command: '/bin/sh',
    args: ['-c', 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"', 'sh', group, ...bootCommand(root)],
  });
  const pid = await waitFor(() => firstChild(child.pid), { what: 'systemd to have a process' });
  const exec = (command: readonly string[]) => {
    const namespaces = ['--mount', '--pid', '--uts', '--ipc', '--cgroup', '--root', '--wd'];
    return runCommand('nsenter', ['--target', String(pid), ...namespaces, '--', ...command]);
  };
  const destroy = () => end(child, group);
  try {
    await waitFor(
      async () => /^(?:running|degraded)/.test((await exec(['systemctl', 'is-system-running'])).stdout),
      {
        timeoutMs: BOOT_TIMEOUT_MS,
        what: 'systemd to have booted',
      },
    );
  } catch (error) {
    await destroy();
    throw new Error(`${String(error)}\n${child.stdout()}${child.stderr()}`);
  }
  return { exec, destroy };
}

/** The kernel's own settings can be seen, not changed: they are this machine's. */
function bootCommand(root: string): string[] {
  const setUp = [
    'set -e',
    'mount --make-rprivate /',
    `mount --bind '${root}' '${root}'`,
    `mount -t proc proc '${root}/proc'`,
    `mount --bind '${root}/proc/sys' '${root}/proc/sys'`,
    `mount -o remount,bind,ro '${root}/proc/sys'`,
    `mount -t tmpfs tmpfs '${root}/sys'`,
    `mkdir -p '${root}/sys/fs/cgroup'`,
    `mount -t cgroup2 cgroup2 '${root}/sys/fs/cgroup'`,
    `mount -t tmpfs tmpfs '${root}/run'`,
    `mount -t tmpfs tmpfs '${root}/tmp'`,
    // By this a service sees the credentials that systemd mounts for it.
    `mount --make-rshared '${root}'`,
    `exec chroot '${root}' /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
      /usr/lib/systemd/systemd --system --unit=basic.target`,
  ].join('\n');
  return ['unshare', ...OWN_NAMESPACES, '--uts', '--ipc', '--cgroup', '--', '/bin/sh', '-c', setUp];
}

/** A control group of its own, below which systemd makes those of its services. */
function makeGroup(): string {
  const line = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .find((mount) => mount.split(' ')[2] === 'cgroup2');
  const mount = line?.split(' ')[1];
  if (mount === undefined)
    throw new Error('this machine has no cgroup2 mounted, without which systemd does not start');
  const group = join(mount, `understudy-${process.pid}`);
  mkdirSync(group);
  return group;
}

async function end(child: Child, group: string): Promise<void> {
  await child.kill9();
  await waitFor(() => !existsSync(group) || readFileSync(join(group, 'cgroup.procs'), 'utf8') === '', {
    what: 'the processes of systemd to be gone',
  });
  await waitFor(() => removeGroup(group), { what: 'the control group to be removed' });
}

/** A folder of a control group can be removed, its files can't. */
function removeGroup(group: string): true {
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(join(group, entry.name));
  }
  rmdirSync(group);
  return true;
}

/** A file of the system, owned by root; `path` is below the root. */
export function installFile(root: string, path: string, text: string, mode: number): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
}

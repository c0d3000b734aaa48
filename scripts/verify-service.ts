/**
 * `npm run verify:service`: asks systemd itself whether it takes the shipped unit, and how exposed it is.
 * Exit 1: it does not, or the unit is more exposed than `EXPOSURE_MAX`; 2: systemd is not here.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { repositoryPath } from '../test/harness/compose-files.ts';
import { temporaryDirectory } from '../test/harness/temp.ts';
import { UNIT_PATH } from '../test/harness/unit-file.ts';

/** systemd's own scale: 0 is nothing, 10 all; it calls up to 1.9 "OK". */
const EXPOSURE_MAX = 1.9;
const PROGRAM = '/usr/bin/understudy';

function analyze(...args: string[]): { status: number | null; output: string } {
  const done = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  if (done.error !== undefined) {
    process.stderr.write(
      'There is no systemd-analyze here. On Debian run:\n  apt-get install -y --no-install-recommends systemd\n',
    );
    process.exit(2);
  }
  return { status: done.status, output: done.stdout + done.stderr };
}

/** The shipped unit, changed only in the program, which need not be installed where this runs. */
function placedUnit(): string {
  const text = readFileSync(repositoryPath(UNIT_PATH), 'utf8');
  if (!text.includes(`ExecStart=${PROGRAM} `)) throw new Error(`${UNIT_PATH} does not start ${PROGRAM}`);
  const path = join(temporaryDirectory('unit'), basename(UNIT_PATH));
  writeFileSync(path, text.replace(PROGRAM, process.execPath));
  return path;
}

const unit = placedUnit();
const verified = analyze('verify', '--man=no', unit);
process.stdout.write(verified.output);
const judged = analyze('security', '--offline=true', '--no-pager', unit);
const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(judged.output)?.[1] ?? Number.NaN);
const well = verified.status === 0 && verified.output === '' && exposure <= EXPOSURE_MAX;
process.stdout.write(
  `systemd ${well ? 'takes' : 'does not take'} ${UNIT_PATH}; exposure ${exposure} of 10\n`,
);
process.exitCode = well ? 0 : 1;

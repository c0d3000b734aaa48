/** The files that a sync is told of: what is wrong with them is to be known before it works for hours. */
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, UsageError } from '../base/errors.ts';

export interface SyncFiles {
  readonly report: string | undefined;
  /** With the name of what told of it. */
  readonly pause: { readonly file: string; readonly from: string } | undefined;
}

/** Throws UsageError with every fault. */
export async function checkFiles({ report, pause }: SyncFiles): Promise<void> {
  const faults = [
    report === undefined ? null : await reportFault(report),
    pause === undefined ? null : await pauseFault(pause),
  ].filter((fault) => fault !== null);
  if (faults.length > 0) throw new UsageError(faults.join('\n'));
}

async function reportFault(file: string): Promise<string | null> {
  try {
    const found = await stat(file).catch(() => null);
    if (found?.isDirectory() === true) return `--report: ${file} is a folder; name a file in it`;
    await access(found === null ? dirname(file) : file, constants.W_OK);
    return null;
  } catch (error) {
    return `--report: ${file} can’t be written: ${messageOf(error)}`;
  }
}

async function pauseFault({
  file,
  from,
}: {
  readonly file: string;
  readonly from: string;
}): Promise<string | null> {
  try {
    const folder = await stat(dirname(file));
    return folder.isDirectory() ? null : `${from}: ${dirname(file)} is no folder`;
  } catch (error) {
    return `${from}: nobody can put the file ${file} there: ${messageOf(error)}`;
  }
}

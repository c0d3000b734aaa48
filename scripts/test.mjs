/**
 * `node scripts/test.mjs [unit] [integration] [chaos|chaos-short] [-- vitest's own arguments]`
 * Makes the machine ready, builds, runs vitest, and ends with one plain line:
 * `N passed, N failed` (or with `, N skipped`). Exit 1 on a failure, and where no test ran.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const PROJECTS = { unit: 'unit', integration: 'integration', chaos: 'chaos', 'chaos-short': 'chaos' };

const given = process.argv.slice(2);
const dashes = given.indexOf('--');
const sets = dashes < 0 ? given : given.slice(0, dashes);
const passedOn = dashes < 0 ? [] : given.slice(dashes + 1);
const unknown = sets.filter((set) => !(set in PROJECTS));
if (unknown.length > 0) {
  process.stderr.write(`unknown set "${unknown[0]}": take ${Object.keys(PROJECTS).join(', ')}\n`);
  process.exit(2);
}
const wanted = sets.length > 0 ? sets : ['unit'];

await bootstrap(wanted.every((set) => set === 'unit') ? null : 'test');
const folder = mkdtempSync(join(tmpdir(), 'understudy-report-'));
try {
  const report = join(folder, 'report.json');
  const code = await runVitest(report);
  process.exitCode = summarise(report, code);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function runVitest(report) {
  const args = [
    join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    ...wanted.map((set) => `--project=${PROJECTS[set]}`),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...passedOn,
  ];
  const env = { ...process.env };
  if (wanted.includes('chaos-short')) env.UNDERSTUDY_CHAOS = 'short';
  const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** Prints the last line; returns the exit code. */
function summarise(report, code) {
  const { passed, failed, skipped } = count(readReport(report));
  // An error outside every test fails the run though no test failed: it must show in the count.
  const failures = failed === 0 && code !== 0 && passed > 0 ? 1 : failed;
  if (passed + failed === 0) process.stdout.write('No test ran.\n');
  else if (failures !== failed) process.stdout.write('The run failed outside its tests; see above.\n');
  process.stdout.write(`${passed} passed, ${failures} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  return code !== 0 || failures > 0 || passed === 0 ? 1 : 0;
}

function readReport(report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return { testResults: [] };
  }
}

function count(report) {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for (const file of report.testResults) {
    for (const { status } of file.assertionResults) {
      totals[status === 'passed' || status === 'failed' ? status : 'skipped'] += 1;
    }
    // A file that could not be loaded, or whose hooks failed, holds no failed test of its own.
    const failedTests = file.assertionResults.some(({ status }) => status === 'failed');
    if (file.status === 'failed' && !failedTests) totals.failed += 1;
  }
  return totals;
}

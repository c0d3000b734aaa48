/** `npm run memory`: what 1,000 idle connections and a stalled reader cost, held against their bounds. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from './machine.ts';
import { CONNECTIONS, measureIdle, measureStalled } from './memory-measure.ts';
import { type MemoryResults, passedBounds, renderMemory, withMemory } from './memory-page.ts';
import { startClusters } from './memory-stage.ts';
import { PERFORMANCE_PAGE } from './performance-page.ts';

const USAGE = `usage: npm run memory -- [--docs]
  --docs    write the figures into docs/performance.md
`;
const WORKERS = [1, 2] as const;

async function run(args: readonly string[]): Promise<number> {
  const docs = wantsDocs(args);
  if (docs === null) {
    process.stderr.write(USAGE);
    return 2;
  }
  const results = await measureAll();
  process.stdout.write(`${renderMemory(results)}\n`);
  if (docs) writeFileSync(PERFORMANCE_PAGE, withMemory(readFileSync(PERFORMANCE_PAGE, 'utf8'), results));
  const faults = passedBounds(results);
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  return faults.length === 0 ? 0 : 1;
}

async function measureAll(): Promise<MemoryResults> {
  const about = await describeAll();
  const server = await startClusters(2 * CONNECTIONS);
  try {
    const idle = [];
    for (const workers of WORKERS) {
      process.stderr.write(`memory: idle connections, workers ${workers}\n`);
      idle.push(await measureIdle(server, workers));
    }
    process.stderr.write('memory: a stalled reader\n');
    return { about, idle, stalled: await measureStalled(server) };
  } finally {
    await server.destroy();
  }
}

async function describeAll(): Promise<string[]> {
  const [machine, commit] = [await describeMachine(), await describeCommit()];
  const day = new Date().toISOString().slice(0, 10);
  return [
    `**When:** ${day}, commit ${commit}.`,
    `**On:** Linux ${machine.kernel}, Node ${machine.node}, MariaDB ${machine.mariadb}, ${machine.cores} cores.`,
  ];
}

/** Null where the arguments are wrong. */
function wantsDocs(args: readonly string[]): boolean | null {
  try {
    return parseArgs({ args: [...args], options: { docs: { type: 'boolean', default: false } } }).values.docs;
  } catch {
    return null;
  }
}

// Through process.exit, so that the servers and the temporary folders go at once.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.exit(await run(process.argv.slice(2)));

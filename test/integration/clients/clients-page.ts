/** The table of docs/clients.md, made of what a run of the matrix found. */
import { readFileSync, writeFileSync } from 'node:fs';
import { REPOSITORY } from '../../harness/repository.ts';
import { type Client, type Sample, STEPS, type Step } from './client.ts';

const PAGE = new URL('docs/clients.md', REPOSITORY);
const BEGIN = '<!-- The matrix begins here: npm run clients -- --docs writes it. -->';
const END = '<!-- The matrix ends here. -->';

const OWN_FEATURES = '### Beyond the steps of all';

export interface ClientsTable {
  readonly clients: readonly string[];
  readonly steps: readonly string[];
  /** `driver: feature`. */
  readonly features: readonly string[];
  /** By client and step: what stands in the field. */
  field(client: string, step: string): string | undefined;
}

/** `works`: the step came out as it must on both old servers. */
export function writeClientsPage(
  clients: readonly Client[],
  samples: readonly Sample[],
  versions: ReadonlyMap<string, string>,
  works: (client: string, step: Step) => boolean,
): void {
  const page = readFileSync(PAGE, 'utf8');
  const [before, after] = [page.split(BEGIN)[0], page.split(END)[1]];
  if (before === undefined || after === undefined) throw new Error('docs/clients.md has lost its marks');
  const notes = new Notes();
  const rows = clients.map((client) => {
    const fields = STEPS.map((step) => fieldOf(client, step, works(client.id, step), notes));
    return `| ${[client.name, ...fields].join(' | ')} |`;
  });
  const table = [`| client | ${STEPS.join(' | ')} |`, `|---|${STEPS.map(() => ':-:|').join('')}`, ...rows];
  const list = clients.map(({ id, name }) => `- ${name}: ${versions.get(id) ?? 'not run'}`);
  const own = samples.map(
    ({ name, features }) => `${name}:\n\n${features.map((feature) => `- ${feature}`).join('\n')}`,
  );
  const parts = [
    table.join('\n'),
    notes.list(),
    `Versions of that run:\n\n${list.join('\n')}`,
    OWN_FEATURES,
    ...own,
  ];
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${parts.join('\n\n')}\n\n${END}${after}`);
}

/** The table as the page has it now. */
export function readClientsPage(): ClientsTable {
  const page = readFileSync(PAGE, 'utf8');
  const [matrix = ''] = (page.split(BEGIN)[1] ?? '').split(END);
  const rows = matrix
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.slice(2, -2).split(' | '));
  const [head = [], ...clients] = rows;
  const steps = head.slice(1);
  let driver = '';
  const features: string[] = [];
  for (const line of (matrix.split(OWN_FEATURES)[1] ?? '').split('\n')) {
    if (line.startsWith('- ')) features.push(`${driver}: ${line.slice(2)}`);
    else if (line.endsWith(':')) driver = line.slice(0, -1);
  }
  return {
    features,
    clients: clients.map(([name = '']) => name),
    steps,
    field: (client, step) => clients.find(([name]) => name === client)?.[steps.indexOf(step) + 1],
  };
}

/** What a step that the client has not shows. */
export const LACKING = '–';

function fieldOf(client: Client, step: Step, works: boolean, notes: Notes): string {
  const lack = client.lacks[step];
  if (lack !== undefined) return `${LACKING}${notes.mark(lack)}`;
  const unmirrored = client.unmirrored[step];
  return `${works ? 'yes' : 'no'}${unmirrored === undefined ? '' : notes.mark(unmirrored)}`;
}

/** Foot-notes, each text once. */
class Notes {
  readonly #texts: string[] = [];

  mark(text: string): string {
    if (!this.#texts.includes(text)) this.#texts.push(text);
    return `<sup>${this.#texts.indexOf(text) + 1}</sup>`;
  }

  list(): string {
    return this.#texts
      .map((text, index) => `${index + 1}. ${text[0]?.toUpperCase()}${text.slice(1)}.`)
      .join('\n');
  }
}

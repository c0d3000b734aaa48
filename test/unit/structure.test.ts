/** The design's order of folders, and the house rules that a program can check. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LINES_MAX = 400;

/** Imports go only down this list; folders on one line never import each other. */
const ORDER: readonly (readonly string[])[] = [
  ['commands'],
  ['cutover'],
  ['sync', 'proxy'],
  ['mirror'],
  ['journal'],
  ['control'],
  ['observe'],
  ['sql', 'wire'],
  ['config'],
  ['base'],
];
/** What stands around `src`, by the folders that it may import of. */
const AROUND: Readonly<Record<string, readonly string[]>> = {
  'test/harness': ['src'],
  bench: ['src', 'test/harness'],
  scripts: ['src', 'test/harness', 'bench'],
};
/** Bytes in, facts out: these know of no configuration. */
const PURE = ['sql', 'wire'];
const IMPURE = /\b(?:Date\.now|new Date|performance\.now|Math\.random|setTimeout|setInterval|setImmediate)\b/;
/** node:module is how a CommonJS package is loaded. */
const PURE_BUILTINS = ['node:buffer', 'node:crypto', 'node:module'];

interface Source {
  /** Path below its folder, with "/". */
  readonly path: string;
  readonly text: string;
  /** Paths below that folder of the files it imports, also for types alone. */
  readonly imports: readonly string[];
  /** What it imports that is no file of ours. */
  readonly packages: readonly string[];
}

const sources = readSources('src');

describe('the order of the folders', () => {
  it('has sources to look at', () => {
    expect(sources.length).toBeGreaterThan(5);
  });

  it('holds every folder of src', () => {
    const folders = new Set(sources.map((source) => folderOf(source.path)));
    folders.delete('');
    expect([...folders].filter((folder) => rankOf(folder) < 0)).toEqual([]);
  });

  it('is kept by every import', () => {
    expect(sources.flatMap((source) => source.imports.flatMap((to) => orderFault(source.path, to)))).toEqual(
      [],
    );
  });

  it('has main.ts on top, which nothing imports', () => {
    expect(
      sources.filter((source) => source.imports.includes('main.ts')).map((source) => source.path),
    ).toEqual([]);
    expect(sources.filter((source) => folderOf(source.path) === '').map((source) => source.path)).toEqual([
      'main.ts',
    ]);
  });

  it.each(['src', 'bench', 'scripts', 'test'])('has no import circle: %s', (folder) => {
    expect(findCircles(new Map(readSources(folder).map(({ path, imports }) => [path, imports])))).toEqual([]);
  });

  it.each(Object.entries(AROUND))('is kept around src too: %s', (folder, allowed) => {
    const wrong = readSources(folder).flatMap(({ path, imports }) =>
      imports
        .filter((to) => to.startsWith('../'))
        .map((to) => join(folder, to))
        .filter((to) => !allowed.some((other) => to.startsWith(`${other}/`)))
        .map((to) => `${folder}/${path} imports ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  it('finds the faults it looks for', () => {
    expect(orderFault('wire/a.ts', 'sql/b.ts')).toHaveLength(1);
    expect(orderFault('base/a.ts', 'config/b.ts')).toHaveLength(1);
    expect(orderFault('wire/a.ts', 'config/b.ts')).toHaveLength(1);
    expect(orderFault('mirror/a.ts', 'wire/b.ts')).toEqual([]);
    const circle = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['a']],
    ]);
    expect(findCircles(circle)).toEqual(['a > b > c > a']);
    expect(importsOf("import type { A } from '../x/a.ts';\nexport * from './b.ts';")).toEqual([
      '../x/a.ts',
      './b.ts',
    ]);
    expect(importsOf("import {\n  a,\n} from './a.ts';\nconst b = await import('./b.ts');")).toEqual([
      './a.ts',
      './b.ts',
    ]);
  });
});

describe('house rules', () => {
  it(`no file has more than ${LINES_MAX} lines`, () => {
    const long = sources.filter((source) => source.text.split('\n').length - 1 > LINES_MAX);
    expect(long.map((source) => source.path)).toEqual([]);
  });

  it('file names are kebab-case nouns', () => {
    const odd = sources.filter((source) => !/^(?:[a-z]+\/)?[a-z0-9]+(?:-[a-z0-9]+)*\.ts$/.test(source.path));
    expect(odd.map((source) => source.path)).toEqual([]);
  });

  it('only main.ts ends the process', () => {
    const ending = sources.filter((source) => /process\.exit\(/.test(source.text));
    expect(ending.map((source) => source.path).filter((path) => path !== 'main.ts')).toEqual([]);
  });

  it('wire/ and sql/ have no sockets, clocks or dice', () => {
    const pure = sources.filter((source) => PURE.includes(folderOf(source.path)));
    const outside = pure.flatMap((source) =>
      source.packages
        .filter((name) => name.startsWith('node:') && !PURE_BUILTINS.includes(name))
        .map((name) => `${source.path} imports ${name}`),
    );
    expect(outside).toEqual([]);
    expect(
      pure.filter((source) => IMPURE.test(withoutComments(source.text))).map((source) => source.path),
    ).toEqual([]);
  });

  it('there is no default export, enum, namespace or any', () => {
    const shunned =
      /\bexport default\b|^\s*(?:export )?(?:const )?enum \w|^\s*(?:export )?namespace \w|:\s*any\b|\bas any\b/m;
    expect(
      sources.filter((source) => shunned.test(withoutComments(source.text))).map((source) => source.path),
    ).toEqual([]);
  });
});

/** `folder`: one of the top level. */
function readSources(folder: string): Source[] {
  const top = join(ROOT, folder);
  const below = (file: string) => relative(top, file).split(sep).join('/');
  const files = readdirSync(top, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path.endsWith('.ts'))
    .map((file) => {
      const text = readFileSync(file, 'utf8');
      const all = importsOf(text);
      return {
        path: below(file),
        text,
        imports: all.filter((name) => name.startsWith('.')).map((name) => below(join(file, '..', name))),
        packages: all.filter((name) => !name.startsWith('.')),
      };
    });
}

function importsOf(text: string): string[] {
  const statements =
    /^(?:import|export)\s(?:[^;'"]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;
  return [...text.matchAll(statements)].map((match) => match[1] ?? match[2] ?? '');
}

function orderFault(from: string, to: string): string[] {
  const [upper, lower] = [folderOf(from), folderOf(to)];
  if (upper === '' || upper === lower) return [];
  const allowed = PURE.includes(upper) ? lower === 'base' : rankOf(lower) > rankOf(upper);
  return allowed ? [] : [`${from} imports ${to}`];
}

/** Every circle once, beginning at the file where the search met it. */
function findCircles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const seenAt = path.indexOf(file);
    if (seenAt >= 0) circles.push([...path.slice(seenAt), file].join(' > '));
    if (seenAt >= 0 || done.has(file)) return;
    path.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return circles;
}

function folderOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? '') : '';
}

function rankOf(folder: string): number {
  return ORDER.findIndex((line) => line.includes(folder));
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}

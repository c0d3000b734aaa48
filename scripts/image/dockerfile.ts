/**
 * A Dockerfile as a list of stages. It knows the instructions that
 * ours uses and refuses every other, so that nothing in the file goes unlooked at.
 */
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import {
  type Copy,
  DockerfileParser,
  type From,
  type Healthcheck,
  type Instruction,
  type JSONInstruction,
} from 'dockerfile-ast';

export type Step =
  | { readonly kind: 'run'; readonly command: string; readonly folder: string; readonly env: Environment }
  | {
      readonly kind: 'copy';
      /** The name of an earlier stage; undefined: the build context. */
      readonly from: string | undefined;
      readonly sources: readonly string[];
      /** Absolute; it ends with "/" where it is a folder to copy into. */
      readonly target: string;
    }
  | { readonly kind: 'folder'; readonly path: string };

export type Environment = Readonly<Record<string, string>>;

export interface Stage {
  readonly name: string | undefined;
  /** The image it begins with, arguments filled in. */
  readonly base: string;
  readonly steps: readonly Step[];
  readonly folder: string;
  readonly env: Environment;
  readonly labels: Environment;
  readonly user: string | undefined;
  readonly volumes: readonly string[];
  readonly ports: readonly number[];
  readonly stopSignal: string | undefined;
  readonly healthcheck: HealthcheckSpec | undefined;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

export interface HealthcheckSpec {
  readonly command: readonly string[];
  readonly flags: Environment;
}

type Draft = { -readonly [Key in keyof Stage]: Stage[Key] };

/** Throws, naming the line, at an instruction that it does not know. */
export function readDockerfile(path: string): Stage[] {
  const args: Record<string, string> = {};
  const stages: Draft[] = [];
  for (const instruction of DockerfileParser.parse(readFileSync(path, 'utf8')).getInstructions()) {
    const keyword = instruction.getKeyword();
    if (keyword === 'ARG') Object.assign(args, assignments(instruction));
    else if (keyword === 'FROM') stages.push(begin(instruction as From, args));
    else apply(instruction, keyword, lastOf(stages, instruction));
  }
  return stages;
}

function begin(from: From, args: Environment): Draft {
  return {
    name: from.getBuildStage() ?? undefined,
    base: (from.getImage() ?? '').replace(/\$\{(\w+)\}/g, (_, name: string) => args[name] ?? ''),
    steps: [],
    folder: '/',
    env: {},
    labels: {},
    user: undefined,
    volumes: [],
    ports: [],
    stopSignal: undefined,
    healthcheck: undefined,
    entrypoint: [],
    command: [],
  };
}

function lastOf(stages: Draft[], instruction: Instruction): Draft {
  const stage = stages.at(-1);
  if (stage === undefined) throw new Error(`${place(instruction)} stands before the first FROM`);
  return stage;
}

function apply(instruction: Instruction, keyword: string, stage: Draft): void {
  const content = instruction.getArgumentsContent() ?? '';
  switch (keyword) {
    case 'RUN':
      stage.steps = [...stage.steps, runOf(instruction, content, stage)];
      return;
    case 'COPY':
      stage.steps = [...stage.steps, copyOf(instruction as Copy, stage.folder)];
      return;
    case 'WORKDIR':
      stage.folder = posix.resolve(stage.folder, content);
      stage.steps = [...stage.steps, { kind: 'folder', path: stage.folder }];
      return;
    case 'ENV':
      stage.env = { ...stage.env, ...assignments(instruction) };
      return;
    case 'LABEL':
      stage.labels = { ...stage.labels, ...assignments(instruction) };
      return;
    case 'USER':
      stage.user = content;
      return;
    case 'VOLUME':
      stage.volumes = [...stage.volumes, content];
      return;
    case 'EXPOSE':
      stage.ports = [...stage.ports, ...content.split(/\s+/).map(Number)];
      return;
    case 'STOPSIGNAL':
      stage.stopSignal = content;
      return;
    case 'HEALTHCHECK':
      stage.healthcheck = healthcheckOf(instruction as Healthcheck, content);
      return;
    case 'ENTRYPOINT':
      stage.entrypoint = execForm(instruction, content);
      return;
    case 'CMD':
      stage.command = execForm(instruction, content);
      return;
    default:
      throw new Error(`${place(instruction)}: ${keyword} is not known here`);
  }
}

/** The shell reads line ends as the builder does: a continued line is one line. */
function runOf(instruction: Instruction, command: string, stage: Draft): Step {
  if (/^(?:--|\[)/.test(command)) throw new Error(`${place(instruction)}: only the shell form is known here`);
  return { kind: 'run', command, folder: stage.folder, env: stage.env };
}

function copyOf(copy: Copy, folder: string): Step {
  const unknown = copy.getFlags().filter((flag) => flag.getName() !== 'from');
  if (unknown.length > 0)
    throw new Error(`${place(copy)}: the flag ${unknown[0]?.getName()} is not known here`);
  const words = copy.getArguments().map((argument) => argument.getValue());
  const last = words.at(-1) ?? '';
  const target = posix.resolve(folder, last) + (last.endsWith('/') ? '/' : '');
  return {
    kind: 'copy',
    from: copy.getFromFlag()?.getValue() ?? undefined,
    sources: words.slice(0, -1),
    target,
  };
}

function healthcheckOf(check: Healthcheck, content: string): HealthcheckSpec {
  const flags = check.getFlags().map((flag) => [flag.getName(), flag.getValue() ?? '']);
  return { command: execForm(check, content.replace(/^CMD\s+/, '')), flags: Object.fromEntries(flags) };
}

/** Without a shell between: signals reach the process itself. */
function execForm(instruction: Instruction | JSONInstruction, content: string): string[] {
  const words: unknown = content.startsWith('[') ? JSON.parse(content) : undefined;
  if (!Array.isArray(words) || words.some((word) => typeof word !== 'string')) {
    throw new Error(`${place(instruction)}: only the exec form is known here`);
  }
  return words;
}

/** NAME=value and NAME="some value". */
function assignments(instruction: Instruction): Record<string, string> {
  const content = instruction.getArgumentsContent() ?? '';
  const pairs = [...content.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S+))/g)];
  return Object.fromEntries(pairs.map(([, name = '', quoted, plain]) => [name, quoted ?? plain ?? '']));
}

function place(instruction: Instruction): string {
  return `line ${instruction.getRange().start.line + 1} of the Dockerfile`;
}

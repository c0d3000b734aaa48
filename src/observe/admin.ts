/** The admin listener: metrics, health and the JSON API, bounded against its own clients. */
import { hostname } from 'node:os';
import { type FastifyInstance, fastify } from 'fastify';
import { messageOf, UsageError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { guardRoutes } from './admin-guard.ts';
import type { IncidentsAnswer } from './incident-report.ts';
import { type AskJournal, addJournalRoutes } from './journal-routes.ts';
import type { StatusReport } from './status.ts';

/** Scrapers and people, not application servers: what a few of them need, and no more. */
const CONNECTIONS_MAX = 64;
const REQUEST_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 75_000;
const BODY_BYTES_MAX = 16 * 1024;

export interface Readiness {
  readonly ready: boolean;
  /** Why not, one phrase a reason. */
  readonly reasons: readonly string[];
}

export interface Exposition {
  readonly contentType: string;
  text(): Promise<string>;
}

export interface AdminOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Asked for by every route but the probes'; undefined: by none. */
  readonly token?: string | undefined;
  /** A request came without the token. */
  unauthorized?(): void;
  readonly metrics: Exposition;
  /** Joined to the answer of /healthz. */
  health(): Readonly<Record<string, unknown>>;
  ready(): Readiness;
  status(): StatusReport | Promise<StatusReport>;
  /** `query` is the request's; throws RequestFault. */
  incidents(query: unknown): IncidentsAnswer;
  readonly journal: AskJournal;
  readonly log: Log;
}

export interface Admin {
  /** The port it got. */
  readonly port: number;
  readonly url: string;
  /** Ends the listener and its open connections. */
  close(): Promise<void>;
}

/** Throws UsageError, naming the configuration's field, where the address can't be had. */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const server = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    connectionTimeout: IDLE_TIMEOUT_MS,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
  });
  server.server.maxConnections = CONNECTIONS_MAX;
  const { token, log, unauthorized = () => {} } = options;
  if (token !== undefined) guardRoutes(server, { token, log, unauthorized, now: () => performance.now() });
  addRoutes(server, options);
  addJournalRoutes(server, options.journal);
  addErrors(server, options.log);
  const { host, port } = options;
  try {
    await server.listen({ host, port });
  } catch (error) {
    await server.close();
    throw new UsageError(describeListenFault(error, host, port));
  }
  const address = server.server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    port: bound,
    url: `http://${reachableName(host)}:${bound}`,
    close: async () => {
      await server.close();
    },
  };
}

function addRoutes(
  server: FastifyInstance,
  { metrics, health, ready, status, incidents }: AdminOptions,
): void {
  server.get('/metrics', async (_request, reply) => {
    reply.header('content-type', metrics.contentType);
    return metrics.text();
  });
  server.get('/healthz', async () => ({ status: 'ok', ...health() }));
  server.get('/readyz', async (_request, reply) => {
    const readiness = ready();
    reply.code(readiness.ready ? 200 : 503);
    return { status: readiness.ready ? 'ready' : 'not ready', reasons: readiness.reasons };
  });
  server.get('/api/status', async () => status());
  server.get('/api/incidents', async (request) => incidents(request.query));
}

function addErrors(server: FastifyInstance, log: Log): void {
  server.setNotFoundHandler((request, reply) => {
    reply
      .code(404)
      .send({ error: 'not_found', message: `There is no ${request.method} ${pathOf(request.url)} here.` });
  });
  server.setErrorHandler((error: unknown, request, reply) => {
    const code = statusOf(error);
    if (code < 500) {
      reply.code(code).send({ error: 'bad_request', message: messageOf(error) });
      return;
    }
    log.error({ err: error, path: pathOf(request.url) }, 'the admin listener could not answer');
    // The message stays in the log: what failed may name what an answer must not.
    reply.code(500).send({ error: 'internal', message: 'The request failed; the log says why.' });
  });
}

/** Every address of this machine is known to others by its name alone. */
function reachableName(host: string): string {
  if (host === '0.0.0.0' || host === '::') return hostname();
  return host.includes(':') ? `[${host}]` : host;
}

/** Without the query, where a caller may have put what is not ours to echo. */
function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? url;
}

function statusOf(error: unknown): number {
  const code = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof code === 'number' && code >= 400 ? code : 500;
}

function describeListenFault(error: unknown, host: string, port: number): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return `admin.port: port ${port} on ${host} is taken by another process`;
  if (code === 'EACCES') return `admin.port: port ${port} may not be used without more rights`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `admin.host: ${host} is no address of this machine`;
  return `admin: can't listen on ${host}:${port}: ${messageOf(error)}`;
}

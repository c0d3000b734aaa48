/** Lets requests of the admin port in by their token, all but those of the probes. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Log } from '../base/log.ts';
import { bearerCheck } from './bearer-token.ts';

/** Balancers, kubelets and health checks carry no token; what these tell is not worth one. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz']);
const LOGGED_EVERY_MS = 60_000;

export interface AdminGuardOptions {
  readonly token: string;
  /** A request was turned away. */
  readonly unauthorized: () => void;
  readonly log: Log;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Also what is not there is told only to those with the token. */
export function guardRoutes(server: FastifyInstance, options: AdminGuardOptions): void {
  const check = bearerCheck(options.token);
  const warn = rarely(options);
  server.addHook('onRequest', async (request, reply) => {
    if (OPEN_PATHS.has(request.routeOptions.url ?? '')) return;
    const found = check(request.headers.authorization);
    if (found === 'right') return;
    options.unauthorized();
    warn(request, found);
    const challenge = found === 'wrong' ? ', error="invalid_token"' : '';
    reply.header('www-authenticate', `Bearer realm="understudy"${challenge}`);
    await reply.code(401).send({
      error: 'unauthorized',
      message: 'This needs the header "Authorization: Bearer …" with the token of admin.token.',
    });
  });
}

/** A scraper without the token would fill the log. */
function rarely({ log, now }: AdminGuardOptions): (request: FastifyRequest, found: string) => void {
  let nextAtMs = Number.NEGATIVE_INFINITY;
  return (request, found) => {
    if (now() < nextAtMs) return;
    nextAtMs = now() + LOGGED_EVERY_MS;
    log.warn(
      { client: request.ip, token: found },
      'a request to the admin port came without the right token',
    );
  };
}

/** Serves the metrics of a command that runs for long: `/metrics`, and `/healthz` for whoever watches it. */
import { fastify } from 'fastify';
import { messageOf, UsageError } from '../base/errors.ts';
import type { Admin, Exposition } from './admin.ts';
import { bearerCheck } from './bearer-token.ts';

export interface MetricsListenerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Asked for by `/metrics`; undefined: no one is asked. */
  readonly token: string | undefined;
  readonly metrics: Exposition;
  /** Joined to the answer of /healthz. */
  health(): Readonly<Record<string, unknown>>;
}

const CONNECTIONS_MAX = 16;
const REQUEST_TIMEOUT_MS = 10_000;

/** Throws UsageError where the address can't be had. */
export async function startMetricsListener(options: MetricsListenerOptions): Promise<Admin> {
  const { host, port, token, metrics, health } = options;
  const server = fastify({ logger: false, requestTimeout: REQUEST_TIMEOUT_MS, forceCloseConnections: true });
  server.server.maxConnections = CONNECTIONS_MAX;
  const check = token === undefined ? () => 'right' : bearerCheck(token);
  server.get('/metrics', async (request, reply) => {
    if (check(request.headers.authorization) !== 'right') {
      reply.code(401).header('www-authenticate', 'Bearer realm="understudy"');
      return { error: 'unauthorized', message: 'This needs the token of admin.token.' };
    }
    reply.header('content-type', metrics.contentType);
    return metrics.text();
  });
  server.get('/healthz', async () => ({ status: 'ok', ...health() }));
  try {
    await server.listen({ host, port });
  } catch (error) {
    await server.close();
    throw new UsageError(`--admin-port: can't listen on ${host}:${port}: ${messageOf(error)}`);
  }
  const address = server.server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    port: bound,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: async () => {
      await server.close();
    },
  };
}

/** What TLS means to the sessions of a process: who accepts it, who opens it, and how its limits are told. */
import type { ClusterTls } from '../base/cluster-tls.ts';
import { CLIENT_ERRORS, type ClientError } from '../base/errors.ts';
import type { LoginTls } from '../wire/login.ts';
import type { MixedLegs } from '../wire/mixed-authentication.ts';
import type { TlsAcceptor } from './tls-acceptor.ts';

export interface SessionTls {
  readonly acceptor: TlsAcceptor | null;
  readonly old: ClusterTls | null;
  readonly login: LoginTls;
}

/** Null: TLS will come to neither side. */
export function sessionTls(acceptor: TlsAcceptor | null, old: ClusterTls | null): SessionTls | null {
  if (acceptor === null && old === null) return null;
  const client = acceptor === null ? 'none' : acceptor.required ? 'required' : 'offered';
  return { acceptor, old, login: { client, server: old !== null } };
}

export function mixedError(legs: MixedLegs): ClientError {
  return legs === 'client_tls' ? CLIENT_ERRORS.tlsOfClientAlone : CLIENT_ERRORS.tlsOfOldAlone;
}

/** `what` is `compression`, or the name of a method of authentication. */
export function mixedSubject(what: string): string {
  return what === 'compression' ? 'Compression' : `Authentication by ${printable(what)}`;
}

/** The name comes from a client or a server, and goes into an error and the log. */
function printable(name: string): string {
  return name.replace(/[^\w.-]/g, '?').slice(0, 64);
}

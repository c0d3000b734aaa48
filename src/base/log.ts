/** The log: JSON lines by pino, pretty on a terminal. Arguments carry it; there is no global. */
import { type Logger, pino, stdTimeFunctions } from 'pino';

export type Log = Logger;

/** Paths that could hold a secret are cut from every line, should one slip in. */
const REDACTED = [
  'password',
  '*.password',
  '*.*.password',
  'config.etcd.key',
  'config.admin.token',
  'admin.token',
  'authorization',
  '*.authorization',
];

export function createLog(options: {
  level: string;
  pretty?: boolean;
  destination?: NodeJS.WritableStream;
}): Log {
  const settings = {
    level: options.level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: REDACTED, censor: '[secret]' },
  };
  if (options.destination !== undefined) return pino(settings, options.destination);
  const pretty = options.pretty ?? process.stdout.isTTY === true;
  if (!pretty) return pino(settings);
  // A transport needs the level formatter left alone.
  const { formatters: _formatters, ...rest } = settings;
  return pino({
    ...rest,
    transport: { target: 'pino-pretty', options: { translateTime: 'SYS:HH:MM:ss.l' } },
  });
}

/** A log that says nothing, for tests and one-shot commands. */
export function silentLog(): Log {
  return pino({ level: 'silent' });
}

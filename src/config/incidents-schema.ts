/** The `incidents` section of the configuration: when there are too many of them, and who is told. */
import { z } from 'zod';
import { parseDuration } from '../base/duration.ts';
import { INCIDENT_REASON_NAMES } from '../base/incident-reasons.ts';
import { secretSchema } from './secret-schema.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const windowSchema = z.string().refine(
  (text) => {
    const ms = parseDuration(text);
    return ms !== null && ms >= MINUTE_MS && ms <= 2 * DAY_MS;
  },
  { message: 'must be a time from "1m" to "2d", such as "30m" or "1h"' },
);

const thresholdSchema = z.strictObject({
  reason: z.enum(INCIDENT_REASON_NAMES).optional().describe('Left out: each reason by itself'),
  shard: z.string().min(1).optional().describe('Left out: each shard by itself'),
  moreThan: z.number().int().min(0).max(1_000_000_000).describe('Incidents that are not too many yet'),
  within: windowSchema.describe(
    'The time in which they are counted: by the minute up to 2h, else by the hour',
  ),
});

/** RFC 9110, section 5.6.2. */
const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is no name of an HTTP header');

const webhookSchema = z.strictObject({
  url: secretSchema.describe(
    'Where a crossing is told, by POST: an http or https URL, which may itself be secret',
  ),
  headers: z.record(headerName, secretSchema).default({}).describe('Sent with it, such as Authorization'),
  timeoutMs: z.number().int().min(100).max(60_000).default(5000).describe('For each attempt'),
});

export const incidentsSchema = z.strictObject({
  thresholds: z
    .array(thresholdSchema)
    .max(100)
    .default([{ moreThan: 40, within: '1h' }])
    .describe('How many incidents of a reason and shard are too many; []: none ever are'),
  webhook: webhookSchema.optional().describe('Called once whenever there come to be too many'),
});

export interface ThresholdSettings {
  readonly reason?: string | undefined;
  readonly shard?: string | undefined;
  readonly moreThan: number;
  readonly within: string;
}

/** With the secrets found. */
export interface WebhookSettings {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export interface IncidentSettings {
  readonly thresholds: readonly ThresholdSettings[];
  readonly webhook: WebhookSettings | undefined;
}

/** Throws, without showing it, where it is no URL that can be called. */
export function checkWebhookUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) throw new Error('is no http or https URL');
  return text;
}

/** Throws, without showing it, where a header could not hold it. */
export function checkHeaderValue(text: string): string {
  if (!/^[\t\x20-\x7e]*$/.test(text)) throw new Error('holds characters that a header can’t');
  return text;
}

/** A secret as the configuration names it. */
import { z } from 'zod';

export const secretSchema = z
  .union(
    [
      z.string(),
      z.strictObject({ env: z.string().min(1).describe('Environment variable that holds the secret') }),
      z.strictObject({
        file: z.string().min(1).describe('File that holds the secret; one trailing newline is cut'),
      }),
    ],
    { error: 'must be a text, {"env": "NAME"} or {"file": "PATH"}' },
  )
  .describe('A secret: the text itself, {"env": NAME} or {"file": PATH}');

export type Secret = z.output<typeof secretSchema>;

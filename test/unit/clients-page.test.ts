import { describe, expect, it } from 'vitest';
import { STEPS } from '../integration/clients/client.ts';
import { CLIENTS } from '../integration/clients/clients.ts';
import { LACKING, readClientsPage } from '../integration/clients/clients-page.ts';
import { SAMPLES } from '../integration/clients/samples.ts';

describe('docs/clients.md', () => {
  const page = readClientsPage();

  it('names exactly the clients and the steps that are run', () => {
    expect(page.clients).toEqual(CLIENTS.map(({ name }) => name));
    expect(page.steps).toEqual(STEPS);
  });

  it('names exactly the features of single drivers that are run', () => {
    const wanted = SAMPLES.flatMap(({ name, features }) => features.map((feature) => `${name}: ${feature}`));
    expect(page.features).toEqual(wanted);
  });

  it('says of each client which steps it has not, and that all others work', () => {
    for (const client of CLIENTS) {
      const expected = STEPS.map((step) => (client.lacks[step] === undefined ? 'yes' : LACKING));
      const found = STEPS.map((step) => page.field(client.name, step)?.replace(/<sup>\d+<\/sup>$/, ''));
      expect([client.name, ...found]).toEqual([client.name, ...expected]);
    }
  });
});

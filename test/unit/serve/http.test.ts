// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHttp } from '../../../src/serve/http.ts';

describe('startHttp', () => {
  let isHealthy = true;
  let served: Awaited<ReturnType<typeof startHttp>>;
  const get = (path: string, method = 'GET') =>
    fetch(`http://127.0.0.1:${served.port}${path}`, { method });

  beforeAll(async () => {
    served = await startHttp(
      { host: '127.0.0.1', port: 0 },
      {
        healthy: () => ({ ok: isHealthy, message: isHealthy ? 'ok' : 'the lease is overdue' }),
        ready: () => ({ ok: false, message: 'caches are not synced' }),
        metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }),
      },
    );
  });
  afterAll(() => served.close());

  it('says healthy, and why not when it is not', async () => {
    expect((await get('/healthz')).status).toBe(200);
    isHealthy = false;
    const answer = await get('/healthz');
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('overdue');
  });

  it('says why it is not ready', async () => {
    const answer = await get('/readyz');
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('not synced');
  });

  it('serves metrics with their content type', async () => {
    const answer = await get('/metrics');
    expect(answer.headers.get('content-type')).toContain('0.0.4');
    expect(await answer.text()).toBe('up 1\n');
  });

  it('answers 404 for another path and 405 for another method', async () => {
    expect((await get('/secret')).status).toBe(404);
    expect((await get('/metrics', 'POST')).status).toBe(405);
  });

  it('rejects when the port is taken', async () => {
    await expect(
      startHttp(
        { host: '127.0.0.1', port: served.port },
        {
          healthy: () => ({ ok: true, message: '' }),
          ready: () => ({ ok: true, message: '' }),
          metrics: async () => ({ contentType: '', body: '' }),
        },
      ),
    ).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

import { afterAll, beforeAll } from 'vitest';
import { PostgresBus } from '#platform/log/postgres-bus.ts';
import { busContract } from './bus.contract.ts';
import { startTestServer, type TestServer } from './support.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.stop());

busContract('PostgreSQL', async () => ({
  database: await server.newDatabase(),
  open: (database) => PostgresBus.open(database),
}));

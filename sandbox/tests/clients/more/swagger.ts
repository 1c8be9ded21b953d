// What the client that swagger-typescript-api makes does with the answers of a running sandbox, and behind a proxy.
import assert from 'node:assert/strict';
import { Api } from './swagger-typescript-api';

const parentRecordId = '006S900000795MMIAY';
const client = new Api({ baseUrl: process.env.SYNC_URL });

const synced = await client.syncToM3Ter.syncToM3Ter([{ parentRecordId }]);
assert.equal(synced.data[0]?.syncStatus, 'Completed');
const dryRun = await client.syncToM3Ter.syncRecordToM3Ter(parentRecordId, { dryRun: true });
assert(dryRun.data.success && dryRun.data.dryRun);

// Its type is that of the run: 202 is the only success.
const begun = await client.syncRuns.beginSync({ parentRecordId });
assert.equal(begun.status, 202);
for (;;) {
  const { data } = await client.syncRuns.getSyncRun(begun.data.syncRunId);
  if (data.state === 'ended') {
    assert.equal(data.result?.syncStatus, 'Completed');
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
}
const thrown = async (call: Promise<unknown>) => {
  try {
    await call;
  } catch (error) {
    return error as { status: number; error?: { errorCode?: string } };
  }
  throw new Error('it was not refused');
};
const refused = await thrown(client.syncRuns.beginSync({ parentRecordId: 'abc' }));
assert.deepEqual([refused.status, refused.error?.errorCode], [400, 'INVALID_RECORD_ID']);
const absent = await thrown(client.syncRuns.getSyncRun('00000000-0000-0000-0000-000000000000'));
assert.deepEqual([absent.status, absent.error?.errorCode], [404, 'RUN_NOT_FOUND']);
const behind = new Api({ baseUrl: process.env.PROXY_URL });
const lost = await thrown(behind.syncRuns.beginSync({ parentRecordId }));
assert.equal(lost.status, 502);
console.log('swagger-typescript-api: 200, dry run, 202, poll, 400, 404 and an empty 502');

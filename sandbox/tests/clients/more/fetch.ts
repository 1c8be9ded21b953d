// What the types that openapi-typescript makes, with openapi-fetch, do with the answers of a running sandbox, and behind a proxy.
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { paths } from './openapi-typescript';

const parentRecordId = '006S900000795MMIAY';
const client = createClient<paths>({ baseUrl: process.env.SYNC_URL });

const synced = await client.POST('/sync-to-m3ter', { body: [{ parentRecordId }] });
// Without a 202 beside the 200 this is one type.
assert.equal(synced.data?.[0]?.syncStatus, 'Completed');
const one = { params: { path: { parentRecordId }, query: { dryRun: true } } };
const dryRun = await client.POST('/sync-to-m3ter/{parentRecordId}', one);
assert(dryRun.data?.success && dryRun.data.dryRun);

const begun = await client.POST('/sync-runs', { body: { parentRecordId } });
assert.equal(begun.response.status, 202);
const syncRunId = begun.data?.syncRunId ?? '';
for (;;) {
  const { data } = await client.GET('/sync-runs/{syncRunId}', { params: { path: { syncRunId } } });
  if (data?.state === 'ended') {
    assert.equal(data.result?.syncStatus, 'Completed');
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
}
const refused = await client.POST('/sync-runs', { body: { parentRecordId: 'abc' } });
assert.deepEqual([refused.response.status, refused.error?.errorCode], [400, 'INVALID_RECORD_ID']);
const absent = await client.GET('/sync-runs/{syncRunId}', {
  params: { path: { syncRunId: '00000000-0000-0000-0000-000000000000' } },
});
assert.deepEqual([absent.response.status, absent.error?.errorCode], [404, 'RUN_NOT_FOUND']);
const behind = createClient<paths>({ baseUrl: process.env.PROXY_URL });
const lost = await behind.POST('/sync-runs', { body: { parentRecordId } });
assert.equal(lost.response.status, 502);
assert.equal(lost.data, undefined);
console.log('openapi-typescript with openapi-fetch: 200, dry run, 202, poll, 400, 404 and an empty 502');

// What the client that @hey-api/openapi-ts makes does with the answers of a running sandbox, and behind a proxy.
import assert from 'node:assert/strict';
import { beginSync, getSyncRun, syncRecordToM3Ter, syncToM3Ter } from './sync-client';

const parentRecordId = '006S900000795MMIAY';
const baseUrl = process.env.SYNC_URL;

const dryRun = await syncRecordToM3Ter({ baseUrl, path: { parentRecordId }, query: { dryRun: true } });
assert.equal(dryRun.response?.status, 200);
assert(dryRun.data?.success && dryRun.data.dryRun);

const synced = await syncToM3Ter({ baseUrl, body: [{ parentRecordId }] });
assert.equal(synced.response?.status, 200);
const [result] = synced.data ?? [];
assert.equal(result?.syncStatus, 'Completed');

const begun = await beginSync({ baseUrl, body: { parentRecordId } });
assert.equal(begun.response?.status, 202);
assert(begun.data?.syncRunId);

const refused = await syncRecordToM3Ter({ baseUrl, path: { parentRecordId }, query: { waitSeconds: 106 } });
assert.equal(refused.response?.status, 400);
assert.equal(refused.error?.errorCode, 'INVALID_PARAMETER');

const absent = await getSyncRun({ baseUrl, path: { syncRunId: '00000000-0000-0000-0000-000000000000' } });
assert.equal(absent.response?.status, 404);
assert.equal(absent.error?.errorCode, 'RUN_NOT_FOUND');

const lost = await syncRecordToM3Ter({ baseUrl: process.env.PROXY_URL, path: { parentRecordId } });
assert.equal(lost.response?.status, 502);
assert.equal(lost.data, undefined);
console.log('@hey-api/openapi-ts: 200, dry run, 202, 400, 404 and an empty 502');

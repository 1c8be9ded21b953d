#!/usr/bin/env bash
# jsforce drops a condition whose list of values is empty: `find` gives every record of the object, and `destroy` deletes every one.
#
# Versions: jsforce 3.10.16 (npm); 3.10.26, which wants Node 22, builds its SOQL with the same lines. Node 20
# Seen:     2026-11-27
#
# What happens: `find({ Id: { $in: [] } })` sends `SELECT … FROM …` without a WHERE. The same with `{ Id: [] }`, and with `undefined` as the value;
#   other conditions stay, so the filter gets wider. `.destroy()` and `.update()` behind it act on all that was found. `null` is kept, as `= null`.
# One would expect: no rows, since nothing is in an empty list, or an error.
# Why it matters: such a list is often the outcome of the step before ("what the deal no longer has"), and on most days of a test it is not empty.
#   On the first day that it is, the clean-up behind it takes every record of the object, and each answer says `success: true`.
#   The way round: return before the query when the list is empty.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true, "dependencies": { "jsforce": "3.10.16" } }' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund

cat > show.mjs <<'JAVASCRIPT'
import assert from 'node:assert/strict';
import http from 'node:http';
import jsforce from 'jsforce';

// An org with three records, which knows of a query only whether it has a filter.
const ids = [1, 2, 3].map((number) => `a00${String(number).padStart(12, '0')}AAA`);
let soql = '';
let deleted = [];
const org = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1');
  let body;
  if (url.pathname.endsWith('/query')) {
    soql = url.searchParams.get('q');
    const records = soql.includes(' WHERE ') ? [] : ids.map((Id) => ({ attributes: { type: 'Subscription__c' }, Id }));
    body = { totalSize: records.length, done: true, records };
  } else {
    deleted = url.searchParams.get('ids').split(',');
    body = deleted.map((id) => ({ id, success: true, errors: [] }));
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
});
await new Promise((ready) => org.listen(0, '127.0.0.1', ready));

try {
  const instanceUrl = `http://127.0.0.1:${org.address().port}`;
  const subscriptions = new jsforce.Connection({ instanceUrl, accessToken: 'made-up', version: '62.0' }).sobject('Subscription__c');
  const sent = {};
  for (const [name, conditions] of Object.entries({
    'one id': { Id: { $in: [ids[0]] } },
    'no id, $in': { Id: { $in: [] } },
    'no id, bare': { Id: [] },
    'no id, and Renew__c': { Id: { $in: [] }, Renew__c: true },
    undefined: { Account__c: undefined },
    null: { Account__c: null },
  })) {
    const records = await subscriptions.find(conditions, ['Id']);
    sent[name] = soql;
    console.log(`${name.padEnd(20)} ${soql} -> ${records.length} records`);
  }

  const ended = [];
  await subscriptions.find({ Id: { $in: ended } }, ['Id']).destroy();
  console.log(`destroy() of an empty list of ended ones deleted ${deleted.length} of ${ids.length} records`);

  const everything = 'SELECT Id FROM Subscription__c';
  assert.equal(sent['one id'], `${everything} WHERE Id IN ('${ids[0]}')`);
  assert.equal(sent['no id, $in'], everything);
  assert.equal(sent['no id, bare'], everything);
  assert.equal(sent['no id, and Renew__c'], `${everything} WHERE Renew__c = true`);
  assert.equal(sent.undefined, everything);
  assert.equal(sent.null, `${everything} WHERE Account__c = null`);
  assert.deepEqual(deleted, ids);
} finally {
  org.closeAllConnections();
  org.close();
}
JAVASCRIPT
node show.mjs

#!/usr/bin/env bash
# One update by Bulk API 2.0: jsforce drops the fields that its first record lacks, simple-salesforce cannot clear a field.
#
# Versions: jsforce 3.10.16 (npm; 3.10.26, which wants Node 22, writes its CSV with the same lines), simple-salesforce 1.12.10 (PyPI), Node 20,
#           Python 3.11
# Seen:     2026-11-27
#
# What happens: both clients take records as objects and write the CSV file that the API wants. Of the records
#     { Id: 1, Price__c: 10 }    { Id: 2, Price__c: 20, Ends__c: null, Renews__c: false }
#   jsforce makes a file with the columns of the first record alone: `Ends__c` and `Renews__c` are not sent. With the records the other way round it
#   sends all, and null as `#N/A`. simple-salesforce makes a column of every field, and an empty cell of None. By Salesforce's "Prepare CSV Files" an
#   update ignores an empty cell, and `#N/A` sets a field to null: the end date stays, while None in its REST call `update` is sent as null.
# One would expect: an object to mean the same wherever it stands in the list, and null or None to mean in bulk what it means one by one.
# Why it matters: nothing is wrong with either file, so that no record fails. A subscription whose end was removed still ends, and a switch stays
#   on. The way round: give every record the same keys (jsforce); write "#N/A" in place of None (simple-salesforce).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check simple-salesforce==1.12.10
echo '{ "private": true, "dependencies": { "jsforce": "3.10.16" } }' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund

cat > jsforce.mjs <<'JAVASCRIPT'
import assert from 'node:assert/strict';
import http from 'node:http';
import jsforce from 'jsforce';

let csv = '';
const org = http.createServer(async (request, response) => {
  let body = '';
  for await (const part of request) body += part;
  if (request.method === 'PUT') csv = body;
  const results = /(Results|records)$/.test(request.url);
  response.writeHead(request.method === 'PUT' ? 201 : 200, { 'content-type': results ? 'text/csv' : 'application/json' });
  if (results) response.end('"sf__Id","sf__Error"\n');
  else if (request.method === 'PUT') response.end();
  else response.end(JSON.stringify({ id: '750000000000001AAA', state: request.method === 'GET' ? 'JobComplete' : 'Open' }));
});
await new Promise((ready) => org.listen(0, '127.0.0.1', ready));

try {
  const instanceUrl = `http://127.0.0.1:${org.address().port}`;
  const { bulk2 } = new jsforce.Connection({ instanceUrl, accessToken: 'made-up', version: '62.0' });
  const short = { Id: '1', Price__c: 10 };
  const long = { Id: '2', Price__c: 20, Ends__c: null, Renews__c: false };
  const sent = [];
  for (const input of [
    [short, long],
    [long, short],
  ]) {
    await bulk2.loadAndWaitForResults({ object: 'Subscription__c', operation: 'update', input, pollInterval: 10 });
    console.log(`jsforce, the ${input[0] === short ? 'short' : 'long'} record first:\n${csv.replace(/^/gm, '  ').trimEnd()}`);
    sent.push(csv);
  }
  assert.equal(sent[0], 'Id,Price__c\n1,10\n2,20\n', 'jsforce sends all columns now');
  assert.equal(sent[1], 'Id,Price__c,Ends__c,Renews__c\n2,20,#N/A,false\n1,10,,\n');
} finally {
  org.closeAllConnections();
  org.close();
}
JAVASCRIPT
node jsforce.mjs

venv/bin/python - <<'PYTHON'
import csv
import io
import json

import requests
from requests.adapters import BaseAdapter
from simple_salesforce import Salesforce

bodies = []


class Org(BaseAdapter):
    """Answers in place of the network, as the client speaks nothing but https."""

    def send(self, request, **_):
        if request.method in ("PUT", "PATCH"):
            bodies.append((request.method, request.body.decode() if isinstance(request.body, bytes) else request.body))
        state = "JobComplete" if request.method == "GET" else "Open"
        job = {"id": "750000000000001AAA", "state": state, "numberRecordsFailed": 0, "numberRecordsProcessed": 2}
        response = requests.Response()
        response.status_code = 201 if request.method == "PUT" else 200
        response.url = request.url
        response.raw = io.BytesIO(json.dumps(job).encode())
        return response

    def close(self):
        pass


session = requests.Session()
session.mount("https://", Org())
org = Salesforce(instance="org.invalid", session_id="made-up", session=session, version="62.0")
long = {"Id": "2", "Price__c": 20, "Ends__c": None, "Renews__c": False}

result = org.bulk2.Subscription__c.update(records=[{"Id": "1", "Price__c": 10}, long], wait=0)
file = next(body for method, body in bodies if method == "PUT")
rows = {row["Id"]: row for row in csv.DictReader(io.StringIO(file))}  # the order of its columns changes from run to run
columns = ["Id", "Price__c", "Ends__c", "Renews__c"]
print("simple-salesforce, either one first (columns put in order):")
print(*("  " + ",".join(row[name] for name in columns) for row in rows.values()), sep="\n")

bodies.clear()
org.Subscription__c.update("2", {"Ends__c": None})
print(f"simple-salesforce, the REST call: {bodies[0][1]}")

assert result[0]["numberRecordsFailed"] == 0
assert set(rows["1"]) == set(columns)
assert rows["2"]["Renews__c"] == "False"
assert rows["2"]["Ends__c"] == "", "simple-salesforce writes None as something else now"
assert json.loads(bodies[0][1]) == {"Ends__c": None}
PYTHON

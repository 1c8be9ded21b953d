#!/usr/bin/env bash
# Behind a proxy that answers 502 with no body, openapi-fetch reports neither data nor error, and openapi-python-client loses the status.
#
# Versions: openapi-typescript 7.13.0, openapi-fetch 0.17.0 and typescript 5.9.3 (npm), openapi-python-client 0.29.1 (PyPI), Node 20, Python 3.11
# Seen:     2026-11-27
#
# What happens: the document names 200, and `default` for all refusals, with a JSON body. A 502 with `Content-Length: 0` comes from a proxy.
#   openapi-fetch answers `{ data: undefined, error: undefined }`. In the types `error` is the refusal or absent, so that `if (error) throw …` leaves
#   `data` as the body of the 200: this compiles in strict mode, goes on after the failed call, and falls over later, at the first use of a field.
#   openapi-python-client reads the 502 as the refusal of `default` and raises JSONDecodeError, without the status, also from `sync_detailed`, whose
#   result has a field for the status, and also with `raise_on_unexpected_status`. Without `default` in the document it gives back 502 and `parsed=None`.
# One would expect: an error from the first; the status, and the raw body, from the second.
# Why it matters: a 502 from a proxy is worth another try, a refusal is not, and neither client lets its user tell. For the first: test `response.ok`,
#   not `error`. For the author of a document: `default` also promises the body of answers that the service never sends; a list of the statuses that
#   it does send makes no promise for the proxy.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openapi-python-client==0.29.1
cat > package.json <<'JSON'
{
  "private": true,
  "type": "module",
  "dependencies": { "openapi-fetch": "0.17.0", "openapi-typescript": "7.13.0", "typescript": "5.9.3", "@types/node": "20.19.0" }
}
JSON
npm install --silent --ignore-scripts --no-audit --no-fund

document() { # the key of the refusals
    cat <<YAML
openapi: 3.0.3
info: { title: Deals, version: "1" }
paths:
  /deals/{id}:
    get:
      operationId: showDeal
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses:
        "200": { description: The deal, content: { application/json: { schema: { \$ref: "#/components/schemas/Deal" } } } }
        $1: { description: Refused, content: { application/json: { schema: { \$ref: "#/components/schemas/Problem" } } } }
components:
  schemas:
    Deal: { type: object, required: [total], properties: { total: { type: number } } }
    Problem: { type: object, required: [title], properties: { title: { type: string } } }
YAML
}
document default > default.yaml
document '"404"' > listed.yaml

npx openapi-typescript default.yaml --output schema.d.ts > /dev/null
cat > show.ts <<'TYPESCRIPT'
import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import createClient from 'openapi-fetch';
import type { paths } from './schema.d.ts';

const proxy = http.createServer((_, response) => response.writeHead(502, { 'content-length': '0' }).end());
await new Promise<void>((ready) => proxy.listen(0, '127.0.0.1', ready));

try {
  const client = createClient<paths>({ baseUrl: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` });
  const { data, error, response } = await client.GET('/deals/{id}', { params: { path: { id: '1' } } });
  console.log(`openapi-fetch: status ${response.status}, data ${data}, error ${error}`);
  assert.deepEqual([response.status, typeof data], [502, 'undefined']);
  if (error) throw new Error('openapi-fetch reports an error now');
  let failure = 'none';
  try {
    const total: number = data.total; // compiles: for the types a call without an error has its data
    console.log(total);
  } catch (thrown) {
    failure = (thrown as Error).constructor.name;
  }
  console.log(`openapi-fetch: the first use of data throws ${failure}`);
  assert.equal(failure, 'TypeError');
} finally {
  proxy.closeAllConnections();
  proxy.close();
}
TYPESCRIPT
npx tsc --strict --skipLibCheck --target es2022 --module nodenext --types node show.ts
node show.js

for name in default listed; do
    venv/bin/openapi-python-client generate --path "$name.yaml" --meta none --output-path "client_$name" > generate.log 2>&1 ||
        { cat generate.log; exit 1; }
done
venv/bin/python - <<'PYTHON'
import importlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(502)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
threading.Thread(target=server.serve_forever, daemon=True).start()


def ask(package, **settings):
    show_deal = importlib.import_module(f"{package}.api.default.show_deal")
    client = importlib.import_module(package).Client(base_url=f"http://127.0.0.1:{server.server_port}", **settings)
    try:
        response = show_deal.sync_detailed("1", client=client)
    except json.JSONDecodeError as error:
        return f"JSONDecodeError: {error}"
    return f"status {response.status_code.value}, parsed {response.parsed}"


by_default = ask("client_default")
strict = ask("client_default", raise_on_unexpected_status=True)
listed = ask("client_listed")
server.shutdown()
print(f"openapi-python-client, default: {by_default}")
print(f"openapi-python-client, default, raise_on_unexpected_status: {strict}")
print(f"openapi-python-client, 404 in place of default: {listed}")

assert by_default.startswith("JSONDecodeError") and "502" not in by_default, "the client keeps the status now"
assert strict == by_default
assert listed == "status 502, parsed None"
PYTHON

#!/usr/bin/env bash
# m3ter's Python SDK fetches a new token before every call, and its asynchronous twin fetches none.
#
# Versions: m3ter 0.9.0 (PyPI), Python 3.11
# Seen:     2026-11-27
#
# What happens: m3ter answers a login with `expires_in: 18000`, seconds from now, as its reference shows. `M3ter` takes the number for a time stamp:
#   its `token_expiry` is the morning of 1 January 1970, so each token is over when it arrives, and each call logs in again.
#   `AsyncM3ter` takes the same key and secret, and raises a TypeError at the first call without having sent anything: it never logs in.
# One would expect: one login for five hours in both, since `expires_in` is a duration in OAuth 2.0.
# Why it matters: every call is two round trips, and a job of a thousand calls makes a thousand logins; whoever measures m3ter through this SDK
#   measures the login too. No result shows it. The way round: fetch a token with `authentication.get_bearer_token`, and give it
#   to either client as `token=` (`M3ter` also wants the end as `token_expiry=`, or it takes the token for endless).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check m3ter==0.9.0

env -u M3TER_API_TOKEN "$work/venv/bin/python" - <<'PYTHON'
import asyncio
import json
import threading
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from m3ter import AsyncM3ter, M3ter

ORG = "00000000-0000-4000-8000-000000000001"
seen = []


class Vendor(BaseHTTPRequestHandler):
    def answer(self, body):
        seen.append(f"{self.command} {self.path.split('?')[0]}")
        self.rfile.read(int(self.headers.get("content-length", 0)))
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        self.answer({"access_token": "made-up", "token_type": "Bearer", "expires_in": 18000})

    def do_GET(self):
        self.answer({"id": self.path.split("/")[-1], "version": 1, "name": "Acme", "code": "acme"})

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()
settings = {"api_key": "made-up", "api_secret": "made-up", "org_id": ORG, "base_url": f"http://127.0.0.1:{server.server_port}"}

client = M3ter(**settings)
for number in range(3):
    client.accounts.retrieve(f"account-{number}")
print("three reads with M3ter:")
print(*(f"  {line}" for line in seen), sep="\n")
print(f"  token_expiry: {client.token_expiry:%Y}")
logins = seen.count("POST /oauth/token")

seen.clear()
token = client.authentication.get_bearer_token(
    grant_type="client_credentials", extra_headers={"Authorization": "Basic bWFkZS11cDptYWRlLXVw"}
)
careful = M3ter(**settings, token=token.access_token, token_expiry=datetime.now() + timedelta(seconds=token.expires_in - 300))
for number in range(3):
    careful.accounts.retrieve(f"account-{number}")
logins_round = seen.count("POST /oauth/token")
print(f"three reads with a token and an expiry of one's own: {logins_round} login")

seen.clear()


async def read_once(**more):
    async with AsyncM3ter(**settings, **more) as twin:
        await twin.accounts.retrieve("account-0")


try:
    asyncio.run(read_once())
    refused = None
except TypeError as error:
    refused = error
sent = len(seen)
print(f"one read with AsyncM3ter: {sent} requests, {type(refused).__name__}: {refused}")
asyncio.run(read_once(token=token.access_token))
print(f"one read with AsyncM3ter and that token: {len(seen)} request")
server.shutdown()

assert logins == 3, "the SDK keeps its token now"
assert client.token_expiry.year <= 1970, "the SDK reads expires_in as a duration now"
assert logins_round == 1
assert refused is not None and sent == 0, "AsyncM3ter logs in now"
PYTHON

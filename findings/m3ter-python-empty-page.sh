#!/usr/bin/env bash
# m3ter's Python SDK ends a list at the first page without rows, even where that page says that more follow.
#
# Versions: m3ter 0.9.0 (PyPI), Python 3.11
# Seen:     2026-11-27
#
# What happens: of three pages (two rows, no rows, two rows), each but the last with a `nextToken`, the SDK's iteration over
#   `commitments.list(...)` gives two rows and ends. The token of the empty page is there, as `next_token`, and nobody asks for what is behind it;
#   `has_next_page()` says False. No error, no warning. `get_next_page()` on that same page fetches the last one.
# One would expect: the token decides, as m3ter's reference says it: a list is at its end when `nextToken` is absent, null or empty. A filtered list
#   with a cursor may well have nothing to show for one page.
# Why it matters: the list is read to decide what is there already. What is not seen gets made a second time, or counts as removed, and a
#   Commitment that exists twice is billed twice. The way round: loop over `next_page_info()` and `get_next_page()`, as below. Whoever plays m3ter in
#   a test should send an empty page with a token: it finds the same mistake in one's own client.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check m3ter==0.9.0

"$work/venv/bin/python" - <<'PYTHON'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from m3ter import M3ter

ACCOUNT = "00000000-0000-4000-8000-000000000002"
PAGES = {
    "": (["first", "second"], "page-2"),
    "page-2": ([], "page-3"),
    "page-3": (["third", "fourth"], None),
}
asked = []


class Vendor(BaseHTTPRequestHandler):
    def do_GET(self):
        token = parse_qs(urlsplit(self.path).query).get("nextToken", [""])[0]
        asked.append(token)
        ids, following = PAGES[token]
        page = {"data": [{"id": name, "accountId": ACCOUNT, "amount": 100.0, "currency": "USD"} for name in ids]}
        if following:
            page["nextToken"] = following
        data = json.dumps(page).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = M3ter(
    token="made-up",
    api_key="made-up",
    api_secret="made-up",
    org_id="00000000-0000-4000-8000-000000000001",
    base_url=f"http://127.0.0.1:{server.server_port}",
)

by_iteration = [commitment.id for commitment in client.commitments.list(account_id=ACCOUNT)]
pages_by_iteration = len(asked)
print(f"by iteration: {by_iteration} from {pages_by_iteration} pages")

page = client.commitments.list(account_id=ACCOUNT)
by_token = [commitment.id for commitment in page.data]
says_no_but_has_a_token = []
while page.next_page_info():
    if not page.has_next_page():
        says_no_but_has_a_token.append(page.next_token)
    page = page.get_next_page()
    by_token += [commitment.id for commitment in page.data]
print(f"by the token: {by_token}; has_next_page() was False on the page with the token {says_no_but_has_a_token}")
server.shutdown()

assert by_token == ["first", "second", "third", "fourth"]
assert by_iteration == ["first", "second"] and pages_by_iteration == 2, "the SDK reads on behind an empty page now"
assert says_no_but_has_a_token == ["page-3"]
PYTHON

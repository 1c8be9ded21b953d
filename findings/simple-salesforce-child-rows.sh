#!/usr/bin/env bash
# simple-salesforce's `query_all` reads all parents, but of each child list only the first page, and says `done: True`.
#
# Versions: simple-salesforce 1.12.10 (PyPI), Python 3.11
# Seen:     2026-11-27
#
# What happens: the rows of a subquery come in pages of their own: beside its `records` stand `done`, `totalSize` and a `nextRecordsUrl`. `query_all`
#   follows the `nextRecordsUrl` of the outer list and none of the inner ones. Here a deal with 450 lines comes back with the 200 of the first page,
#   under an outer `done: True`.
# One would expect: "all" to mean the children too, or an error.
# Why it matters: a small deal is complete, a large one loses lines without a sign; what is not read is not billed, or is taken for removed. Example
#   data is too small to show it. The way round, shown below: look at `done` of each child list and go on with `query_more`, or query the
#   children as the outer object.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check simple-salesforce==1.12.10

"$work/venv/bin/python" - <<'PYTHON'
import io
import json
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from simple_salesforce import Salesforce

QUERY = "/services/data/v62.0/query/"
LINES = [{"attributes": {"type": "OpportunityLineItem"}, "Id": f"00k{n:012d}AAA"} for n in range(450)]


def page_of_lines(start):
    page = {"totalSize": len(LINES), "done": start + 200 >= len(LINES), "records": LINES[start : start + 200]}
    if not page["done"]:
        page["nextRecordsUrl"] = f"{QUERY}lines-{start + 200}"
    return page


def deal(number, lines):
    return {"attributes": {"type": "Opportunity"}, "Id": f"006{number:012d}AAA", "OpportunityLineItems": lines}


PAGES = {
    "": {"totalSize": 2, "done": False, "nextRecordsUrl": f"{QUERY}deals-1", "records": [deal(1, page_of_lines(0))]},
    "deals-1": {"totalSize": 2, "done": True, "records": [deal(2, None)]},
    "lines-200": page_of_lines(200),
    "lines-400": page_of_lines(400),
}
asked = []


class Org(BaseAdapter):
    """Answers in place of the network, as the client speaks nothing but https."""

    def send(self, request, **_):
        page = urlsplit(request.url).path.removeprefix(QUERY)
        asked.append(page or "first")
        response = requests.Response()
        response.status_code = 200
        response.url = request.url
        response.raw = io.BytesIO(json.dumps(PAGES[page]).encode())
        return response

    def close(self):
        pass


session = requests.Session()
session.mount("https://", Org())
org = Salesforce(instance="org.invalid", session_id="made-up", session=session, version="62.0")

result = org.query_all("SELECT Id, (SELECT Id FROM OpportunityLineItems) FROM Opportunity")
lines = result["records"][0]["OpportunityLineItems"]
print(f"outer: done {result['done']}, {len(result['records'])} of 2 deals; pages asked for: {asked}")
print(f"inner: done {lines['done']}, {len(lines['records'])} of {lines['totalSize']} lines")
seen = (result["done"], len(result["records"]), lines["done"], len(lines["records"]), list(asked))

rows = list(lines["records"])
while not lines["done"]:
    lines = org.query_more(lines["nextRecordsUrl"], identifier_is_url=True)
    rows += lines["records"]
print(f"by query_more: {len(rows)} lines")

assert len(rows) == len(LINES)
assert seen == (True, 2, False, 200, ["first", "deals-1"]), "query_all follows child lists now"
PYTHON

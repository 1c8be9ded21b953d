#!/usr/bin/env python3
"""Records what a version of the service leaves in PostgreSQL, for the state of both vendors that `record.py` recorded.

    tests/upgrade/record_postgres.py OLD_PROGRAM PROGRAM SERVER_URL

starts the emulators of PROGRAM with `m3ter.json` and `salesforce.json`, lets OLD_PROGRAM serve on a new database of the server, syncs some records of
all five built-in roots, and writes `postgres.sql` beside this file. `tests/processes/upgraded.rs` begins with it. It needs `psql` and `pg_dump`.
"""
import json, os, pathlib, re, subprocess, sys, time, urllib.request

old, program, server = sys.argv[1:]
FOLDER = pathlib.Path(__file__).resolve().parent
SERVICE, SALESFORCE, M3TER, SPARE = 18320, 18321, 18322, 18323
NAME = f"record_{os.getpid()}"
# Records of each root with all that they can have, and two deals of other customers.
PER_ROOT = {"006": 4, "801": 2, "800": 2, "a0Q": 2, "001": 1}


def call(method, url, body=None):
    data = body.encode() if body is not None else b"" if method == "POST" else None
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def until(what):
    for _ in range(200):
        try:
            return what()
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the programs did not start")


def synced():
    """The records that `record.py` synced, in that order."""
    database = (FOLDER / "database.sql").read_text()
    left = dict(PER_ROOT)
    for record in re.findall(r"^INSERT INTO \"runs\" VALUES\('[^']*','([^']*)'", database, re.MULTILINE):
        if left.get(record[:3], 0) > 0:
            left[record[:3]] -= 1
            yield record


def main():
    database = re.sub(r"/[^/?]*(\?.*)?$", f"/{NAME}", server)
    subprocess.run(["psql", "--quiet", "--command", f"CREATE DATABASE {NAME}", server], check=True)
    environment = os.environ | {
        "LISTEN_ADDRESS": f"127.0.0.1:{SERVICE}", "DATABASE_URL": database, "SALESFORCE_LOGIN_URL": f"http://127.0.0.1:{SALESFORCE}",
        "SALESFORCE_CLIENT_ID": "sandbox", "SALESFORCE_CLIENT_SECRET": "sandbox", "M3TER_BASE_URL": f"http://127.0.0.1:{M3TER}",
        "M3TER_ORG_ID": "11111111-1111-4111-8111-111111111111", "M3TER_API_KEY": "sandbox", "M3TER_API_SECRET": "sandbox", "RUST_LOG": "error",
    }
    sandbox = [program, "sandbox", "--port", str(SPARE), "--salesforce-port", str(SALESFORCE), "--m3ter-port", str(M3TER)]
    started = [subprocess.Popen(sandbox, stdout=subprocess.DEVNULL)]
    try:
        until(lambda: call("GET", f"http://127.0.0.1:{SPARE}/readyz"))
        for name, port in [("m3ter", M3TER), ("salesforce", SALESFORCE)]:
            call("PUT", f"http://127.0.0.1:{port}/sandbox/state", (FOLDER / f"{name}.json").read_text())
        started.append(subprocess.Popen([old, "serve"], env=environment))
        until(lambda: call("GET", f"http://127.0.0.1:{SERVICE}/readyz"))
        for record in synced():
            result = call("POST", f"http://127.0.0.1:{SERVICE}/sync-to-m3ter/{record}")
            print(record, result["syncStatus"], {one["action"] for one in result["objectResults"]})
            assert result["syncStatus"] == "Completed" and all(one["action"] == "unchanged" for one in result["objectResults"]), result
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()
    dump = subprocess.run(["pg_dump", "--no-owner", "--no-privileges", database], check=True, stdout=subprocess.PIPE, text=True).stdout
    # Newer clients write lines that older ones do not know.
    (FOLDER / "postgres.sql").write_text("".join(line for line in dump.splitlines(True) if not line.startswith(("\\restrict", "\\unrestrict"))))
    subprocess.run(["psql", "--quiet", "--command", f"DROP DATABASE {NAME}", server], check=True)


main()

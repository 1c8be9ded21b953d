#!/usr/bin/env python3
"""Records what a version of the service leaves in PostgreSQL, for the state of both vendors that `record.py` recorded.

    tests/upgrade/record_postgres.py OLD_PROGRAM PROGRAM SERVER_URL

starts the emulators of PROGRAM with `m3ter.json` and `salesforce.json`, lets OLD_PROGRAM serve on a new database of the server, syncs some records of
all five built-in roots, and writes `postgres.sql` beside this file. `tests/processes/upgraded.rs` begins with it. It needs `psql` and `pg_dump`.
"""
import os, pathlib, re, subprocess, sys

from programs import Programs, call

old, program, server = sys.argv[1:]
FOLDER = pathlib.Path(__file__).resolve().parent
PROGRAMS = Programs(18320)
NAME = f"record_{os.getpid()}"
# Records of each root with all that they can have, and two deals of other customers.
PER_ROOT = {"006": 4, "801": 2, "800": 2, "a0Q": 2, "001": 1}


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
    with PROGRAMS.sandbox(program):
        for name, vendor in PROGRAMS.vendors.items():
            call("PUT", f"{vendor}/sandbox/state", (FOLDER / f"{name}.json").read_text())
        PROGRAMS.serve(old, database, RUST_LOG="error")
        for record in synced():
            result = call("POST", f"{PROGRAMS.service}/sync-to-m3ter/{record}")
            print(record, result["syncStatus"], {one["action"] for one in result["objectResults"]})
            assert result["syncStatus"] == "Completed" and all(one["action"] == "unchanged" for one in result["objectResults"]), result
    dump = subprocess.run(["pg_dump", "--no-owner", "--no-privileges", database], check=True, stdout=subprocess.PIPE, text=True).stdout
    # Newer clients write lines that older ones do not know.
    (FOLDER / "postgres.sql").write_text("".join(line for line in dump.splitlines(True) if not line.startswith(("\\restrict", "\\unrestrict"))))
    subprocess.run(["psql", "--quiet", "--command", f"DROP DATABASE {NAME}", server], check=True)


main()

"""A sink that is exactly once, into SQLite, and a program that runs a stream into it until its source ends; to be killed.

ledger.py FOLDER SCRIPT INSERT: FOLDER/state is the state, FOLDER/out.db gets the rows as JSON. Used by test_sink.py and
test_source.py.
"""

import json
import os
import pathlib
import random
import sqlite3
import subprocess
import sys

import weir
from weir import stream


class Ledger:
    """Rows wait in memory until prepare makes them the token; commit is one transaction of rows and epoch."""

    path = ""

    def open(self, query):
        self.query = query
        self.waiting = []
        self.database = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        self.database.execute("CREATE TABLE IF NOT EXISTS rows (line TEXT)")
        self.database.execute("CREATE TABLE IF NOT EXISTS marks (query TEXT PRIMARY KEY, epoch INTEGER)")

    def write(self, rows):
        self.waiting += rows

    def prepare(self, epoch):
        token, self.waiting = json.dumps(self.waiting, default=str), []
        return token.encode()

    def commit(self, epoch, token):
        self.database.execute("BEGIN IMMEDIATE")
        if self.database.execute("SELECT 1 FROM marks WHERE query = ? AND epoch = ?", (self.query, epoch)).fetchone() is None:
            self.database.executemany("INSERT INTO rows VALUES (?)", [(json.dumps(row),) for row in json.loads(token)])
            self.database.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (self.query, epoch))
        self.database.execute("COMMIT")

    def abort(self):
        self.waiting = []

    def close(self):
        self.database.close()


def lines(folder):
    """The rows there are, sorted; none before the first commit."""
    database = sqlite3.connect(pathlib.Path(folder, "out.db"), timeout=30)
    try:
        return sorted(json.loads(line) for (line,) in database.execute("SELECT line FROM rows"))
    except sqlite3.OperationalError:
        return []
    finally:
        database.close()


def run(folder, script, insert, prepare=lambda db: None):
    Ledger.path = str(pathlib.Path(folder, "out.db"))
    with weir.connect(threads=1) as db:
        stream.create_sink("ledger", Ledger, by="rows", connection=db)
        prepare(db)
        db.execute(script)
        with stream.start(insert, connection=db, state=str(pathlib.Path(folder, "state")), checkpoint_interval="5 ms") as query:
            assert query.progress["delivery"] == "exactly-once", query.progress["delivery_reason"]
            query.wait()


def killed_until_done(program, folder, script, insert, kills):
    """Runs a program of this folder again and again, killing it at random moments, at last not any more; how often."""
    here = pathlib.Path(__file__).parent
    paths = {**os.environ, "PYTHONPATH": f"{pathlib.Path(weir.__file__).parents[1]}:{here}"}
    chance, done = random.Random(7), 0
    while True:
        running = subprocess.Popen([sys.executable, str(here / program), str(folder), script, insert], env=paths)
        try:
            assert running.wait(chance.uniform(0.15, 0.5) if done < kills else 120) == 0
            return done
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
            done += 1


if __name__ == "__main__":
    run(*sys.argv[1:])

"""A stream into a sink written in Python, which puts every row into SQLite once, whatever is killed when.

Rows wait in memory until prepare gives them to the stream, which keeps them with its state; commit writes them and the
epoch in one transaction, so that a commit that is repeated after a crash finds its epoch and does nothing.

Prints:
    exactly-once
    [('Lyon', 21.5), ('Rome', 30.0)]
"""

import json
import sqlite3

import weir
from weir import stream


class Table:
    def open(self, query):
        self.query = query
        self.waiting = []
        self.database = sqlite3.connect("warm.db", isolation_level=None, check_same_thread=False)
        self.database.execute("CREATE TABLE IF NOT EXISTS warm (place TEXT, degrees REAL)")
        self.database.execute("CREATE TABLE IF NOT EXISTS epochs (query TEXT PRIMARY KEY, epoch INTEGER)")

    def write(self, rows):
        self.waiting += rows

    def prepare(self, epoch):
        token, self.waiting = json.dumps(self.waiting), []
        return token.encode()

    def commit(self, epoch, token):
        self.database.execute("BEGIN IMMEDIATE")
        if not self.database.execute("SELECT 1 FROM epochs WHERE (query, epoch) = (?, ?)", (self.query, epoch)).fetchone():
            self.database.executemany("INSERT INTO warm VALUES (?, ?)", json.loads(token))
            self.database.execute("INSERT OR REPLACE INTO epochs VALUES (?, ?)", (self.query, epoch))
        self.database.execute("COMMIT")

    def abort(self):
        self.waiting = []

    def close(self):
        self.database.close()


with weir.connect() as db:
    stream.create_sink("warm", Table, columns={"place": "VARCHAR", "degrees": "DOUBLE"}, by="rows", connection=db)
    readings = stream.Source("readings", {"place": "VARCHAR", "degrees": "DOUBLE"}, connection=db)
    insert = "INSERT INTO warm SELECT * FROM readings WHERE degrees > 20"
    with stream.start(insert, connection=db, state="state") as query:
        readings.push([{"place": "Rome", "degrees": 30.0}, {"place": "Oslo", "degrees": 3.0}], number=1)
        readings.push([{"place": "Lyon", "degrees": 21.5}], number=2)
        query.await_idle("10 s")
        print(query.progress["delivery"])

print(sqlite3.connect("warm.db").execute("SELECT * FROM warm ORDER BY place").fetchall())

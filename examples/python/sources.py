"""A source written in Python that follows a log: started again, the stream goes on behind what it has committed.

Prints:
    from None: [('error', 1), ('info', 2)]
    from 22: [('error', 2), ('info', 2)]
"""

import pathlib

import weir
from weir import stream

log = pathlib.Path("app.log")


def lines(position):
    print(f"from {position}", end=": ")
    with log.open() as file:
        file.seek(position or 0)
        while True:
            line = file.readline()
            yield ([{"level": line.split()[0]}], file.tell()) if line.endswith("\n") else None


counts = {}


def keep(rows):
    counts.update(rows)


for text in ("info a\ninfo b\nerror c\n", "error d\n"):
    with log.open("a") as file:
        file.write(text)
    with weir.connect() as db:
        stream.create_source("lines", lines, columns={"level": "VARCHAR"}, connection=db)
        stream.create_sink("counts", lambda rows: keep(row[1:] for row in rows if row[0] > 0), columns={"level": "VARCHAR", "n": "BIGINT"},
                           key=["level"], by="rows", changes=True, connection=db)
        insert = "INSERT INTO counts SELECT level, count(*) FROM lines GROUP BY level"
        with stream.start(insert, connection=db, state="state") as query:
            query.await_idle("10 s")
    print(sorted(counts.items()))

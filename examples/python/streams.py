"""A continuous query over rows that the program pushes, and a view that follows them.

Prints:
    [('Lyon', 21.5), ('Rome', 30.0)]
    a: 2
"""

import weir
from weir import stream

with weir.connect() as db:
    readings = stream.Source("readings", {"place": "VARCHAR", "degrees": "DOUBLE"}, connection=db)
    db.execute("CREATE TABLE warm (place VARCHAR, degrees DOUBLE)")
    with stream.start("INSERT INTO warm SELECT * FROM readings WHERE degrees > 20", connection=db) as query:
        readings.push([{"place": "Rome", "degrees": 30.0}, {"place": "Oslo", "degrees": 3.0}])
        readings.push([{"place": "Lyon", "degrees": 21.5}])
        query.await_idle("10 s")
    print(db.table("warm").sort("place").rows())

    clicks = stream.Source("clicks", {"page": "VARCHAR"}, connection=db)
    db.execute("CREATE MATERIALIZED VIEW per_page AS SELECT page, count(*) AS n FROM clicks GROUP BY page")
    with db.subscribe("per_page") as changes:
        clicks.push([{"page": "a"}, {"page": "a"}])
        for change in changes:
            if change.diff > 0 and change.row["n"] == 2:
                print(f"{change.row['page']}: {change.row['n']}")
                break

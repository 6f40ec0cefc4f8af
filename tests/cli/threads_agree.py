#!/usr/bin/env python3
"""Every operator over enough rows for several workers: one thread, three threads, and three that spill give the same rows.

Sums here are of integers or of a few digits, and every result that shows rows has one order, so that nothing but a mistake
can make a difference. The flavour tsan makes this the hunt for data races (make tsan-test).
"""
import json
import os
import subprocess
import sys
import tempfile

WEIR = os.environ.get("WEIR", "build/weir")
MODES = {"1 thread": ["--threads", "1"], "3 threads": ["--threads", "3"],
         "3 threads that spill": ["--threads", "3", "--set", "force_spill=on"]}
STATEMENTS = """
CREATE TABLE a AS SELECT x, x % 10 AS g, 'text ' || x % 977 AS t, x / 4.0 AS d, CASE WHEN x % 13 <> 0 THEN x % 1000 END AS n FROM generate_series(1, 30000) s(x)
CREATE TABLE b AS SELECT x * 3 AS x, x % 7 AS h, 'key ' || x AS k FROM generate_series(1, 15000) s(x)
SELECT h, count(*), sum(g) FROM a JOIN b USING (x) GROUP BY h ORDER BY h
SELECT t, count(*), avg(d), min(n), max(t) FROM a GROUP BY t ORDER BY t LIMIT 5
SELECT x, t, row_number() OVER (PARTITION BY g ORDER BY x DESC) AS r, sum(n) OVER (PARTITION BY g ORDER BY x ROWS BETWEEN 5 PRECEDING AND CURRENT ROW) FROM a ORDER BY x LIMIT 5
SELECT sum(rank) FROM (SELECT rank() OVER (ORDER BY n, x) AS rank FROM a)
SELECT lag(x) OVER (ORDER BY t, x), ntile(7) OVER (ORDER BY x), first_value(t) OVER (PARTITION BY n ORDER BY x) FROM a ORDER BY 1 NULLS FIRST, 2 LIMIT 3
SELECT * FROM a ORDER BY t DESC, x LIMIT 10 OFFSET 1000
SELECT x, t FROM a ORDER BY n, d DESC
SELECT DISTINCT n, g FROM a ORDER BY 1, 2 LIMIT 7
SELECT count(DISTINCT t), count(DISTINCT n), median(d), mode(g), string_agg(DISTINCT g::text, ',' ORDER BY g::text) FROM a
SELECT g, array_agg(x ORDER BY x DESC)[1], quantile_cont(d, 0.3) FROM a GROUP BY g ORDER BY g
SELECT g, h, count(*) FROM a LEFT JOIN b USING (x) GROUP BY ROLLUP (g, h) ORDER BY g NULLS LAST, h NULLS LAST, 3 LIMIT 9
SELECT count(*) FROM a FULL JOIN b USING (x)
SELECT count(*) FROM a WHERE x IN (SELECT x FROM b WHERE h > 3)
SELECT count(*) FROM a WHERE x NOT IN (SELECT x FROM b WHERE h > 3)
SELECT count(*) FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.x = a.x AND b.h < a.g)
SELECT count(*), sum(c) FROM (SELECT x, (SELECT count(*) FROM b WHERE b.x = a.x) AS c FROM a)
SELECT count(*) FROM (SELECT x FROM a UNION SELECT x FROM b)
SELECT count(*) FROM (SELECT x FROM a INTERSECT SELECT x FROM b)
SELECT count(*) FROM (SELECT x FROM a EXCEPT ALL SELECT x FROM b)
SELECT count(*) FROM (SELECT x FROM a UNION ALL SELECT x FROM b UNION ALL SELECT n FROM a)
WITH m AS MATERIALIZED (SELECT g, sum(n) AS s FROM a GROUP BY g) SELECT count(*) FROM a JOIN m USING (g) JOIN m m2 ON m2.s = m.s
WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 200) SELECT count(*) FROM r JOIN a ON a.g = r.i % 10
SELECT count(*) FROM a JOIN b ON a.x < b.x AND a.x > b.x - 5 WHERE a.g = 3 AND b.h = 2
SELECT count(*) FROM a ASOF JOIN b ON a.x >= b.x
SELECT sum(len(l)) FROM (SELECT list(x) AS l FROM a GROUP BY n)
SELECT count(*) FROM a, unnest([1, 2, 3]) u(v) WHERE (a.x + v) % 2 = 0
CREATE TABLE c AS SELECT * FROM a ORDER BY t
INSERT INTO c SELECT * FROM a WHERE g < 5
UPDATE c SET d = d + 1 WHERE g = 3
DELETE FROM c WHERE x % 11 = 0
SELECT count(*), sum(d) FROM c
CREATE TABLE k (x bigint primary key, v bigint)
INSERT INTO k SELECT x, g FROM a
INSERT INTO k SELECT x, 1 FROM b ON CONFLICT (x) DO UPDATE SET v = k.v + 1
SELECT count(*), sum(v) FROM k
DROP TABLE c
DROP TABLE k
COPY a TO '{folder}/a.csv' (HEADER)
COPY a TO '{folder}/a.parquet' (ROW_GROUP_SIZE 4000)
COPY a TO '{folder}/a.json'
COPY a TO '{folder}/a.arrow'
SELECT count(*), sum(x), min(t), sum(d) FROM '{folder}/a.csv'
SELECT count(*), sum(x), min(t), sum(d) FROM '{folder}/a.parquet' WHERE x > 1000
SELECT count(*), sum(x), min(t), sum(d) FROM '{folder}/a.json'
SELECT count(*), sum(x), min(t), sum(d) FROM '{folder}/a.arrow'
SELECT g, count(*) FROM '{folder}/a.csv' JOIN '{folder}/a.parquet' p USING (x, g) GROUP BY g ORDER BY g
PIVOT (SELECT g, x % 3 AS y, n FROM a) ON y USING sum(n) GROUP BY g ORDER BY g
WITH i AS (INSERT INTO b SELECT x, 1, 'new' FROM a WHERE x < 50 RETURNING x) SELECT count(*) FROM i
SELECT count(*) FROM a CROSS JOIN (SELECT 1 UNION SELECT 2) q(z)
""".strip().splitlines()


class Engine:
    def __init__(self, flags):
        self.child = subprocess.Popen([WEIR, *flags, "--stdio", "jsonl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.folder = tempfile.TemporaryDirectory()

    def ask(self, sql):
        self.child.stdin.write(json.dumps({"id": 1, "sql": sql.replace("{folder}", self.folder.name)}) + "\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            sys.exit(f"the engine died of {sql}: {self.child.wait()}")
        reply = json.loads(line)
        if not reply["ok"]:
            sys.exit(f"{sql}: {reply['error']['message']}")
        return reply["rows"], reply.get("affected")

    def close(self):
        self.child.stdin.close()
        self.folder.cleanup()
        return self.child.wait()


def main():
    engines = {name: Engine(flags) for name, flags in MODES.items()}
    wrong = 0
    for sql in STATEMENTS:
        answers = {name: engine.ask(sql) for name, engine in engines.items()}
        for name, answer in answers.items():
            if answer != answers["1 thread"]:
                wrong += 1
                print(f"{sql}\n  1 thread: {str(answers['1 thread'])[:300]}\n  {name}: {str(answer)[:300]}")
    for name, engine in engines.items():
        if code := engine.close():
            wrong += 1
            print(f"{name}: exit {code}")
    sys.exit(bool(wrong))


main()

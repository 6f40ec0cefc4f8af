#!/usr/bin/env python3
"""Random queries over events, as a batch and as streams; what streams come to must be what the batch says.

Two files of events with NULLs, repeated keys and rows out of order within what the watermark allows. Queries: windows of time,
groups, joins with and without bounds in time, ASOF joins, the best rows per key, DISTINCT, window functions, and some above each
other. Streams run at once; with a small memory limit; with workers; and with a state, in three runs that see a part of the files each (the
last one ends all windows). WEIR_ALSO names more binaries, e.g. one built with BATCH=7. What they print (+ and -) must add up to
the rows of the batch, and nothing may be taken back that was not there.

Usage: differential_streams.py [COUNT] [SEED]; `differential_streams.py one SEED` prints the scripts of one query.
"""
import collections
import os
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
WEIR = os.environ.get("WEIR", str(ROOT / "build" / "weir"))
PARTS, SECONDS, DISORDER_S = 3, 300, 5
FEW, MANY, MANY_EVERY = 240, 20000, 10  # rows; every tenth query has many, which do not fit in the small memory
COLUMNS = {"a": "k INT, g VARCHAR, v INT, d DECIMAL(8,2), ts TIMESTAMP", "b": "k INT, g VARCHAR, w INT, ts TIMESTAMP"}
LATER = "2026-02-01 00:00:00"  # ends everything; rows of that time are left out by the views
UNSUPPORTED = "W0104"


# ---- data ----

def moment(microseconds):
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"2026-01-01 {seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:06}"


def events(rng, table, count):
    """Rows of a table in the order they come: times are all different and late by DISORDER_S at most."""
    keys = rng.choice([3, 8, 40] if count == FEW else [4000, 15000])
    texts = ["x", "y", "zz", "", "a longer text of more than twelve bytes"]
    times = sorted(rng.sample(range(SECONDS * 1_000_000), count))
    late = sorted(times, key=lambda t: t + rng.random() * DISORDER_S * 0.9e6)
    for t in late:
        k = "" if rng.random() < 0.08 else str(rng.randrange(keys))
        g = '""' if rng.random() < 0.1 else "" if rng.random() < 0.1 else rng.choice(texts) or '""'
        v = "" if rng.random() < 0.1 else str(rng.randrange(-20, 21))
        yield ",".join([k, g, v] + ([f"{rng.randrange(-500, 500) / 100:.2f}"] if table == "a" else []) + [moment(t)])


def write_parts(rng, folder, count):
    for table in COLUMNS:
        rows = list(events(rng, table, count))
        header = ",".join(column.split()[0] for column in COLUMNS[table].split(", "))
        for part in range(PARTS):
            piece = rows[part * count // PARTS:(part + 1) * count // PARTS]
            (folder / f"{table}{part}.csv").write_text("\n".join([header] + piece) + "\n")
        empty = ",".join([""] * (len(header.split(",")) - 1) + [LATER])
        (folder / f"{table}{PARTS}.csv").write_text(f"{header}\n{empty}\n")


# ---- queries ----

class Maker:
    def __init__(self, rng):
        self.rng = rng

    def chance(self, share):
        return self.rng.random() < share

    def one(self, *choices):
        return self.rng.choice(choices)

    def some(self, choices, least, most):
        return self.rng.sample(choices, self.rng.randint(least, min(most, len(choices))))

    def span(self, *seconds):
        return f"INTERVAL '{self.one(*seconds)} seconds'"

    def condition(self, p=""):
        return self.one(f"{p}v > 0", f"{p}k IS NOT NULL", f"{p}g <> 'x'", f"{p}v % 2 = 0 OR {p}g IS NULL", f"{p}d < 1.5")

    def where(self):
        return f" WHERE {self.condition()}" if self.chance(0.3) else ""

    def calls(self, least=1, most=4):
        filters = f" FILTER (WHERE {self.condition()})" if self.chance(0.2) else ""
        found = self.some(["count(*)", "count(v)", "sum(v)", "min(v)", "max(v)", "avg(v)", "sum(d)", "min(d)", "min(g)", "max(g)",
                           "count(DISTINCT v)", "sum(DISTINCT v)", "count(DISTINCT g)", "bool_or(v > 10)", "median(v)",
                           "max(ts)", f"sum(v){filters}", f"count(*){filters}"], least, most)
        return [f"{call} AS c{i}" for i, call in enumerate(found)]

    def keys(self, least, most):
        return self.some(["k", "g", "k % 2", "upper(g)", "v > 0", "coalesce(k, -1)"], least, most)

    def window(self, table):
        kind = self.rng.randrange(4)
        if kind == 0:
            return f"tumble({table}, ts, {self.span(1, 7, 10, 60)})"
        if kind == 1:
            return f"hop({table}, ts, {self.one('INTERVAL 5 seconds', 'INTERVAL 10 seconds')}, {self.span(10, 20, 60)})".replace(
                "INTERVAL 5 seconds", "INTERVAL '5 seconds'").replace("INTERVAL 10 seconds", "INTERVAL '10 seconds'")
        if kind == 2:
            return f"hop({table}, ts, INTERVAL '7 seconds', {self.span(9, 16)})"
        return f"session({table}, ts, gap => {self.span(1, 3, 8)})"

    def windowed(self):
        keys = self.keys(0, 2)
        names = [f"{key} AS g{i}" for i, key in enumerate(keys)]
        having = " HAVING count(*) > 1" if self.chance(0.2) else ""
        edges = ["window_start", "window_end"] if self.chance(0.7) else ["window_end"]
        emit = " EMIT ON WINDOW CLOSE" if self.chance(0.6) else ""
        return (f"SELECT {', '.join(names + edges + self.calls())} FROM {self.window('a')}{self.where()} "
                f"GROUP BY {', '.join(keys + ['window_start', 'window_end'])}{having}{emit}")

    def grouped(self):
        keys = self.keys(0, 2)
        names = [f"{key} AS g{i}" for i, key in enumerate(keys)]
        group = f" GROUP BY {', '.join(keys)}" if keys else ""
        having = " HAVING count(*) % 2 = 1" if self.chance(0.2) else ""
        inner = f"SELECT {', '.join(names + self.calls())} FROM a{self.where()}{group}{having}"
        if self.chance(0.3):
            return f"SELECT c0, count(*) AS n FROM ({inner}) GROUP BY c0"
        return inner

    def kind(self):
        return self.one("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")

    def joined(self):
        on = "a.k = b.k" + (" AND a.g = b.g" if self.chance(0.3) else "")
        more = " AND a.v > b.w" if self.chance(0.2) else ""
        way, kind = self.rng.randrange(3), self.kind()
        if way == 0:
            on += f" AND a.ts BETWEEN b.ts - {self.span(1, 10, 40)} AND b.ts + {self.span(0, 5, 40)}"
            rows = f"a {kind} b ON {on}{more}"
        elif way == 1:
            width = self.span(5, 30)
            rows = (f"tumble(a, ts, {width}) a {kind} tumble(b, ts, {width}) b ON {on} AND a.window_start = b.window_start "
                    f"AND a.window_end = b.window_end{more}")
        else:
            rows = f"a {kind} b ON {on}{more}"
        if self.chance(0.3):
            return f"SELECT a.g, count(*) AS n, sum(a.v) AS v, max(b.w) AS w FROM {rows} GROUP BY a.g"
        return f"SELECT a.k, a.v, a.ts, b.k AS bk, b.w, b.ts AS bts FROM {rows}"

    def asof(self):
        kind = self.one("ASOF JOIN", "ASOF LEFT JOIN")
        return f"SELECT a.k, a.v, a.ts, b.w, b.ts AS bts FROM a {kind} b ON a.k = b.k AND a.ts >= b.ts"

    def best(self):
        order = self.one("v DESC", "v", "ts", "ts DESC", "g, v DESC")
        part = self.one("PARTITION BY k ", "PARTITION BY g ", "PARTITION BY k, g ", "")
        inner = f"SELECT k, g, v, ts, row_number() OVER ({part}ORDER BY {order}, ts) AS n FROM a{self.where()}"
        return f"SELECT k, g, v, ts{self.one('', ', n')} FROM ({inner}) WHERE n <= {self.one(1, 2, 5)}"

    def plain(self):
        return self.one("SELECT DISTINCT k, g FROM a", f"SELECT k, g, v * 2 AS v FROM a{self.where()}",
                        "SELECT k, v FROM a UNION ALL SELECT k, w FROM b",
                        "SELECT k, count(*) AS n, sum(v) AS v FROM (SELECT k, v FROM a UNION ALL SELECT k, w FROM b) GROUP BY k",
                        f"SELECT k, g, v FROM a{self.where()} ORDER BY v DESC, ts LIMIT {self.one(1, 7)}",
                        "SELECT g, count(*) AS n FROM (SELECT DISTINCT k, g FROM a) GROUP BY g",
                        "SELECT k, max(n) AS n FROM (SELECT k, g, count(*) AS n FROM a GROUP BY k, g) GROUP BY k")

    def over(self):
        frame = self.one(f"RANGE BETWEEN {self.span(1, 10, 60)} PRECEDING AND CURRENT ROW",
                         f"ROWS BETWEEN {self.one(1, 3)} PRECEDING AND CURRENT ROW", "ROWS UNBOUNDED PRECEDING")
        call = self.one("sum(v)", "count(*)", "max(v)", "min(d)", "avg(v)")
        if self.chance(0.2):
            call, frame = self.one("lag(v)", "row_number()", "lag(v, 2)"), ""
        return f"SELECT k, v, ts, {call} OVER ({self.one('PARTITION BY k ', 'PARTITION BY g ', '')}ORDER BY ts {frame}) AS c FROM a"

    def query(self):
        return self.one(self.windowed, self.windowed, self.grouped, self.joined, self.joined, self.best, self.plain, self.over,
                        self.asof)()


def make(seed):
    return Maker(random.Random(seed)).query()


# ---- running ----

def sources(folder, bounded):
    text = ""
    for table, columns in COLUMNS.items():
        text += (f"CREATE SOURCE raw_{table} ({columns}, WATERMARK FOR ts AS ts - INTERVAL '{DISORDER_S} seconds') WITH (connector = "
                 f"'files', path = '{folder}/{table}*.csv', format = 'csv', header = true, settle_ms = 1, poll_interval_ms = 5"
                 f"{', bounded = true' if bounded else ''});\n"
                 f"CREATE VIEW {table} AS SELECT * FROM raw_{table} WHERE ts < TIMESTAMP '{LATER}';\n")
    return text


def weir(binary, arguments, script):
    done = subprocess.run([binary, *arguments], input=script, capture_output=True, text=True, timeout=120)
    if done.returncode:
        return None, done.stderr.strip()
    return done.stdout, ""


def added_up(text):
    rows = collections.Counter()
    for line in text.splitlines():
        rows[line[2:]] += 1 if line[0] == "+" else -1
        if rows[line[2:]] < 0:
            return None
    return +rows


def sink(query):
    return f"CREATE SINK out WITH (connector = 'console') AS {query};\n"


def link_parts(data, folder, parts):
    for part in parts:
        for table in COLUMNS:
            target = folder / f"{table}{part}.csv"
            if not target.exists():
                target.symlink_to(data / target.name)


def in_one_run(binary, data, query, settings):
    return weir(binary, ["-q", "-c", "-"], sources(data, True) + settings + sink(query))


def in_three_runs(binary, data, query, place, *options):
    """Each sees one part more; the last one sees the rows that end all windows."""
    folder, said = place / "seen", ""
    folder.mkdir()
    for parts in range(PARTS):
        link_parts(data, folder, range(parts + 1) if parts < PARTS - 1 else range(PARTS + 1))
        text, error = weir(binary, ["run", "-", "--once", "-q", "--state", str(place / "state"), *options],
                           sources(folder, False) + sink(query))
        if text is None:
            return None, error
        said += text
    return said, ""


def ways(data, query, place):
    yield "at once", in_one_run(WEIR, data, query, "SET stream_mode = 'always';\n")
    yield "little memory", in_one_run(WEIR, data, query, "SET memory_limit = '12MB'; SET stream_mode = 'always';\n")
    yield "two workers", in_one_run(WEIR, data, query, "SET stream_workers = 2; SET stream_mode = 'always';\n")
    yield "three runs", in_three_runs(WEIR, data, query, place)
    (place / "workers").mkdir()
    yield "workers, three runs", in_three_runs(WEIR, data, query, place / "workers", "--workers", "3")
    for i, binary in enumerate(filter(None, os.environ.get("WEIR_ALSO", "").split(":"))):
        yield binary, in_one_run(binary, data, query, "SET stream_mode = 'always';\n")
        (place / str(i)).mkdir()
        yield f"{binary}, three runs", in_three_runs(binary, data, query, place / str(i))


def compare(seed):
    """What is wrong with the query of this seed; "" if nothing; None: streams do not take it."""
    query = make(seed)
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        data = place / "data"
        data.mkdir()
        write_parts(random.Random(f"rows {seed}"), data, FEW if seed % MANY_EVERY else MANY)
        text, error = in_one_run(WEIR, data, query.replace(" EMIT ON WINDOW CLOSE", ""), "")
        if text is None:
            return f"the batch fails: {error}"
        wanted = added_up(text)
        for way, (text, error) in ways(data, query, place):
            if text is None and UNSUPPORTED in error:
                return None
            if text is None:
                return f"{way}: {error}"
            found = added_up(text)
            if found is None:
                return f"{way}: a row is taken back that is not there"
            if found != wanted:
                missing, more = wanted - found, found - wanted
                return (f"{way}: {sum(missing.values())} of {sum(wanted.values())} rows are missing, {sum(more.values())} too many; "
                        f"missing {next(iter(missing), '-')}; too many {next(iter(more), '-')}")
    return ""


def main():
    if sys.argv[1:2] == ["one"]:
        seed = int(sys.argv[2])
        print(f"{make(seed)};\n-- {compare(seed) or 'the same'}")
        return 0
    count, first = (int(text) for text in (sys.argv[1:] + ["200", "1"][len(sys.argv) - 1:])[:2])
    bad = refused = 0
    for seed in range(first, first + count):
        what = compare(seed)
        refused += what is None
        if what:
            bad += 1
            print(f"seed {seed}: {what}\n    {make(seed)}", flush=True)
    print(f"{count} queries, {refused} refused as streams, {bad} differ")
    return 1 if bad or refused > count * 0.05 else 0


if __name__ == "__main__":
    sys.exit(main())

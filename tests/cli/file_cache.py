"""The cache of decoded columns: it is used, never stale, bounded, and gives way to queries."""
import json
import os
import subprocess
import sys

WEIR = os.environ["WEIR"]


class Session:
    def __init__(self, *options):
        self.process = subprocess.Popen([WEIR, "--threads", "2", *options, "--stdio", "jsonl"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, sql):
        self.process.stdin.write(json.dumps({"id": 1, "sql": sql}) + "\n")
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        return reply["rows"] if reply["ok"] else reply["error"]["code"]

    def peak(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM"))

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit("weir did not end well")


def expect(got, wanted, what):
    if got != wanted:
        sys.exit(f"{what}: {got}, not {wanted}")


def once(sql):
    subprocess.run([WEIR, "-q", "-c", sql], check=True, stdout=subprocess.DEVNULL)


def make(path, factor):
    once(f"COPY (SELECT i * {factor} AS n, i::DECIMAL(12,2) / 4 AS d, CASE WHEN i % 7 <> 0 THEN 'k' || i % 20 END AS k, "
         "DATE '2020-01-01' + (i % 900)::INTEGER AS day, 'text number ' || i AS t, i * 0.5e0 AS f, i % 3 = 0 AS b, [i] AS l "
         f"FROM range(150000) r(i)) TO '{path}' (ROW_GROUP_SIZE 50000)")


QUERIES = [
    "SELECT count(*), sum(n), sum(d), min(day), max(t), sum(f), count(k) FROM 'x.parquet'",
    "SELECT k, count(*), sum(d), count(DISTINCT t), bool_or(b) FROM 'x.parquet' GROUP BY k ORDER BY k",
    "SELECT count(*), min(t) FROM 'x.parquet' WHERE n BETWEEN 70000 AND 70100",
    "SELECT count(*), max(d) FROM 'x.parquet' WHERE k IN ('k3', 'k19') AND day < DATE '2020-06-01'",
    "SELECT count(*), min(n), max(t) FROM 'x.parquet' WHERE k IS NULL AND t LIKE '%99%'",
    "SELECT sum(a.d), count(*) FROM 'x.parquet' a JOIN 'x.parquet' b ON a.n = b.n WHERE b.day = DATE '2021-01-01'",
    "SELECT t, d, l FROM 'x.parquet' ORDER BY f DESC LIMIT 5",
    "SELECT k, day, count(*) FROM 'x.parquet' WHERE n > 149000 GROUP BY k, day ORDER BY count(*) DESC, k, day LIMIT 7",
]


def bytes_kept(session):
    return sum(row[4] for row in session.ask("SELECT * FROM weir_file_cache()"))


def plan(session, sql):
    return " ".join(str(row) for row in session.ask("EXPLAIN ANALYZE " + sql))


def test_same_answers():
    plain, cached = Session("--set", "file_cache_size=0"), Session()
    small = Session("--set", "file_cache_size=200kB")
    for turn in range(3):
        for sql in QUERIES:
            wanted = plain.ask(sql)
            expect(cached.ask(sql), wanted, f"turn {turn}: {sql}")
            expect(small.ask(sql), wanted, f"turn {turn}, small cache: {sql}")
            if bytes_kept(small) > 200_000:
                sys.exit("the cache is larger than file_cache_size")
    expect(bytes_kept(plain), 0, "kept without a cache")
    for sql in QUERIES[:6]:
        expect("from cache" in plan(cached, sql), True, "served from the cache: " + sql)
        expect("from cache" in plan(plain, sql), False, "served from a cache that is off: " + sql)
    if bytes_kept(cached) < 1_000_000:
        sys.exit("next to nothing was kept")
    cached.ask("SET file_cache_size = '0'")
    expect(bytes_kept(cached), 0, "kept after it was turned off")
    for session in (plain, cached, small):
        session.close()


def test_first_touch_keeps_nothing():
    session = Session()
    for sql in QUERIES[:1]:
        session.ask(sql)
    if bytes_kept(session) > 100_000:
        sys.exit("one statement filled the cache")
    session.close()


def test_changed_files():
    session, sql = Session(), "SELECT sum(n) FROM 'c.parquet'"
    make("c.parquet", 1)
    one = [[sum(range(150000))]]
    for _ in range(4):
        expect(session.ask(sql), one, "before the change")
    expect("from cache" in plan(session, sql), True, "served from the cache")
    # The same size and inode, another time.
    old = os.stat("c.parquet")
    with open("c.parquet", "rb") as f:
        content = f.read()
    make("d.parquet", 2)
    with open("d.parquet", "rb") as f:
        other = f.read()
    with open("c.parquet", "r+b") as f:
        f.write(other)
        f.truncate(len(other))
    expect(session.ask(sql), [[2 * one[0][0]]], "after the change in place")
    for _ in range(3):
        session.ask(sql)
    # Back, with the size and times of before, as an archive would restore it.
    size = max(len(content), len(other))
    with open("c.parquet", "r+b") as f:
        f.write(content)
        f.truncate(len(content))
    os.utime("c.parquet", ns=(old.st_atime_ns, old.st_mtime_ns))
    expect(session.ask(sql), one, "after it was restored")
    # Other contents under the same time and inode: only the footer differs.
    time = os.stat("c.parquet").st_mtime_ns
    for _ in range(3):
        session.ask(sql)
    with open("c.parquet", "r+b") as f:
        f.write(other)
        f.truncate(len(other))
    os.utime("c.parquet", ns=(time, time))
    expect(session.ask(sql), [[2 * one[0][0]]], f"same time, other footer ({size} bytes)")
    # Replaced by name; a file that went away keeps nothing.
    once("COPY (SELECT 7 AS n) TO 'c.parquet'")
    expect(session.ask(sql), [[7]], "after it was replaced")
    if bytes_kept(session) > 100_000:
        sys.exit("columns of a file that was replaced are still kept")
    session.close()


def test_pressure():
    """What fits without the cache fits with it."""
    session = Session("--memory", "48MB", "--set", "file_cache_size=40MB")
    for _ in range(3):
        for sql in QUERIES[:2]:
            session.ask(sql)
    if bytes_kept(session) < 5_000_000:
        sys.exit("the cache did not fill")
    greedy = "SELECT count(*), sum(c) FROM (SELECT t, count(*) AS c, list(n) FROM 'x.parquet' GROUP BY t, d, n, day, f)"
    array = "SELECT length(string_agg(t, '')) FROM 'x.parquet'"
    fresh = Session("--memory", "48MB", "--set", "file_cache_size=0")
    for sql in (greedy, array, greedy):
        expect(session.ask(sql), fresh.ask(sql), sql)
    session.close()
    fresh.close()


def test_cancel():
    """A statement that is stopped while it fills leaves the cache as it should be."""
    session, plain = Session(), Session("--set", "file_cache_size=0")
    wanted = [plain.ask(sql) for sql in QUERIES]
    for turn in range(30):
        session.ask(f"SET statement_timeout = '{1 + turn % 12}ms'")
        for sql in QUERIES[:4]:
            session.ask(sql)
    session.ask("SET statement_timeout = '0'")
    for sql, rows in zip(QUERIES, wanted):
        expect(session.ask(sql), rows, "after timeouts: " + sql)
    session.close()
    plain.close()


make("x.parquet", 1)
test_same_answers()
test_first_touch_keeps_nothing()
test_changed_files()
test_pressure()
test_cancel()

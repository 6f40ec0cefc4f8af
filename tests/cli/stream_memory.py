"""Called by stream_memory.sh: WEIR."""
import collections
import os
import subprocess
import sys

WEIR = sys.argv[1]
LIMIT = 20_000_000
KEYS = 60_000
MUCH, MANY_KEYS = 140_000_000, 300_000

SOURCES = """
SET threads = 1; SET stream_mode = 'always';
CREATE SOURCE a (key BIGINT, value BIGINT, name VARCHAR, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'files', path = 'a.parquet', bounded = true);
CREATE SOURCE b (key BIGINT, value BIGINT, name VARCHAR, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'files', path = 'b.parquet', bounded = true);
"""
QUERIES = {
    "sessions": """SELECT key, window_start, count(*), max(name) FROM session(a, ts, gap => INTERVAL '400 seconds')
        GROUP BY key, window_start, window_end EMIT ON WINDOW CLOSE""",
    "slices": """SELECT window_start, key, count(*), max(name) FROM hop(a, ts, slide => INTERVAL '150 seconds',
        size => INTERVAL '300 seconds') GROUP BY window_start, window_end, key EMIT ON WINDOW CLOSE""",
    "groups": "SELECT key, count(*), min(name), sum(value) FROM a GROUP BY key",
    "join": """SELECT a.key, a.name, b.value FROM a LEFT JOIN b ON a.key = b.key
        AND b.ts BETWEEN a.ts - INTERVAL '400 seconds' AND a.ts + INTERVAL '400 seconds'""",
    "top": """SELECT key, name, value FROM (SELECT *, row_number() OVER (PARTITION BY key ORDER BY value DESC, ts) AS place
        FROM a) WHERE place <= 1""",
}


def run(sql):
    """What was printed, net of what was taken back; the most memory it took."""
    reader, writer = os.pipe()
    process = subprocess.Popen([WEIR, "-q", "-c", "-"], stdin=subprocess.PIPE, stdout=writer)
    os.close(writer)
    process.stdin.write(sql.encode())
    process.stdin.close()
    net = collections.Counter()
    with open(reader) as lines:
        for line in lines:
            net[line[2:]] += 1 if line[0] == "+" else -1
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"ended with {os.waitstatus_to_exitcode(status)}: {sql}")
    return {row: count for row, count in net.items() if count}, usage.ru_maxrss * 1024


def make(name, stride, keys):
    subprocess.run([WEIR, "-q", "-c", f"""COPY (SELECT i * {stride} % {keys} AS key, i * 31 % 1000 AS value,
        'name ' || i * 17 % 5000 || ' of some length' AS name, TIMESTAMP '2026-01-01' + to_milliseconds(i) AS ts
        FROM range({keys} * 3 / 2) AS t(i)) TO '{name}.parquet'"""], check=True)


def compare(name, limit, keys, variants):
    """Each variant (what it is called, settings) says what one thread with all memory says."""
    sink = f"CREATE SINK out WITH (connector = 'console') AS {QUERIES[name]};"
    want, free = run(SOURCES + sink)
    if len(want) < keys // 2:
        sys.exit(f"{name}: only {len(want)} rows")
    for called, settings in variants:
        got, peak = run(f"SET memory_limit = '{limit}'; {settings} {SOURCES} {sink}")
        how = f"{name}{called}: {peak / 1e6:.0f} MB, without limit {free / 1e6:.0f} MB"
        print(how, flush=True)
        if got != want:
            sys.exit(f"{how}: {len(got)} rows, {len(want)} wanted")


# A source that comes faster than the other waits for it: what it brings is not kept meanwhile. First, because a child's peak counts
# what this process had when it was made.
_, peak = run("""SET threads = 1; SET stream_mode = 'always';
    CREATE SOURCE p (id BIGINT, "dateTime" TIMESTAMP, WATERMARK FOR "dateTime" AS "dateTime")
    WITH (connector = 'nexmark', "table" = 'person', events = 40000000);
    CREATE SOURCE a (seller BIGINT, "dateTime" TIMESTAMP, WATERMARK FOR "dateTime" AS "dateTime")
    WITH (connector = 'nexmark', "table" = 'auction', events = 40000000);
    CREATE SINK out WITH (connector = 'blackhole') AS
    SELECT p.id, p.window_start, count(*) FROM tumble(p, "dateTime", INTERVAL '1 second') p
    JOIN tumble(a, "dateTime", INTERVAL '1 second') a ON p.id = a.seller AND p.window_start = a.window_start
    AND p.window_end = a.window_end GROUP BY p.id, p.window_start, p.window_end EMIT ON WINDOW CLOSE;""")
print(f"side by side: {peak / 1e6:.0f} MB")
if peak > 60e6 and "san/" not in WEIR:  # sanitizers take memory of their own
    sys.exit("a source that is ahead is read all the same")

make("a", 7919, KEYS)
make("b", 104729, KEYS)
WORKERS = "SET stream_workers = 2;"
for name in QUERIES:
    compare(name, LIMIT, KEYS, [("", ""), (" with state", f"SET stream_state = 'state-{name}';")])
# Memory in which workers begin, and stop when it is short.
make("a", 7919, MANY_KEYS)
for name, state in ("sessions", ""), ("groups", "SET stream_state = 'many-groups';"), ("top", ""):
    compare(name, MUCH, MANY_KEYS, [(" divided until memory is short", WORKERS + state)])

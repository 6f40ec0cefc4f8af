"""Speed of one thread, NDJSON, the cost of checkpoints, latency."""
import calendar
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import events
import workplace
from process import Failed, binary, mode, run, statement

# query -> (events in millions a second that are wanted, events of a run)
WANTED = {"q0": (20, 40), "q1": (20, 40), "q2": (20, 40), "q5": (5, 20), "q7": (5, 20), "q8": (5, 40), "q11": (5, 20),
          "q12": (5, 20)}
REST = {"q3": 20, "q4": 5, "q9": 2, "q10": 5, "q13": 20, "q14": 10, "q15": 4, "q16": 2, "q17": 5, "q18": 2, "q19": 2,
        "q20": 2, "q21": 5, "q22": 5}
MILLION = 1_000_000
BLACKHOLE = "connector = 'blackhole'"


def line(name, text, ok=None):
    print(f"{name:20}{text}{'' if ok is None else '  ok' if ok else '  MISSED'}", flush=True)


# ---- queries over generated events ----

def query_runs(name, count, runs, sources=events.generated):
    """Medians: events a second, busy threads; and the largest memory of all runs."""
    sql = sources(count) + events.side_input() + mode(True) + statement(name, BLACKHOLE)
    made = [run(sql) for _ in range(runs)]
    seconds = workplace.median([r.seconds for r in made])
    return count / seconds, workplace.median([r.cpu / r.seconds for r in made]), max(r.peak for r in made)


def queries(names, args):
    """Events of all kinds count, as Nexmark counts them. A source per kind makes only the rows and columns that are asked
    for; "one source" makes an event of any kind once and lets views choose."""
    missed = []
    for name in names:
        wanted, count = WANTED[name] if name in WANTED else (None, REST[name])
        count = args.events or count * MILLION
        try:
            rate, threads, peak = query_runs(name, count, args.runs)
            one = query_runs(name, count // 4, max(args.runs // 2, 1), events.one_source)
        except Failed as why:
            missed.append(name)
            line(name, str(why), False)
            continue
        ok = None if wanted is None else rate >= wanted * MILLION
        if ok is False:
            missed.append(name)
        line(name, f"{rate / MILLION:6.1f} M events/s, {threads:.2f} threads ({rate / threads / MILLION:.1f} M per CPU "
                   f"second), {peak / MILLION:5.0f} MB; one source {one[0] / MILLION:5.1f} M" +
                   (f" (wanted: {wanted})" if wanted else ""), ok)
    return missed


# ---- local workers ----

# Queries with keys to divide by -> events of a run in millions.
DIVIDED = {"q5": 40, "q9": 4, "q11": 60, "q12": 60, "q15": 8, "q16": 4, "q17": 15, "q18": 3, "q19": 4}


def divided_pair(name, count, workers, kept):
    made = []
    for number in (0, workers):
        with tempfile.TemporaryDirectory(dir=scratch()) as folder:
            state = f"SET stream_state = '{folder}/state'; SET checkpoint_interval = '1s';\n" if kept else ""
            made.append(run(events.generated(count) + events.side_input() + mode(True) + state +
                            f"SET stream_workers = {number};\n" + statement(name, BLACKHOLE)))
    return made[0].seconds / made[1].seconds, made[1].cpu / made[0].cpu, made[0].seconds


def workers(args):
    """How much faster a query is with workers than with one thread; pairs, in turns."""
    slower, ratios = [], []
    for name in args.only or DIVIDED:
        count = args.events or DIVIDED[name] * MILLION
        for kept in (False, True):
            pairs = [divided_pair(name, count, args.workers, kept) for _ in range(args.runs)]
            wall, cpu, plain = (workplace.median([pair[i] for pair in pairs]) for i in range(3))
            ratios.append(wall)
            called = name + (" with state" if kept else "")
            slower += [called] if wall <= 1 else []
            line(called, f"{wall:5.2f} times as fast ({min(p[0] for p in pairs):.2f} to {max(p[0] for p in pairs):.2f}), "
                         f"{cpu:.2f} of the CPU; runs of {plain:.1f} s with one thread", wall > 1)
    print(f"{args.workers} workers: geomean {workplace.geomean(ratios):.2f}; slower: {', '.join(slower) or 'none'}")
    return 1 if slower else 0


# ---- a file of JSON lines ----

NDJSON_COLUMNS = 'auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, "dateTime" TIMESTAMP, extra VARCHAR'


def ndjson_file(count):
    """Bids of 168 bytes on average, line end included."""
    path = workplace.HOME / "nexmark" / f"bids-{count}.jsonl"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        run(events.generated(count * 50 // 46) +
            f'COPY (SELECT auction, bidder, price, channel, "dateTime", substr(extra, 1, 50) AS extra FROM bid LIMIT {count}) '
            f"TO '{path}'")
    return path


def ndjson(args):
    count = args.events or 5 * MILLION
    path = ndjson_file(count)
    sql = (f"CREATE SOURCE bid ({NDJSON_COLUMNS}, {events.WATERMARK}) "
           f"WITH (connector = 'file', path = '{path}', format = 'jsonl', bounded = true);\n" + mode(True) +
           f"CREATE SINK result WITH ({BLACKHOLE}) AS SELECT auction, window_start, count(*), max(price) "
           "FROM tumble(bid, \"dateTime\", INTERVAL '10 seconds') GROUP BY auction, window_start, window_end")
    made = [run(sql) for _ in range(args.runs)]
    rate = count / workplace.median([r.seconds for r in made])
    threads = workplace.median([r.cpu / r.seconds for r in made])
    ok = rate >= 4 * MILLION
    line("ndjson", f"{rate / MILLION:6.1f} M events/s of {path.stat().st_size / count:.0f} bytes, {threads:.2f} threads "
                   f"({rate / threads / MILLION:.1f} M per CPU second), "
                   f"{max(r.peak for r in made) / MILLION:5.0f} MB; max and count per auction and ten seconds (wanted: 4)", ok)
    return [] if ok else ["ndjson"]


# ---- checkpoints ----

# Runs of some seconds, so that several checkpoints fall into each.
CHECKPOINTED = {"q5": 80, "q7": 25, "q8": 200, "q11": 120, "q12": 120}


def with_files(name, count, folder, state):
    kept = f"SET stream_state = '{state}'; SET checkpoint_interval = '1s';\n" if state else ""
    sink = f"connector = 'file', path = '{folder}/out', format = 'csv'"
    return run(events.generated(count) + mode(True) + kept + statement(name, sink))


def checkpoints(args):
    """Exactly once into files of CSV with a commit a second, against the same without state; pairs, in turns."""
    if not args.server:
        return compare_commits(args, None)
    sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "postgres"))
    import server
    with server.Server() as one:
        print("states in PostgreSQL on this machine")
        return compare_commits(args, one)


def compare_commits(args, server):
    ratios = {}
    for name, millions in CHECKPOINTED.items():
        count = args.events or millions * MILLION
        pairs = []
        for _ in range(args.runs):
            took = []
            for has_state in (False, True):
                with tempfile.TemporaryDirectory(dir=scratch()) as folder:
                    place = server.url(more=f"&cache={folder}/cache&schema={pathlib.Path(folder).name}") if server else f"{folder}/state"
                    took.append(with_files(name, count, folder, place if has_state else None))
            pairs.append((took[1].seconds / took[0].seconds, took[1].cpu / took[0].cpu, took[0].seconds))
        wall, cpu, plain = (workplace.median([pair[i] for pair in pairs]) for i in range(3))
        ratios[name] = wall
        line(f"commits {name}", f"{(wall - 1) * 100:+5.1f} % of time, {(cpu - 1) * 100:+5.1f} % of CPU; runs of {plain:.1f} s, "
                                f"{count / plain / MILLION:.1f} M events/s without", wall <= 1.1)
    line("commits", f"geomean {(workplace.geomean(ratios.values()) - 1) * 100:+.1f} % of time (wanted: each at most 10)")
    return [f"commits {name}" for name, ratio in ratios.items() if ratio > 1.1]


def scratch():
    folder = workplace.HOME / "nexmark"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# ---- latency ----

RATE = 100_000
LATENCY = {
    "q0": 'SELECT "dateTime", auction, bidder, price, extra FROM bid',
    "per auction": 'SELECT max("dateTime") AS newest, auction, count(*), max(price) FROM bid GROUP BY auction',
}


def moment_of(row):
    """Seconds since 1970 of the first column, as printed: to the second or with a fraction."""
    whole, _, fraction = row[2:].split(b" | ", 1)[0].decode().partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%d %H:%M:%S")) + (float("0." + fraction) if fraction else 0)


def latencies(text, seconds):
    """Of all rows: from the moment the generator made the event (its own time, cut to milliseconds) to the moment this
    process had read the row from the sink's pipe."""
    start = int(time.time() * 1000) + 500
    printed = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(start // 1000)) + f".{start % 1000:03}"
    sources = events.generated(int(RATE * seconds), live="true", event_rate=RATE, start=f"'{printed}'")
    process = subprocess.Popen([binary(), "--threads", "1", "-q", "-c", sources + mode(True) +
                                f"CREATE SINK result WITH (connector = 'console') AS {text}"], stdout=subprocess.PIPE)
    pieces = []
    while piece := os.read(process.stdout.fileno(), 1 << 20):
        pieces.append((time.time(), piece))
    if process.wait():
        raise Failed("the query failed")
    found, rest, known = [], b"", {}
    for seen, piece in pieces:
        rows = (rest + piece).split(b"\n")
        rest = rows.pop()
        for row in rows:
            if row[:1] == b"+":
                key = row[2:25]
                if key not in known:
                    known[key] = moment_of(row)
                found.append((seen - known[key]) * 1000)
    return sorted(found)


def latency(args):
    missed = []
    for name, text in LATENCY.items():
        found = latencies(text, 2 * args.runs)
        at = [found[int((len(found) - 1) * share)] for share in (0.5, 0.99, 1)]
        ok = at[1] < 20
        line(f"latency {name}", f"p50 {at[0]:.1f} ms, p99 {at[1]:.1f} ms, longest {at[2]:.1f} ms of {len(found)} rows at "
                                f"{RATE} events/s (wanted: p99 below 20)", ok)
        if not ok:
            missed.append(f"latency {name}")
    return missed


def measure(args):
    """Bar 2."""
    wanted = args.only or [*WANTED, "ndjson", "checkpoints", "latency"]
    if wanted == ["all"]:
        wanted = [*WANTED, *REST, "ndjson", "checkpoints", "latency"]
    print(f"one thread, generator in the process, no state directory, medians of {args.runs}")
    missed = queries([name for name in wanted if name in WANTED or name in REST], args)
    for part in (ndjson, checkpoints, latency):
        if part.__name__ in wanted:
            missed += part(args)
    print("missed: " + (", ".join(missed) if missed else "none"))
    return 1 if missed else 0

"""Do the queries give as streams what they give as batches?"""
import collections
import pathlib
import subprocess
import tempfile

import events
from process import MILLION, QUERIES, Failed, mode, run, statement

def console_rows(text):
    """Rows that are left when all that was taken back is gone."""
    rows = collections.Counter()
    for line in text.decode().splitlines():
        rows[line[2:]] += 1 if line[0] == "+" else -1
    left = collections.Counter({row: count for row, count in rows.items() if count})
    if any(count < 0 for count in left.values()):
        raise Failed("a row is taken back that was not there")
    return left


def file_rows(folder):
    rows = collections.Counter()
    for path in folder.glob("*.csv"):
        rows.update(path.read_text().splitlines()[1:])
    return rows


def regardless_of_clock(rows):
    """q12: which window of the clock a bid falls into is chance; how many there are of each bidder is not."""
    counts = collections.Counter()
    for row, times in rows.items():
        bidder, count = row.split(" | ")[:2]
        counts[bidder] += int(count) * times
    return counts


def answer(name, sources, as_stream, folder, workers):
    how = mode(as_stream) + (f"SET stream_workers = {workers};\n" if as_stream else "")
    if name == "q10":
        target = folder / ("stream" if as_stream else "batch")
        state = f"SET stream_state = '{folder}/state';\n" if as_stream else ""
        sink = f"connector = 'file', path = '{target}', format = 'csv', roll_rows = 100000"
        run(sources + how + state + statement(name, sink))
        return file_rows(target)
    rows = console_rows(run(sources + how + statement(name, "connector = 'console'"), subprocess.PIPE).output)
    return regardless_of_clock(rows) if name == "q12" else rows


def check_one(name, sources, workers):
    with tempfile.TemporaryDirectory() as folder:
        batch = answer(name, sources, False, pathlib.Path(folder), workers)
        stream = answer(name, sources, True, pathlib.Path(folder), workers)
    if not batch:
        return "no rows", False
    if batch == stream:
        return f"{sum(batch.values())} rows", True
    return f"{sum((batch - stream).values())} rows are missing, {sum((stream - batch).values())} too many", False


def verdict(name, sources, workers):
    """equal, NOT EQUAL or UNSUPPORTED, and what there is to say."""
    try:
        what, is_equal = check_one(name, sources, workers)
        return "equal" if is_equal else "NOT EQUAL", what
    except Failed as why:
        return "UNSUPPORTED" if "W0104" in str(why) else "NOT EQUAL", str(why)


def check(args):
    sources = events.generated(args.events or MILLION) + events.side_input()
    counts = collections.Counter()
    for name in args.only or QUERIES:
        outcome, what = verdict(name, sources, args.workers)
        counts[outcome] += 1
        print(f"{name:4}{outcome}: {what}", flush=True)
    rest = "".join(f", {count} {outcome}" for outcome, count in counts.items() if outcome != "equal")
    print(f"{counts['equal']} of {sum(counts.values())} equal{rest}")
    return 0 if counts["equal"] == sum(counts.values()) else 1

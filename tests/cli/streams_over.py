"""Window functions over a stream give what they give in a batch: in one round, in many, and over restarts.

Each query runs as a batch, as a stream of one round, as a stream whose events come slowly, so that rows are put out and
taken back round by round, and as a stream that is stopped and goes on from its state.
"""
import collections
import os
import signal
import subprocess
import sys
import time

WEIR = os.environ["WEIR"]
EVENTS = 6000
BID = """CREATE SOURCE bid (auction BIGINT, bidder BIGINT, price BIGINT, url VARCHAR, "dateTime" TIMESTAMP,
    WATERMARK FOR "dateTime" AS "dateTime" - INTERVAL '4 seconds')
    WITH (connector = 'nexmark', "table" = 'bid', events = %d, rate = %d, event_rate = 100);
"""
BY_TIME = 'OVER (PARTITION BY auction % 20 ORDER BY "dateTime"'
QUERIES = [  # one per way: (rows are taken back, query)
    (False, f"SELECT auction, price, sum(price) {BY_TIME}) FROM bid"),
    (False, f"SELECT auction, price, avg(price) {BY_TIME}, price ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) FROM bid"),
    (False, f"SELECT auction, price, max(url) {BY_TIME} RANGE INTERVAL 7 SECONDS PRECEDING), "
            f"count(DISTINCT bidder) {BY_TIME} RANGE INTERVAL 9 SECONDS PRECEDING) FROM bid"),
    (False, f"SELECT auction, price, dense_rank() {BY_TIME}), lag(price, 2, -1) {BY_TIME}, price) FROM bid"),
    (False, "SELECT bidder, price, window_end, ntile(3) OVER (PARTITION BY bidder, window_end ORDER BY price, auction, url) "
            'FROM tumble(bid, "dateTime", INTERVAL 10 SECONDS)'),
    (True, "SELECT auction, price, rank() OVER (PARTITION BY auction ORDER BY price DESC) FROM bid"),
    (True, "SELECT auction, price, sum(price) OVER (PARTITION BY auction) FROM bid"),
    (True, f"SELECT auction, price, lead(price) {BY_TIME}, price, url) FROM bid"),
    (True, "SELECT k, s, sum(s) OVER (PARTITION BY k ORDER BY s, b) FROM "
           "(SELECT auction % 50 AS k, bidder % 20 AS b, sum(price) AS s FROM bid GROUP BY ALL)"),
]


def script(query, mode, rate):
    return BID % (EVENTS, rate) + f"SET stream_mode = '{mode}';\nCREATE SINK k WITH (connector = 'console') AS {query};\n"


def add(counts, lines):
    """Adds what was put out; returns how many rows were taken back."""
    back = 0
    for line in lines.splitlines():
        if line[:2] in ("+ ", "- "):
            counts[line[2:]] += 1 if line[0] == "+" else -1
            back += line[0] == "-"
    return back


def start(query, mode, rate):
    return subprocess.Popen([WEIR, "-c", script(query, mode, rate)], stdout=subprocess.PIPE, text=True)


def restarted(query, at, width, folder):
    """Stopped twice in the middle; the console shows what each run put out."""
    counts = collections.Counter()
    columns = ", ".join(f"c{i} VARCHAR" for i in range(width))
    with open(f"{folder}/{at}.sql", "w") as f:
        f.write(BID % (EVENTS, 6000) + f"CREATE SINK k ({columns}) WITH (connector = 'console');\nINSERT INTO k {query};\n")
    for last in (False, False, True):
        stop = ["--until-idle", "300ms"] if last else []
        run = subprocess.Popen([WEIR, "run", "-q", f"{folder}/{at}.sql", "--state", f"{folder}/{at}", *stop],
                               stdout=subprocess.PIPE, text=True)
        if not last:
            time.sleep(0.35)
            run.send_signal(signal.SIGTERM)
        add(counts, run.communicate()[0])
    return counts


def main():
    folder, bad = sys.argv[1], 0
    runs = [(start(q, "auto", 0), start(q, "always", 0), start(q, "always", 9000)) for _, q in QUERIES]
    for at, ((takes_back, query), processes) in enumerate(zip(QUERIES, runs)):
        answers, backs = [], []
        for process in processes:
            answers.append(collections.Counter())
            backs.append(add(answers[-1], process.communicate()[0]))
        answers.append(restarted(query, at, len(next(iter(answers[0])).split("|")), folder))
        answers = [{row: n for row, n in a.items() if n} for a in answers]
        for name, answer in zip(("one round", "slowly", "restarted"), answers[1:]):
            if not answers[0] or answer != answers[0]:
                print(f"{name}: {len(answer)} rows for {len(answers[0])}: {query}")
                bad += 1
        if (backs[2] > 0) != takes_back:
            print(f"{backs[2]} rows were taken back: {query}")
            bad += 1
    return bad > 0


sys.exit(main())

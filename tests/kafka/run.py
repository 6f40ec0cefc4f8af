#!/usr/bin/env python3
"""Kafka as source and sink, against a real broker (broker.py) with a client that is not weir (client.py).

Usage: run.py [--quick] [substring...]; --quick leaves out tests that take long. Ends with 77 and the reason where there is
no broker to be had.
"""
import base64
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import broker as brokers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WEIR = str(ROOT / os.environ.get("WEIR", "build/weir"))
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def slow(function):
    function.is_slow = True
    return function


def same(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}\n    is     {got!r}\n    not    {want!r}")


class Place:
    """A broker and a folder; SQL in which {broker} and {sasl} stand for its addresses."""

    def __init__(self, broker, folder):
        self.broker, self.folder, self.address, self.count = broker, folder, broker.address, 0

    def text(self, sql):
        return sql.replace("{broker}", self.address).replace("{sasl}", self.broker.sasl_address)

    def query(self, sql, ok=True):
        done = subprocess.run([WEIR, "query", "-o", "jsonl", self.text(sql)], capture_output=True, text=True, timeout=60)
        if ok and done.returncode:
            raise AssertionError(done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()] if ok else done.stderr

    def start(self, sql, *flags, log=None):
        """log: a file for what it logs and says; else there are pipes."""
        self.count += 1
        path = pathlib.Path(self.folder) / f"{self.count}.sql"
        path.write_text(self.text(sql))
        command = [WEIR, "run", str(path), *flags]
        if not log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with open(log, "w") as out:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, "WEIR_LOG": "info"})

    def run(self, sql, *flags, ok=True):
        process = self.start(sql, *flags)
        out, err = process.communicate(timeout=90)
        if ok and process.returncode:
            raise AssertionError(f"exit {process.returncode}: {out}{err}")
        return out + err

    def state(self, name):
        return ["--state", f"{self.folder}/{name}"]

    def topic(self, name, messages=(), partitions=3):
        client.create(self.address, name, partitions)
        client.send(self.address, name, messages)

    def values(self, topic, partitions=3):
        return [m[3] for m in client.read(self.address, topic, partitions)]


def wait_for(condition, what, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def source(name, columns, topic, more=""):
    return (f"CREATE SOURCE {name} ({columns}) WITH (connector = 'kafka', topic = '{topic}', "
            f"properties.bootstrap.server = '{{broker}}'{', ' if more else ''}{more});\n")


def sink(name, columns, topic, more=""):
    return (f"CREATE SINK {name} ({columns}) WITH (connector = 'kafka', topic = '{topic}', "
            f"properties.bootstrap.server = '{{broker}}'{', ' if more else ''}{more});\n")


@test
def json_with_everything_beside_the_payload(p):
    p.topic("j", [("k1", '{"id": 1, "at": "2024-01-02 03:04:05", "in": {"a": [1, 2]}}', 0),
                  (None, '{"at": null,\n "id": 2, "more": 1}', 1), ("k3", None, 2), ("", '{"id":3}', 2)])
    columns = 'id BIGINT, at TIMESTAMP, "in" STRUCT(a INTEGER[]), k VARCHAR, p INTEGER, o BIGINT, t TIMESTAMP, h VARCHAR, n VARCHAR'
    more = """bounded = true, key_column = 'k', partition_column = 'p', offset_column = 'o', timestamp_column = 't',
              headers_column = 'h', topic_column = 'n'"""
    rows = p.query(source("s", columns, "j", more) +
                   "SELECT id, at, \"in\", k, p, o, h, n, t > TIMESTAMP '2024-01-01' AS late FROM s ORDER BY id")
    same([[r["id"], r["k"], r["p"], r["o"], r["h"], r["n"], r["late"]] for r in rows],
         [[1, "k1", 0, 0, None, "j", True], [2, None, 1, 0, None, "j", True], [3, "", 2, 1, None, "j", True]])
    same([rows[0]["in"], rows[0]["at"], rows[1]["at"]], [{"a": [1, 2]}, "2024-01-02T03:04:05", None])
    same(p.query(source("s", columns, "j", more) + "SELECT count(*) AS n FROM s"), [{"n": 3}])
    nulls = p.query(source("s", "id BIGINT, k VARCHAR", "j", "bounded = true, key_column = 'k', null_payload = 'null'") +
                    "SELECT k FROM s WHERE id IS NULL")
    same(nulls, [{"k": "k3"}])


@test
def csv_and_raw(p):
    p.topic("c", ['1,"a,b"', '2,"line\nend"\n', "3,", '4,"he said ""no"""'])
    rows = p.query(source("s", "id BIGINT, name VARCHAR", "c", "format = 'csv', bounded = true") + "SELECT * FROM s ORDER BY id")
    same([r["name"] for r in rows], ["a,b", "line\nend", None, 'he said "no"'])
    rows = p.query(source("s", "line VARCHAR, o BIGINT", "c", "format = 'raw', bounded = true, offset_column = 'o'") +
                   "SELECT line FROM s ORDER BY line LIMIT 1")
    same(rows, [{"line": '1,"a,b"'}])
    p.topic("c2")
    p.run(source("s", "id BIGINT, name VARCHAR", "c", "format = 'csv'") +
          sink("k", "id BIGINT, name VARCHAR", "c2", "format = 'csv', key_column = 'id'") +
          "INSERT INTO k SELECT id, name FROM s;", "--once", *p.state("c"))
    same(sorted(m[2:] for m in client.read(p.address, "c2")),
         [(b"1", b'1,"a,b"'), (b"2", b'2,"line\nend"'), (b"3", b"3,"), (b"4", b'4,"he said ""no"""')])


@test
def exactly_once_goes_on_where_it_stopped(p):
    p.topic("from", [('%d' % (i % 5), '{"id": %d}' % i) for i in range(3000)])
    p.topic("to")
    sql = (source("s", "id BIGINT", "from", "properties.group.id = 'people'") +
           sink("k", "id BIGINT, twice BIGINT", "to", "key_column = 'id'") +
           "INSERT INTO k SELECT id, id * 2 FROM s;")
    p.run(sql, "--once", *p.state("go"))
    same(sorted(json.loads(v)["twice"] for v in p.values("to")), [2 * i for i in range(3000)])
    same(sum(client.committed(p.address, "people", "from")), 3000)
    client.send(p.address, "from", ['{"id": 3000}'])
    p.run(sql, "--once", *p.state("go"))
    p.run(sql, "--once", *p.state("go"))
    same(sorted(json.loads(v)["id"] for v in p.values("to")), list(range(3001)))


@test
def delivery_at_least_once_and_a_table_both_ways(p):
    p.topic("both")
    table = """CREATE TABLE t (id BIGINT, name VARCHAR) WITH ('connector' = 'kafka', 'topic' = 'both',
        'properties.bootstrap.servers' = '{broker}', 'properties.group.id' = 'g', 'scan.startup.mode' = 'earliest-offset',
        'scan.bounded.mode' = 'latest-offset', 'sink.partitioner' = 'round-robin', 'format' = 'json',
        'sink.delivery-guarantee' = 'at-least-once');"""
    p.query(table + "INSERT INTO t SELECT i, 'n' || i FROM range(1000) AS r(i)")
    same(p.query(table + "SELECT count(*) AS n, sum(id) AS s, max(name) AS m FROM t"), [{"n": 1000, "s": 499500, "m": "n999"}])
    same([sum(m[0] == i for m in client.read(p.address, "both")) for i in range(3)], [334, 333, 333])


@test
def rows_that_change_are_keys_that_change(p):
    p.topic("votes", [("", '{"who": "%s", "n": 1}' % who) for who in ["a", "b", "a", "a", "c"]], partitions=1)
    p.topic("tally", partitions=1)
    sql = (source("s", "who VARCHAR, n BIGINT", "votes") +
           sink("k", "who VARCHAR, n BIGINT, PRIMARY KEY (who)", "tally") +
           "INSERT INTO k SELECT who, sum(n) FROM s GROUP BY who HAVING sum(n) < 4;")
    p.run(sql, "--once", *p.state("tally"))
    client.send(p.address, "votes", ['{"who": "a", "n": 1}', '{"who": "b", "n": 1}'])
    p.run(sql, "--once", *p.state("tally"))
    last = {m[2]: m[3] for m in client.read(p.address, "tally", 1)}
    same({k: v and json.loads(v)["n"] for k, v in last.items()}, {b"a": None, b"b": 2, b"c": 1})


@test
def what_a_transaction_took_back_is_not_read(p):
    p.topic("txn", partitions=1)
    producer = client.Producer(p.address, transactional_id="somebody")
    for number, then in enumerate([producer.abort, producer.commit, producer.abort]):
        producer.begin(first=number == 0)
        producer.send("txn", '{"id": %d}' % number)
        producer.flush()
        then()
    producer.close()
    same(p.query(source("s", "id BIGINT", "txn", "bounded = true") + "SELECT id FROM s"), [{"id": 1}])


@test
def where_reading_begins(p):
    p.topic("begin", ['{"id": 1}'])
    time.sleep(0.05)
    middle = int(time.time() * 1000)
    client.send(p.address, "begin", ['{"id": 2}'])
    by_time = f"bounded = true, scan.startup.mode = 'timestamp', scan.startup.timestamp.millis = {middle}"
    same(p.query(source("s", "id BIGINT", "begin", by_time) + "SELECT id FROM s"), [{"id": 2}])
    latest = "bounded = true, scan.startup.mode = 'latest'"
    same(p.query(source("s", "id BIGINT", "begin", latest) + "SELECT id FROM s"), [])


@test
def what_waited_long_comes_in_the_order_of_its_times(p):
    p.topic("order")
    producer = client.Producer(p.address)
    for number in range(120):
        producer.send("order", '{"id": %d}' % number, partition=number * 7 // 5 % 3)
        producer.flush()
        time.sleep(0.002)
    producer.close()
    read = p.query(source("s", "id BIGINT", "order", "bounded = true") + "SELECT id FROM s")
    same([r["id"] for r in read], list(range(120)))


@test
def new_partitions_are_noticed(p):
    p.topic("wide", ['{"id": 1}'], partitions=1)
    p.topic("out", partitions=1)
    process = p.start(source("s", "id BIGINT", "wide", "partition_discovery_ms = 200") + sink("k", "id BIGINT", "out") +
                      "INSERT INTO k SELECT id FROM s;", *p.state("wide"), "--checkpoint-interval", "100ms")
    try:
        wait_for(lambda: len(p.values("out", 1)) == 1, "the first row")
        client.widen(p.address, "wide", 3)
        client.send(p.address, "wide", [(None, '{"id": 2}', 1), (None, '{"id": 3}', 2)])
        wait_for(lambda: len(p.values("out", 1)) == 3, "rows of new partitions")
    finally:
        process.send_signal(signal.SIGTERM)
        same((process.wait(30), process.stderr.read() and None), (0, None))


@test
def a_bad_message_says_where_it_is(p):
    p.topic("bad", ['{"id": 1}', "{nonsense", '{"id": 2}'], partitions=1)
    error = p.query(source("s", "id BIGINT", "bad", "bounded = true") + "SELECT * FROM s", ok=False)
    assert "topic bad partition 0 offset 1: payload is not valid JSON" in error, error
    p.topic("bad2", ['{"id": "x1"}'], partitions=1)
    error = p.query(source("s", "id BIGINT", "bad2", "bounded = true") + "SELECT * FROM s", ok=False)
    assert "topic bad2 partition 0 offset 0: cannot read" in error and "x1" in error, error
    p.topic("bad3", ["1,2", '1,"2', "3,4\n5,6"], partitions=1)
    error = p.query(source("s", "a BIGINT, b BIGINT", "bad3", "bounded = true, format = 'csv'") + "SELECT * FROM s", ok=False)
    assert "topic bad3 partition 0 offset 1: a quote is never closed" in error, error


@test
def no_topic_no_broker_no_password(p):
    error = p.query(source("s", "id BIGINT", "nowhere") + "SELECT * FROM s", ok=False)
    assert 'there is no topic "nowhere"' in error, error
    error = p.query(source("s", "id BIGINT", "x", "connect_timeout_ms = 700").replace("{broker}", "127.0.0.1:1") +
                    "SELECT * FROM s", ok=False)
    assert "no answer from 127.0.0.1:1 within 700 ms" in error, error
    p.topic("guarded", ['{"id": 7}'])
    login = """properties.security.protocol = 'sasl_plaintext', properties.sasl.mechanism = 'PLAIN',
               properties.sasl.username = 'weir', properties.sasl.password = '%s', bounded = true"""
    right = source("s", "id BIGINT", "guarded", login % brokers.PASSWORD).replace("{broker}", "{sasl}")
    same(p.query(right + "SELECT id FROM s"), [{"id": 7}])
    error = p.query(right.replace(brokers.PASSWORD, "wrong-one-99") + "SELECT id FROM s", ok=False)
    assert "do not let us in" in error and "wrong-one-99" not in error, error
    short = ("sasl_plain_username = 'weir', sasl_plain_password = '%s', properties.security.protocol = 'sasl_plaintext', "
             "bounded = true" % brokers.PASSWORD)
    same(p.query(source("s", "id BIGINT", "guarded", short).replace("{broker}", "{sasl}") + "SELECT id FROM s"), [{"id": 7}])
    error = p.query(source("s", "id BIGINT", "guarded", "sasl_plain_password = 'half-8812'") + "SELECT 1", ok=False)
    assert "to log in, give" in error, error
    for shown in ("DESCRIBE s", "EXPLAIN SELECT * FROM s", "SHOW CREATE TABLE s", "SELECT * FROM duckdb_tables()"):
        done = subprocess.run([WEIR, "query", p.text(right + shown)], capture_output=True, text=True, timeout=60)
        assert brokers.PASSWORD not in done.stdout + done.stderr, (shown, done.stdout, done.stderr)


@test
@slow
def one_who_comes_later_shuts_out_the_other(p):
    p.topic("zin")
    p.topic("zout")
    sql = source("s", "id BIGINT", "zin") + sink("k", "id BIGINT", "zout") + "INSERT INTO k SELECT id FROM s;"
    first = p.start(sql, *p.state("z1"), "--checkpoint-interval", "100ms")
    client.send(p.address, "zin", ['{"id": 1}'])
    wait_for(lambda: len(p.values("zout")) == 1, "the first row")
    second = p.start(sql, *p.state("z2"), "--checkpoint-interval", "100ms")
    wait_for(lambda: len(p.values("zout")) == 2, "the first row once more: it is another state")
    client.send(p.address, "zin", ['{"id": 2}'])
    error = first.communicate(timeout=60)[1]
    assert first.returncode and "shut this one out" in error, error
    wait_for(lambda: len(p.values("zout")) == 3, "the row of the second")
    second.send_signal(signal.SIGTERM)
    same(second.wait(30), 0)


@test
@slow
def a_broker_that_goes_and_comes_back(p):
    p.topic("rin", ['{"id": %d}' % i for i in range(1000)])
    p.topic("rout")
    process = p.start(source("s", "id BIGINT", "rin") + sink("k", "id BIGINT", "rout") + "INSERT INTO k SELECT id FROM s;",
                      *p.state("r"), "--checkpoint-interval", "50ms")
    wait_for(lambda: len(p.values("rout")) == 1000, "the first rows")
    client.send(p.address, "rin", ['{"id": %d}' % i for i in range(1000, 2000)])
    p.broker.kill()
    p.broker.start()
    client.send(p.address, "rin", ['{"id": %d}' % i for i in range(2000, 3000)])
    wait_for(lambda: process.poll() is not None or len(p.values("rout")) >= 3000, "the rows behind", 60)
    same(process.poll(), None, "it has ended")
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    same(sorted(json.loads(v)["id"] for v in p.values("rout")), list(range(3000)))


SHARED = ("group.id = '%s', share_partitions = true, properties.session.timeout.ms = 2000, "
          "properties.heartbeat.interval.ms = 300")


def owned(p, log):
    """The partitions a process said to have taken last."""
    taken = re.findall(r"partitions are ours.*partitions=\"?([0-9 ]*)", log.read_text())
    return set(taken[-1].split()) if taken else set()


@test
def two_processes_share_partitions_and_one_takes_over(p):
    p.topic("sin", [(None, '{"id": %d}' % i, i % 4) for i in range(2000)], partitions=4)
    p.topic("sout")
    sql = (source("s", "id BIGINT", "sin", SHARED % "sharers") + sink("k", "id BIGINT", "sout", "properties.transaction.timeout.ms = 3000") +
           "INSERT INTO k SELECT id FROM s WHERE id >= 0;")
    logs = [pathlib.Path(p.folder) / f"share{i}.log" for i in range(2)]
    p.run(sql, "--once")  # alone: all of it, and the next ones have nothing left to read
    same(len(p.values("sout")), 2000)
    both = [p.start(sql, "--checkpoint-interval", "50ms", "-q", log=log) for log in logs]
    wait_for(lambda: all(len(owned(p, log)) == 2 for log in logs), "each has two partitions")
    assert owned(p, logs[0]) | owned(p, logs[1]) == set("0123"), logs
    client.send(p.address, "sin", [(None, '{"id": %d}' % i, i % 4) for i in range(2000, 3000)])
    wait_for(lambda: len(p.values("sout")) == 3000, "what both wrote")
    both[0].kill()
    client.send(p.address, "sin", [(None, '{"id": %d}' % i, i % 4) for i in range(3000, 4000)])
    wait_for(lambda: owned(p, logs[1]) == set("0123"), "the other one takes over")
    wait_for(lambda: len(p.values("sout")) >= 4000, "what is left")
    both[1].terminate()
    same(both[1].wait(30), 0)
    same(sorted(json.loads(v)["id"] for v in p.values("sout")), list(range(4000)))
    same(client.committed(p.address, "sharers", "sin", 4), [1000] * 4)


@test
@slow
def who_was_taken_for_dead_commits_nothing_and_comes_back(p):
    p.topic("zin4", partitions=4)
    p.topic("zout4")
    sql = (source("s", "id BIGINT", "zin4", SHARED % "zombies") + sink("k", "id BIGINT", "zout4", "properties.transaction.timeout.ms = 3000") +
           "INSERT INTO k SELECT id FROM s;")
    logs = [pathlib.Path(p.folder) / f"zombie{i}.log" for i in range(2)]
    first = p.start(sql, "--checkpoint-interval", "60s", "-q", log=logs[0])
    wait_for(lambda: owned(p, logs[0]) == set("0123"), "the first has all")
    client.send(p.address, "zin4", [(None, '{"id": %d}' % i, i % 4) for i in range(1000)])
    time.sleep(2)  # read, and not committed
    first.send_signal(signal.SIGSTOP)
    second = p.start(sql, "--checkpoint-interval", "50ms", "-q", log=logs[1])
    wait_for(lambda: len(p.values("zout4")) == 1000, "the second did it")
    first.send_signal(signal.SIGCONT)
    wait_for(lambda: "went on without this process" in logs[0].read_text(), "the first hears of it")
    wait_for(lambda: all(len(owned(p, log)) == 2 for log in logs), "both have two partitions")
    client.send(p.address, "zin4", [(None, '{"id": %d}' % i, i % 4) for i in range(1000, 1100)])
    time.sleep(2)
    for process in (first, second):
        process.terminate()
        same(process.wait(30), 0)
    same(sorted(json.loads(v)["id"] for v in p.values("zout4")), list(range(1100)))


@test
def shared_partitions_without_transactions_and_from_the_end(p):
    p.topic("sl", ['{"id": 1}'])
    p.topic("slout")
    sql = (source("s", "id BIGINT", "sl", SHARED % "late" + ", scan.startup.mode = 'latest'") +
           sink("k", "id BIGINT", "slout", "delivery = 'at-least-once'") + "INSERT INTO k SELECT id FROM s;")
    first = p.start(sql, "-q")
    wait_for(lambda: sum(client.committed(p.address, "late", "sl")) == 1, "where the end was, known to the group")
    first.kill()
    first.wait()
    client.send(p.address, "sl", ['{"id": 2}'])
    second = p.start(sql, "-q")
    wait_for(lambda: len(p.values("slout")) == 1, "the row after the end there was")
    second.terminate()
    same(second.wait(30), 0)
    same(sum(client.committed(p.address, "late", "sl")), 2)
    path = pathlib.Path(p.folder) / "look.sql"  # who only looks reads all, from the beginning, and moves nothing
    path.write_text(p.text(source("s", "id BIGINT", "sl", SHARED % "late")))
    done = subprocess.run([WEIR, "tap", "-f", str(path), "s", "-n", "2", "-o", "csv"], capture_output=True, text=True, timeout=60)
    same(sorted(done.stdout.split()), ["1", "2", "id"])
    same(sum(client.committed(p.address, "late", "sl")), 2)


@test
def what_cannot_share_is_refused_with_the_reason(p):
    p.topic("sr")
    shared = source("s", "id BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts", "sr", SHARED % "g")
    into = sink("k", "id BIGINT, n BIGINT", "sr")

    def refused(sql, why):
        error = p.query(sql, ok=False)
        assert why in error, error

    refused(shared + sink("k", "n BIGINT, PRIMARY KEY (n)", "sr") + "EXPLAIN INSERT INTO k SELECT DISTINCT id FROM s", "cannot share partitions: what it keeps")
    refused(shared + into + "EXPLAIN INSERT INTO k SELECT id, count(*) FROM tumble(s, ts, INTERVAL '1 second') GROUP BY window_start, window_end, id "
            "EMIT ON WINDOW CLOSE", "(window group) cannot share partitions")
    refused(shared + f"CREATE SINK k (id BIGINT) WITH (connector = 'files', path = '{p.folder}/no', format = 'csv'); "
            "EXPLAIN INSERT INTO k SELECT id FROM s", "cannot be written to a sink of files")
    refused(shared + source("other", "id BIGINT, ts TIMESTAMP", "sr") + into +
            "EXPLAIN INSERT INTO k SELECT id, 1 FROM (SELECT id FROM s UNION ALL SELECT id FROM other)", "another one does not")
    refused(shared + "CREATE MATERIALIZED VIEW v AS SELECT id FROM s", "a view")
    refused(source("s", "id BIGINT", "sr", "share_partitions = true"), "none is named")
    refused(source("s", "id BIGINT", "sr", SHARED % "g" + ", bounded = true"), "exclude each other")
    refused(source("s", "id BIGINT", "sr", SHARED % "g" + ", properties.partition.assignment.strategy = 'roundrobin'"), "cannot be chosen")
    plan = subprocess.run([WEIR, "query", p.text(shared + into + "EXPLAIN INSERT INTO k SELECT id, 1 FROM s")], capture_output=True, text=True).stdout
    assert "exactly-once" in plan and "positions of the group" in plan, plan


class Registry(http.server.BaseHTTPRequestHandler):
    """A schema registry of a few lines."""
    schemas, asked = [], 0

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def is_welcome(self):
        return self.headers["Authorization"] == "Basic " + base64.b64encode(b"me:pass-5813").decode()

    def do_GET(self):
        Registry.asked += 1
        number = int(self.path.rsplit("/", 1)[1])
        if not self.is_welcome():
            self.answer(401, {})
        elif number > len(self.schemas):
            self.answer(404, {"error_code": 40403})
        else:
            self.answer(200, {"schema": self.schemas[number - 1]})

    def do_POST(self):
        schema = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["schema"]
        if not self.is_welcome():
            self.answer(401, {})
            return
        if schema not in self.schemas:
            self.schemas.append(schema)
        self.answer(200, {"id": self.schemas.index(schema) + 1})

    def log_message(self, *_):
        pass


AVRO_COLUMNS = "id BIGINT, price DECIMAL(10,2), at TIMESTAMP, tags VARCHAR[], bytes BLOB"
AVRO_ROWS = "SELECT i, i / 4.0, TIMESTAMP '2024-01-01' + INTERVAL 1 SECOND * i, ['a', 'b'], from_hex('00ff') FROM range(10) AS r(i)"
AVRO_SHOWN = "SELECT id, price, at::VARCHAR AS at, tags, hex(bytes) AS h FROM s WHERE id = 3"
AVRO_WANTED = [{"id": 3, "price": 0.75, "at": "2024-01-01 00:00:03", "tags": ["a", "b"], "h": "00FF"}]


@test
def avro_with_a_schema_of_its_own(p):
    p.topic("avro")
    p.query(sink("k", AVRO_COLUMNS, "avro", "format = 'avro'") + "INSERT INTO k " + AVRO_ROWS)
    fields = ", ".join('{"name": "%s", "type": ["null", %s]}' % field for field in [
        ("id", '"long"'), ("price", '{"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}'),
        ("at", '{"type": "long", "logicalType": "timestamp-micros"}'),
        ("tags", '{"type": "array", "items": ["null", "string"]}'), ("bytes", '"bytes"')])
    schema = '{"type": "record", "name": "row", "fields": [%s]}' % fields
    more = f"format = 'avro', bounded = true, avro.schema = '{schema}'"
    same(p.query(source("s", AVRO_COLUMNS, "avro", more) + AVRO_SHOWN), AVRO_WANTED)
    undeclared = source("s", AVRO_COLUMNS, "avro", more).replace(f"({AVRO_COLUMNS})", "")
    same(p.query(undeclared + AVRO_SHOWN), AVRO_WANTED)


@test
def avro_with_a_registry(p):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    more = (f"format = 'avro', schema.registry = '{address}', schema.registry.username = 'me', "
            "schema.registry.password = 'pass-5813'")
    p.topic("registered")
    p.query(sink("k", AVRO_COLUMNS, "registered", more) + "INSERT INTO k " + AVRO_ROWS)
    read = source("s", AVRO_COLUMNS, "registered", more + ", bounded = true")
    same(p.query(read + AVRO_SHOWN), AVRO_WANTED)
    same(Registry.asked, 1, "how often for one schema")
    error = p.query(read.replace("pass-5813", "pass-0000") + AVRO_SHOWN, ok=False)
    assert "does not let us in" in error and "pass-0000" not in error, error
    client.send(p.address, "registered", [b"\0\0\0\0\x63\0"])
    error = p.query(read + AVRO_SHOWN, ok=False)
    assert "the schema registry does not know its schema" in error, error
    server.shutdown()


DEAD = sink("dead", "position VARCHAR, reason VARCHAR, raw VARCHAR", "{dead}")


def dead_letters(p, topic, read, select):
    """Runs the query over the source that is given; gives its rows and its dead letters, by position."""
    p.topic(topic + "-out")
    p.topic(topic + "-dead")
    sql = (read + sink("k", "id BIGINT, n BIGINT", topic + "-out") + DEAD.replace("{dead}", topic + "-dead") +
           f"INSERT INTO k {select} EMIT WITH (on_error = 'dlq', dead_letters = dead);")
    for _ in range(2):  # the second one finds nothing left to do
        p.run(sql, "--once", *p.state(topic))
    rows = [json.loads(v) for v in p.values(topic + "-out")]
    letters = [json.loads(v) for v in p.values(topic + "-dead")]
    return sorted((r["id"], r["n"]) for r in rows), sorted((r["position"], r["reason"], r["raw"]) for r in letters)


@test
def bad_json_is_a_dead_letter(p):
    p.topic("dj", [(None, '{"id": 1, "n": "10"}', 0), (None, '{"id": ', 0), (None, '{"id": "x", "n": "1"}', 1),
                   (None, '{"id": 2, "n": "ten"}', 1), (None, None, 1), (None, '{"id": 3, "n": "30"}', 1)])
    rows, letters = dead_letters(p, "dj", source("s", "id BIGINT, n VARCHAR", "dj"), "SELECT id, n::BIGINT FROM s")
    same(rows, [(1, 10), (3, 30)])
    same([(at, raw) for at, _, raw in letters],
         [("topic dj partition 0 offset 1", '{"id": '), ("topic dj partition 1 offset 0", '{"id": "x", "n": "1"}'),
          ("topic dj partition 1 offset 1", '{"id":2,"n":"ten"}')])
    same(letters[2][1], 'cannot read "ten" as BIGINT')


@test
def bad_csv_is_a_dead_letter(p):
    p.topic("dc", ['1,5', '2,0', '3', 'x,1', '4,2\n5,1', b"\xff,1", '6,1'], partitions=1)
    rows, letters = dead_letters(p, "dc", source("s", "id BIGINT, n BIGINT", "dc", "format = 'csv'"),
                                 "SELECT id, 10 // n FROM s")
    same(rows, [(1, 2), (6, 10)])
    same([at for at, _, _ in letters], [f"topic dc partition 0 offset {i}" for i in range(1, 6)])
    same(letters[0][1:], ("division by zero", '{"id":2,"n":0}'))
    same(letters[4][2], "\\xff,1")


@test
def bad_avro_is_a_dead_letter(p):
    schema = '{"type": "record", "name": "r", "fields": [{"name": "id", "type": "long"}, {"name": "n", "type": "string"}]}'
    p.topic("da", [b"\x02\x041", b"\x02", b"", b"\x04\x0210", b"\x04\x0412", b"\x06\x02x"], partitions=1)
    rows, letters = dead_letters(p, "da", source("s", "id BIGINT, n VARCHAR", "da", f"format = 'avro', avro.schema = '{schema}'"),
                                 "SELECT id, n::BIGINT FROM s")
    same(rows, [(2, 12)])
    same([at for at, _, _ in letters], [f"topic da partition 0 offset {i}" for i in (0, 1, 2, 3, 5)])
    same(letters[4][1], 'cannot read "x" as BIGINT')


def change(op, before, after):
    rows = [None if row is None else dict(zip(("id", "name", "amount"), row)) for row in (before, after)]
    return json.dumps({"op": op, "before": rows[0], "after": rows[1], "source": {"table": "t"}, "ts_ms": 1})


@test
def changes_of_a_database_keep_sums_and_tables_true(p):
    p.topic("cdc", [change("r", None, (1, "a", 10)), change("c", None, (2, "a", 5)), change("u", (1, "a", 10), (1, "b", 7)),
                    change("c", None, (3, "b", 1)), change("d", (2, "a", 5), None), ("2", None), change("u", (3, "b", 1), (3, "c", 2)),
                    '{"op": "u", "before": null, "after": {"id": 3}}', change("d", (3, None, None), None)], partitions=1)
    read = source("s", "id BIGINT PRIMARY KEY, name VARCHAR, amount BIGINT", "cdc", "format = 'debezium'")
    for name, columns, key, select in (("sums", "name VARCHAR, n BIGINT, total BIGINT", "name", "name, count(*), sum(amount) FROM s GROUP BY name"),
                                       ("copy", "id BIGINT, name VARCHAR, amount BIGINT", "id", "id, name, amount FROM s")):
        p.topic(f"cdc-{name}", partitions=1)
        p.topic(f"cdc-{name}-dead", partitions=1)
        sql = (read + sink("k", f"{columns}, PRIMARY KEY ({key})", f"cdc-{name}") + sink("dead", "position VARCHAR, reason VARCHAR", f"cdc-{name}-dead") +
               f"INSERT INTO k SELECT {select} EMIT WITH (on_error = 'dlq', dead_letters = dead);")
        for _ in range(2):
            p.run(sql, "--once", *p.state(f"cdc-{name}"))
        last = {m[2]: m[3] for m in client.read(p.address, f"cdc-{name}", 1)}
        rows = sorted(tuple(json.loads(v).values()) for v in last.values() if v)
        same(rows, [("b", 1, 7), ("c", 1, 2)] if name == "sums" else [(1, "b", 7), (3, "c", 2)])
        letters = [json.loads(v) for v in p.values(f"cdc-{name}-dead", 1)]
        same([letter["position"] for letter in letters], ["topic cdc partition 0 offset 7", "topic cdc partition 0 offset 8"])
    assert "only the key of the row" in letters[1]["reason"], letters
    error = p.query(read.replace(" PRIMARY KEY", "") + "SELECT 1", ok=False)
    assert "needs the primary key" in error, error
    error = p.query(source("s", "id BIGINT PRIMARY KEY", "cdc", "format = 'debezium', bounded = true") + "SELECT 1", ok=False)
    assert "a query that ends would count each version" in error, error


def main(words):
    """Runs the tests whose names have one of the words; gives how many passed and failed, or None without a broker."""
    global client
    try:
        started = brokers.Broker()
    except brokers.Unavailable as reason:
        print(f"no broker: {reason}")
        return None
    import client as real
    client = real
    is_quick, words = "--quick" in words, [word for word in words if word != "--quick"]
    passed = failed = 0
    with started, tempfile.TemporaryDirectory(prefix="weir-kafka-") as folder:
        for one in TESTS:
            if (words and not any(word in one.__name__ for word in words)) or (is_quick and hasattr(one, "is_slow")):
                continue
            began = time.monotonic()
            try:
                one(Place(started, folder))
                passed += 1
                print(f"ok      {one.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
            except Exception as problem:
                failed += 1
                print(f"FAILED  {one.__name__}: {type(problem).__name__}: {problem}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return passed, failed


if __name__ == "__main__":
    counts = main(sys.argv[1:])
    sys.exit(77 if counts is None else counts[1] > 0 or counts[0] == 0)

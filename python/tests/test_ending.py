"""Ends: of the program while streams run, of handles that nobody has any more, of loops and tasks; and forks."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import weir
from weir import stream

BEGIN = """
import os, threading, time, weir
from weir import stream, udf
db = weir.connect(threads=2)
numbers = stream.Source("numbers", {"n": "BIGINT"}, connection=db)
db.execute("CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM numbers")
def background(call, *args):
    threading.Thread(target=call, args=args, daemon=True).start()
"""


def run(program, timeout=20):
    """stdout of a program that must end by itself."""
    done = subprocess.run([sys.executable, "-c", BEGIN + textwrap.dedent(program)], capture_output=True, text=True, timeout=timeout, env=here())
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def here():
    return {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(weir.__file__))}


def test_a_program_ends_while_streams_call_it():
    run("""
        def forever(position):
            while True:
                yield [{"n": 1}]
        stream.create_source("forever", forever, columns={"n": "BIGINT"}, connection=db)
        stream.create_sink("out", lambda rows: None, columns={"n": "BIGINT"}, by="rows", connection=db)
        udf.create_function("twice", lambda n: 2 * n, ["BIGINT"], "BIGINT", by="row", connection=db)
        db.execute("CREATE MATERIALIZED VIEW doubled AS SELECT sum(twice(n)) AS n FROM forever")
        query = stream.start("INSERT INTO out SELECT twice(n) FROM forever", connection=db)
        while query.progress["rows_in"] < 10:
            time.sleep(0.01)
    """)


def test_a_program_ends_while_daemon_threads_wait():
    run("""
        db.execute("CREATE SINK out (n BIGINT) WITH (connector = 'blackhole')")
        query = stream.start("INSERT INTO out SELECT n FROM numbers", connection=db)
        background(query.wait)
        background(list, db.subscribe("counted"))
        background(list, stream.tap("SELECT n FROM numbers", connection=db))
        background(stream.Source("others", {"n": "BIGINT"}, connection=db).push, [{"n": 1}])
        background(db.session().sql("SELECT count(*) FROM range(1000000) a, range(1000000) b").rows)
        time.sleep(0.3)
    """)


def test_a_program_ends_though_a_sink_does_not_return():
    run("""
        stuck = threading.Event()
        stream.create_sink("out", lambda rows: (stuck.set(), threading.Event().wait()), columns={"n": "BIGINT"}, connection=db)
        query = stream.start("INSERT INTO out SELECT n FROM numbers", connection=db)
        while not stuck.wait(0.05):
            numbers.push([{"n": 1}])
    """)


def test_a_fork_is_told_that_connections_are_not_its_own():
    said = run("""
        db.execute("CREATE SINK out (n BIGINT) WITH (connector = 'blackhole')")
        query = stream.start("INSERT INTO out SELECT n FROM numbers", connection=db)
        rows = db.sql("SELECT 1").batches()
        weir.sql("SELECT 1").rows()
        import warnings; warnings.simplefilter("ignore")
        child = os.fork()
        if child == 0:
            for call in (db.sql("SELECT 1").rows, lambda: query.progress, query.stop, query.wait, lambda: db.subscribe("counted"),
                         lambda: numbers.push([{"n": 1}]), lambda: list(rows), db.session):
                try:
                    call()
                    print("nothing was said")
                except weir.InterfaceError as error:
                    assert "forked" in str(error) or "process" in str(error), error
            print("child", weir.sql("SELECT 41 + 1").item(), flush=True)
            db.close()
        else:
            assert os.waitpid(child, 0)[1] == 0
            numbers.push([{"n": 1}])
            assert query.await_idle("10 s")
            query.stop()
            print("parent", query.progress["rows_in"])
    """)
    assert said == "child 42\nparent 1\n"


def test_a_stream_ends_with_its_last_handle(db):
    source = stream.Source("numbers", {"n": "BIGINT"}, connection=db)
    db.execute("CREATE SINK out (n BIGINT) WITH (connector = 'blackhole')")
    query = stream.start("INSERT INTO out SELECT n FROM numbers", connection=db)
    source.push([{"n": 1}])
    assert len(db.sql("SHOW STREAMS").rows()) == 1
    del query
    gc.collect()
    assert db.sql("SHOW STREAMS").rows() == []


def test_many_streams_run_at_once(db):
    queries = []
    source = stream.Source("numbers", {"n": "BIGINT"}, connection=db)
    got = []
    for i in range(40):
        stream.create_sink(f"out{i}", got.extend, columns={"n": "BIGINT"}, by="rows", connection=db)
        queries.append(stream.start(f"INSERT INTO out{i} SELECT n + {i} FROM numbers", connection=db))
    while any(query.progress["status"] == "created" for query in queries):
        time.sleep(0.01)
    source.push([{"n": 1}, {"n": 2}])
    assert all(query.await_idle("20 s") for query in queries)
    assert sorted(n for (n,) in got) == sorted(n + i for n in (1, 2) for i in range(40))
    for query in queries:
        query.close()


def test_breaking_out_of_loops_ends_what_they_looked_at(db):
    source = stream.Source("numbers", {"n": "BIGINT"}, connection=db)
    db.execute("CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM numbers")
    before = threading.active_count()

    async def first():
        async for change in db.subscribe("counted"):
            return change.row

    async def ended_by_time():
        async for _ in db.subscribe("counted", snapshot=False):
            pass

    async def main():
        for _ in range(20):
            assert await asyncio.wait_for(first(), 10) == {"n": 1}
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ended_by_time(), 0.02)

    source.push([{"n": 1}])
    for _ in range(20):
        for change in db.subscribe("counted"):
            assert change.row == {"n": 1}
            break
        for row in stream.tap("SELECT n FROM numbers LIMIT 0", connection=db):
            raise AssertionError(row)
    asyncio.run(main())
    gc.collect()
    assert threading.active_count() == before
    looks = [row for row in db.sql("SHOW STREAMS").dicts() if "counted" not in str(row)]
    assert looks == [], "nobody looks any more"


def test_many_subscriptions_wait_in_one_event_loop(db):
    source = stream.Source("numbers", {"n": "BIGINT"}, connection=db)
    db.execute("CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM numbers")
    source.push([{"n": 1}])

    async def second(change_of):
        async for change in change_of:
            if change.row == {"n": 2} and change.diff == 1:
                return True

    async def main():
        tasks = [asyncio.create_task(second(db.subscribe("counted"))) for _ in range(60)]
        await asyncio.sleep(0.3)
        assert await weir.aio.Connection(db).sql("SELECT 42").item() == 42
        source.push([{"n": 1}])
        assert await asyncio.wait_for(asyncio.gather(*tasks), 20) == [True] * 60

    before = threading.active_count()
    asyncio.run(main())
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


@pytest.mark.parametrize("what", ["query.wait()", "query.await_idle()", "next(iter(db.subscribe('counted', snapshot=False)))", "others.push([{'n': 1}])"])
def test_ctrl_c_ends_waiting(what):
    program = BEGIN + textwrap.dedent(f"""
        db.execute("CREATE SINK out (n BIGINT) WITH (connector = 'blackhole')")
        query = stream.start("INSERT INTO out SELECT n FROM numbers", connection=db)
        others = stream.Source("others", {{"n": "BIGINT"}}, connection=db)
        print("ready", flush=True)
        try:
            while True:
                {what}
        except KeyboardInterrupt:
            print("ended", flush=True)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=here()) as running:
        assert running.stdout.readline() == "ready\n"
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        assert running.stdout.read() == "ended\n"
        assert running.wait(20) == 0

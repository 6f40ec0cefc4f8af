"""Threads: turns on one connection, queries side by side on several, the GIL, interrupting."""

import os
import signal
import statistics
import subprocess
import sys
import textwrap
import threading
import time

import pyarrow
import pytest

import weir

SLOW = "select count(*) from range(100000) a(i), range(100000) b(j) where (i * j) % 7 = 3"


def run_all(work, count=8):
    failures = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads), "they wait for each other"
    assert not failures, failures[0]


@pytest.mark.parametrize("is_shared", [True, False])
def test_threads_ask_a_thousand_queries_each_and_get_right_answers(is_shared):
    db = weir.connect(threads=2)
    db.execute("create table t as select i, i % 10 as k from range(1000) r(i)")

    def work(number):
        mine = db if is_shared else db.session()
        for i in range(1000):
            key = (number + i) % 10
            if i % 4 == 0:
                assert mine.sql("select count(*), min(i) from t where k = $1", key).rows() == [(100, key)]
            elif i % 4 == 1:
                assert mine.sql("select i from t where i < :n order by i", n=i % 20).rows() == [(j,) for j in range(i % 20)]
            elif i % 4 == 2:
                assert mine.from_arrow(pyarrow.record_batch({"a": [number, i]})).agg(s=weir.F.sum("a")).item() == number + i
            else:
                with pytest.raises(weir.DataError):
                    mine.sql("select 1 / (i - 5) from t").rows()
        if not is_shared:
            mine.close()

    run_all(work)
    db.close()


def test_threads_share_batches_streams_and_cursors(db):
    frame = db.sql("select i from range(200000) r(i)")

    def work(number):
        for _ in range(10):
            if number % 2:
                assert pyarrow.table(frame).num_rows == 200000
            else:
                assert sum(b.num_rows for b in frame.batches()) == 200000

    run_all(work)


def rate(seconds=0.12):
    """How often a thread of Python counts in a second, while others may work."""
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        count += 1
    return count / seconds


def share_beside(run, stop):
    """The rate of a counter while run() goes on in another thread, as a share of its idle rate right before and after.

    The other thread gets the time of the processors that nobody else wants, so that where others use the machine, too, it is
    only the GIL that it can take from the counter.
    """
    before = rate()

    def aside():
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        run()

    runner = threading.Thread(target=aside)
    runner.start()
    time.sleep(0.03)
    busy = rate()
    is_running = runner.is_alive()
    stop()
    runner.join()
    assert is_running, "it ended before it was measured"
    return busy / statistics.mean([before, rate()])


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs a second core")
def test_threads_of_python_keep_their_idle_rate_while_a_query_runs():
    """The GIL is released: a counter keeps at least 80 % of its idle rate, in the median of several rounds. Others use the
    machine, too, so a median that is too low is measured again."""
    db = weir.connect(threads=1)

    def query():
        with pytest.raises(weir.CancelledError):
            db.sql(SLOW).rows()

    medians = []
    while len(medians) < 6 and max(medians, default=0) < 0.8:
        medians.append(statistics.median(share_beside(query, db.interrupt) for _ in range(7)))
    db.close()
    assert max(medians) >= 0.8, medians


def test_the_measure_of_threads_sees_a_gil_that_is_kept():
    stopped = []

    def hold():
        while not stopped:
            sum(range(1000))

    shares = []
    while len(shares) < 6 and min(shares, default=1) >= 0.8:
        stopped.clear()
        shares.append(share_beside(hold, lambda: stopped.append(True)))
    assert min(shares) < 0.8, shares


def test_threads_can_interrupt(db):
    timer = threading.Timer(0.2, db.interrupt)
    timer.start()
    begin = time.perf_counter()
    with pytest.raises(weir.CancelledError):
        db.sql(SLOW).rows()
    assert time.perf_counter() - begin < 5
    assert db.sql("select 1").item() == 1


@pytest.mark.parametrize("end", ["rows()", "arrow()", "item()", "into('t')"])
def test_ctrl_c_stops_a_query_and_the_connection_stays(end):
    script = f"""
        import weir, threading, os, signal, time
        db = weir.connect(threads=2)
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        begin = time.perf_counter()
        try:
            db.sql({SLOW!r}).{end}
        except KeyboardInterrupt:
            assert time.perf_counter() - begin < 5
            assert db.sql("select 1").item() == 1
            print("stopped")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60)
    assert done.stdout == "stopped\n", done.stderr


def test_ctrl_c_at_any_moment_is_heard():
    """Also between two parts of a result, while code of pyarrow runs that asks for no signals."""
    script = f"""
        import random, weir, threading, os, pyarrow, signal, time
        db = weir.connect(threads=1)
        unheard, rounds = [], 0

        def press():
            time.sleep(random.random() * 0.0004)
            os.kill(os.getpid(), signal.SIGINT)

        def give_up():
            unheard.append(rounds)
            db.interrupt()

        for rounds in range(600):
            thread, late = threading.Thread(target=press), threading.Timer(5, give_up)
            try:
                late.start()
                thread.start()
                db.sql({SLOW!r}).arrow()
            except (KeyboardInterrupt, weir.CancelledError):
                pass
            thread.join()
            late.cancel()
        print(unheard)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stdout + done.stderr


def test_the_handler_of_the_program_stays(db):
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        mine = signal.getsignal(signal.SIGINT)
        db.sql("select 1").rows()
        assert signal.getsignal(signal.SIGINT) is mine
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        assert heard == [1]
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_query_inside_a_query_of_the_same_connection_is_refused(db):
    def batches():
        yield pyarrow.record_batch({"a": [1]})
        db.sql("select 1").rows()

    with pytest.raises(weir.InterfaceError, match="in use by the statement"):
        db.register("t", batches())
    with weir.connect() as other:
        db.register("t", (pyarrow.record_batch({"a": other.sql("select 7").rows()[0]}) for _ in range(2)))
    assert db.sql("from t").rows() == [(7,), (7,)]


def test_progress_is_told_and_may_cancel(db):
    told = []
    db.progress(told.append)
    timer = threading.Timer(0.9, db.interrupt)
    timer.start()
    with pytest.raises(weir.CancelledError):
        db.sql(SLOW).rows()
    assert told and told[-1]["elapsed"] > 0.4 and set(told[-1]) >= {"fraction", "rows", "phase", "memory"}

    def refuse(progress):
        raise LookupError("enough")

    db.progress(refuse)
    with pytest.raises(LookupError, match="enough"):
        db.sql(SLOW).arrow()
    db.progress(None)
    assert db.sql("select 1").item() == 1


def test_closing_while_another_thread_runs_waits_for_it(db):
    def work():
        with pytest.raises((weir.CancelledError, weir.InterfaceError)):
            db.sql(SLOW).rows()

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.1)
    db.interrupt()
    db.close()
    thread.join(30)
    assert not thread.is_alive()

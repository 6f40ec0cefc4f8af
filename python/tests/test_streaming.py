"""Rows that are taken slowly, by several, over the end of what they came from."""

import gc
import threading
import time

import pyarrow
import pytest

import weir

LONG = "select a.i + b.i as i from range(2000000) a(i), range(100) b(i)"


def test_an_iterator_that_nobody_reads_holds_up_nobody(db):
    other = db.session()
    db.execute("create table t as select i from range(100000) r(i)")
    batches = db.sql("from t").batches()
    first = next(batches)
    assert db.execute("insert into t values (-1)") == 1
    assert other.sql("select count(*) from t").item() == 100001
    other.execute("delete from t where i < 50000")
    assert db.sql("select count(*) from t").item() == 50000
    other.execute("drop table t")
    assert first.num_rows + sum(b.num_rows for b in batches) == 100000


def test_results_outlive_their_connection_as_arrays_and_end_with_it_as_streams():
    db = weir.connect(threads=2)
    db.register("given", pyarrow.table({"t": ["a text longer than twelve bytes"] * 1000}))
    batch = next(db.sql("select i, i::text as t from range(100000) r(i)").batches())
    given = next(db.sql("from given").batches())
    open_batches, reader = db.sql(LONG).batches(), pyarrow.RecordBatchReader.from_stream(db.sql(LONG))
    next(open_batches)
    reader.read_next_batch()
    db.close()
    with pytest.raises(weir.InterfaceError, match="closed"):
        next(open_batches)
    with pytest.raises(OSError, match="closed"):
        reader.read_next_batch()
    del db, reader
    gc.collect()
    assert pyarrow.record_batch(batch)["t"][9].as_py() == "9"
    assert pyarrow.record_batch(given)["t"][999].as_py() == "a text longer than twelve bytes"


def test_many_results_of_one_connection_are_read_by_turns_and_by_threads(db):
    frames = [db.sql(f"select i + {k} as i from range(200000) r(i)") for k in range(4)]
    iterators = [f.batches() for f in frames]
    sums = [0] * 4
    while any(iterators):
        for k, batches in enumerate(iterators):
            if batches is None:
                continue
            batch = next(batches, None)
            if batch is None:
                iterators[k] = None
            else:
                sums[k] += sum(row[0] for row in batch._rows(["BIGINT"]))
    assert sums == [sum(range(200000)) + k * 200000 for k in range(4)]
    found = {}

    def take(k):
        found[k] = sum(batch.num_rows for batch in frames[k].batches())

    threads = [threading.Thread(target=take, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == {k: 200000 for k in range(4)}
    shared, seen = frames[0].batches(), []
    lock = threading.Lock()

    def share():
        while True:
            with lock:
                batch = next(shared, None)
            if batch is None:
                return
            seen.append(batch.num_rows)

    threads = [threading.Thread(target=share) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sum(seen) == 200000


def test_a_stream_can_be_interrupted(db):
    batches = db.sql(LONG).batches()
    next(batches)
    db.interrupt()
    with pytest.raises(weir.CancelledError):
        for _ in batches:
            pass
    reader = pyarrow.RecordBatchReader.from_stream(db.sql(LONG))
    threading.Timer(0.2, db.interrupt).start()
    began = time.monotonic()
    with pytest.raises(OSError):
        for _ in reader:
            pass
    assert time.monotonic() - began < 20
    assert db.sql("select 1").item() == 1


def test_rows_of_a_transaction_end_with_it(db):
    db.execute("create table t (i int)")
    with db.begin():
        db.execute("insert into t select * from range(100000)")
        batches = db.sql("from t").batches()
        next(batches)
    with pytest.raises(weir.ProgrammingError, match="transaction has ended"):
        next(batches)

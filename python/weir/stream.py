"""Continuous queries: started, watched, stopped; rows pushed into them and changes that come out of them.

    weir.execute("CREATE SOURCE readings (place VARCHAR, degrees DOUBLE) WITH (connector = 'push')")
    weir.execute("CREATE TABLE warm (place VARCHAR, degrees DOUBLE)")
    with weir.stream.start("INSERT INTO warm SELECT * FROM readings WHERE degrees > 20") as query:
        readings = weir.stream.Source("readings")
        readings.push([{"place": "Rome", "degrees": 30.0}])
        query.await_idle("5 s")

Durations are seconds, timedelta or a text like "5 s". Everything here may be used by any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Union

from weir import _weir, incoming, text
from weir.connection import Connection, default_connection
from weir.errors import CancelledError, Error, InterfaceError
from weir.sink import Writer as Writer
from weir.sink import create_sink as create_sink
from weir.sink import declaration
from weir.sink import sink as sink
from weir.source import Reader as Reader
from weir.source import create_source as create_source
from weir.source import pairs
from weir.source import source as source

Duration = Union[float, str, datetime.timedelta]
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "day": 86400}


def seconds(duration: Duration) -> float:
    """A duration in seconds: a number of them, a timedelta, or a number with us, ms, s, min, h or day."""
    if isinstance(duration, datetime.timedelta):
        return duration.total_seconds()
    if isinstance(duration, (int, float)):
        return float(duration)
    number = duration.strip().rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = duration.strip()[len(number) :]
    try:
        return float(number) * _SECONDS[unit if unit in _SECONDS else unit.removesuffix("s")]
    except (ValueError, KeyError):
        raise InterfaceError(f'"{duration}" is no duration', hint='seconds, a timedelta, or a text such as "5 min"') from None


def _milliseconds(duration: Duration | None) -> int:
    return -1 if duration is None else max(round(seconds(duration) * 1000), 0)


class Lag(NamedTuple):
    """What the sources have and the query has not read yet; None where a source does not know."""

    rows: int | None
    bytes: int | None


class Stream:
    """A continuous query that runs beside its connection. As a context manager it is started, and stopped at the end.

    It ends when it is stopped, when its sources end, or by an error, which wait(), await_idle() and stop() raise.
    """

    def __init__(self, stream: _weir.Stream) -> None:
        self._stream = stream
        self._started = False
        self._last: dict[str, Any] | None = None  # progress when it was closed
        self.name = stream.name
        """What its state and its marks in sinks are found by."""

    @property
    def notices(self) -> str | None:
        """What may surprise, a line each."""
        return self._stream.notices

    def start(self) -> Stream:
        """Lets it run on a thread of the engine. Once; returns itself."""
        self._stream.start()
        self._started = True
        return self

    @property
    def progress(self) -> dict[str, Any]:
        """Its figures as of a tenth of a second ago at most: status ("running", ...), rows_in, rows_out, late_rows,
        dead_rows, watermark_us, state_bytes, checkpoints, seconds of the last round and the last checkpoint, and more."""
        return self._stream.progress() if self._last is None else self._last

    @property
    def snapshot(self) -> dict[str, Any]:
        """Everything about it (docs/streams.md)."""
        out: dict[str, Any] = json.loads(self._stream.snapshot())
        return out

    @property
    def lag(self) -> Lag:
        """What waits at its sources."""
        figures = self.progress
        return Lag(figures["lag_rows"], figures["lag_bytes"])

    def explain(self) -> str:
        """Its operators, the delivery it promises and why."""
        return self._stream.explain()

    def wait(self, timeout: Duration | None = None) -> bool:
        """Waits until it has ended; False if the time was over first."""
        return self._stream.wait(_milliseconds(timeout))

    def await_idle(self, timeout: Duration | None = None) -> bool:
        """Waits until the sources have nothing left and what they gave is committed; False if the time was over first."""
        return self._stream.wait_idle(_milliseconds(timeout))

    def stop(self, timeout: Duration | None = None) -> bool:
        """Asks it to end with a last commit, and waits; False if the time was over first."""
        self._stream.stop()
        return self.wait(timeout) if self._started else True

    def cancel(self) -> None:
        """Ends it at once, without a commit: it goes on from the last one when it is started again."""
        self._stream.cancel()

    def close(self) -> None:
        """Stops it if it runs, and lets go of its name and its state. Twice is well; progress remains as it was last."""
        if self._last is None:
            self._stream.stop()
            if self._started:
                try:
                    self.wait()
                except Error:
                    pass  # was told by wait() to whoever asked
            self._last = self._stream.progress()
            self._stream.close()

    def __enter__(self) -> Stream:
        return self if self._started else self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                self.stop()
            else:
                self.cancel()
        finally:
            self.close()

    def __repr__(self) -> str:
        return f"<weir.stream.Stream {self.name}: {self.progress['status']}>"


def open(  # noqa: A001  (weir.stream.open)
    sql: str,
    *,
    connection: Connection | None = None,
    name: str | None = None,
    state: str | None = None,
    checkpoint_interval: Duration | None = None,
    delivery: str | None = None,
) -> Stream:
    """Makes a stream of the last statement, INSERT INTO sink SELECT .. or CREATE SINK .. AS; those before it are run first.

    name: default is the sink's. state: a folder that keeps what a restart needs; None: the setting stream_state.
    checkpoint_interval: how often to commit; None: the setting. delivery: "exactly-once", "at-least-once" or
    "best-effort", refused if it cannot be had. It does not run until start().
    """
    on = connection or default_connection()
    interval = 0 if checkpoint_interval is None else _milliseconds(checkpoint_interval)
    return Stream(_weir.stream_open(on._session, sql, name, state, interval, delivery))


def start(
    sql: str,
    *,
    connection: Connection | None = None,
    name: str | None = None,
    state: str | None = None,
    checkpoint_interval: Duration | None = None,
    delivery: str | None = None,
) -> Stream:
    """open() and start()."""
    return open(
        sql, connection=connection, name=name, state=state, checkpoint_interval=checkpoint_interval, delivery=delivery
    ).start()


# ---- rows of the program


class Pull(Protocol):
    """A source written in Python that is asked for its rows."""

    def batches(self, after: int) -> Iterable[Any]:
        """Record batches behind the batch of that number, in order; 0: from the beginning. The same number must always
        mean the same rows, so that a query that goes on after a restart gets each once."""
        ...


class Source:
    """Brings rows to CREATE SOURCE name (columns) WITH (connector = 'push'). With columns, makes that source first.

    Batches have numbers, 1, 2, 3 ..; a query with a state leaves out, after a restart, those it has committed: bring
    everything behind committed again and nothing is lost or read twice.
    """

    def __init__(self, name: str, columns: Mapping[str, str] | None = None, *, connection: Connection | None = None) -> None:
        self._on = connection or default_connection()
        self.name = name
        self._feeder: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._over = threading.Event()
        if columns is not None:
            self._on.execute(declaration("SOURCE", name, columns, "connector = 'push'"))
        self._push = _weir.push_open(self._on._session, name)

    def push(self, rows: Any, *, number: int = 0, timeout: Duration | None = None) -> bool:
        """Hands over rows: a record batch or table of anything with the Arrow PyCapsule interface, or a list of dicts.

        Waits while no query reads the source or one is behind; False if the time was over first, and then nothing, or
        of a table the batches so far, was taken. number: of the first batch; 0: the next one.
        """
        for offset, (schema, array) in enumerate(pairs(rows, self._on)):
            if not self._push.batch(schema, array, number + offset if number else 0, _milliseconds(timeout)):
                return False
        return True

    def feed(self, source: Pull, query: Stream | None = None) -> Source:
        """Pulls the batches of a source on a thread of its own, from behind what is committed, and ends with them.

        query: waits until it has its state of last time, so that committed is known. join() says how it went.
        """

        def run() -> None:
            try:
                while query is not None and query.progress["status"] == "created" and not self._over.wait(0.01):
                    pass
                after = self._push.committed()
                for number, batch in enumerate(source.batches(after), after + 1):
                    for schema, array in incoming.pairs(batch):
                        while not self._push.batch(schema, array, number, 100):
                            if self._over.is_set():
                                return
                self._push.end()
            except BaseException as failure:  # told by join(), on the thread that wants to know
                self._failure = failure

        self._feeder = threading.Thread(target=run, name=f"weir source {self.name}", daemon=True)
        self._feeder.start()
        return self

    def join(self, timeout: Duration | None = None) -> bool:
        """Waits until feed() has brought everything, and raises what went wrong there; False if the time was over."""
        if self._feeder is None:
            return True
        self._feeder.join(None if timeout is None else seconds(timeout))
        if self._failure is not None:
            raise self._failure
        return not self._feeder.is_alive()

    @property
    def committed(self) -> int:
        """The number of the last batch that all queries with a state have committed; 0: none."""
        return self._push.committed()

    def end(self) -> None:
        """Nothing will come any more: queries end when they have read the rest."""
        self._push.end()

    def close(self) -> None:
        """Stops feed() and lets go of the source, which goes on for others."""
        self._over.set()
        if self._feeder is not None:
            self._feeder.join()
        self._push.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


# ---- rows that come out


class Change(NamedTuple):
    """A row that appears (diff 1) or is taken back (diff -1). time is the same for all rows of one round of the stream."""

    time: Any
    diff: int
    row: dict[str, Any]


class _Live:
    """Rows of a query that goes on, on a session of its own; iterates, also with async for. close() ends it."""

    def __init__(self, connection: Connection, sql: str, tap: tuple[int, int] | None = None) -> None:
        self._session = connection._session.beside()
        self._result = self._session.run(sql) if tap is None else self._session.tap(sql, *tap)
        self._types = [kind for _, kind in self._result.columns()]
        self._names = [name for name, _ in self._result.columns()]
        self._rows: list[Any] = []
        self._closed = False

    def _next_row(self) -> Any:
        while not self._rows:
            if self._closed:
                return None
            try:
                batch = self._result.batch()
            except (CancelledError, InterfaceError):
                if self._closed:
                    return None
                raise
            if batch is None:
                self.close()
                return None
            self._rows = batch._rows(self._types)[::-1]
        return self._rows.pop()

    def close(self) -> None:
        """Ends it; who waits for a row gets the end. Any thread; twice is well."""
        self._closed = True
        self._result.cancel()
        self._session.interrupt()
        self._result.close()
        self._session.close()


class Subscription(_Live):
    """Changes as they come; the end when it is closed or its sources have ended."""

    def _change(self, row: Any) -> Change:
        return Change(row[0], row[1], dict(zip(self._names[2:], row[2:])))

    def __iter__(self) -> Iterator[Change]:
        return self

    def __next__(self) -> Change:
        row = self._next_row()
        if row is None:
            raise StopIteration
        return self._change(row)

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        row = await _aside(self)
        if row is None:
            raise StopAsyncIteration
        return self._change(row)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Tap(_Live):
    """Rows as dicts, as they come."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        row = self._next_row()
        if row is None:
            raise StopIteration
        return dict(zip(self._names, row))

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        return self

    async def __anext__(self) -> dict[str, Any]:
        row = await _aside(self)
        if row is None:
            raise StopAsyncIteration
        return dict(zip(self._names, row))

    def __enter__(self) -> Tap:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _tell(waiting: asyncio.Future[Any], row: Any, error: BaseException | None) -> None:
    if waiting.done():
        return
    if error is None:
        waiting.set_result(row)
    else:
        waiting.set_exception(error)


async def _aside(live: _Live) -> Any:
    """Waits for a row on a thread of its own, as those of the event loop's executor are few and for what ends soon; a task that is
    cancelled meanwhile ends the subscription."""
    if live._rows:
        return live._rows.pop()
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[Any] = loop.create_future()

    def wait() -> None:
        row, failure = None, None
        try:
            row = live._next_row()
        except BaseException as error:  # raised where it is waited for
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(_tell, waiting, row, failure)

    threading.Thread(target=wait, name="weir subscription", daemon=True).start()
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        live.close()
        await asyncio.wait([waiting])
        raise


def subscribe(query: str, *, connection: Connection | None = None, snapshot: bool = True) -> Subscription:
    """The changes of a view (by its name) or of a query over views and sources, as they come.

    snapshot=True begins with the rows there are. Who reads slowly slows down what is read. It runs on a session of its own.
    """
    _, is_query, last = (0, False, query) if query.strip().isidentifier() else _weir.form(query)
    what = f"({last}\n)" if is_query else f"TO {text.identifier(query.strip())}"
    tail = "" if snapshot else " WITH (SNAPSHOT = false)"
    return Subscription(connection or default_connection(), f"SUBSCRIBE {what}{tail}")


def tap(
    query: str, *, rows: int = 0, duration: Duration | None = None, connection: Connection | None = None
) -> Tap:
    """Looks at what flows: the rows of a query over sources, read by readers of their own from where the sources begin.

    Ends after so many rows (0: no limit), after the duration, or when it is closed. If answers change, the rows have a
    column change in front, 1 or -1.
    """
    time_ms = 0 if duration is None else _milliseconds(duration)
    return Tap(connection or default_connection(), query, (rows, time_ms))

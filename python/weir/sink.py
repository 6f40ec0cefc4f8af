"""Sinks written in Python: where INSERT INTO a sink, and streams above all, put their rows.

    @weir.stream.sink(by="dicts", columns={"place": "VARCHAR", "degrees": "DOUBLE"})
    def alarms(rows):                                  # a list of dicts; INSERT INTO alarms SELECT ..
        for row in rows: ...

A function gets batches as they come: at least once, as after a crash those behind the last commit come again. A class with
prepare and commit (see Writer) gets every row exactly once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

from weir import _weir, text
from weir._weir import Batch
from weir.connection import Connection, default_connection
from weir.errors import ProgrammingError

By = Literal["batch", "arrow", "polars", "rows", "dicts"]
T = TypeVar("T")


def _arrow(batch: Batch) -> Any:
    import pyarrow

    return pyarrow.record_batch(batch)


def _polars(batch: Batch) -> Any:
    import polars

    return polars.DataFrame(batch)


_FORMS: dict[str, Callable[[Batch], Any]] = {
    "batch": lambda batch: batch,
    "arrow": _arrow,
    "polars": _polars,
    "rows": lambda batch: batch._rows([]),
    "dicts": lambda batch: batch._rows([], True),
}


class Writer(Protocol):
    """What a sink written in Python is made of. write is needed, the other methods are left out where there is nothing to do.

    One stream, or INSERT, calls it from one thread at a time, which is not always the same. What a method raises ends the
    stream with weir.DatabaseError, whose detail is the traceback; started again it goes on from its last commit.

    With prepare and commit each row is written exactly once. At each checkpoint prepare(epoch) makes what was written since
    the last one durable without showing it, or gives it back as bytes, which are kept with the state of the stream; then
    the state is committed; then commit(epoch, token) shows it. After a crash commit is called again with the last
    epoch and token, and must do what is missing and nothing twice: note the epoch in the same transaction as the rows. No two
    commits of a stream have the same epoch.

    Without them rows come at least once: flush() is called at the end of each round, before it is noted that they were read.
    """

    def write(self, batch: Any) -> None:
        """Takes rows: a batch in the form that was asked for by by=."""


class _Calls:
    """A writer as the extension calls it: all methods are there."""

    def __init__(self, writer: Any, form: Callable[[Batch], Any], ended: Callable[[], None]) -> None:
        self._writer = writer
        self._form = form
        self._ended = ended

    def write(self, batch: Batch) -> None:
        self._writer.write(self._form(batch))

    def prepare(self, epoch: int) -> bytes:
        token = self._writer.prepare(epoch)
        return b"" if token is None else bytes(token)

    def commit(self, epoch: int, token: bytes) -> None:
        self._writer.commit(epoch, token)

    def _optional(self, method: str) -> None:
        call = getattr(self._writer, method, None)
        if call is not None:
            call()

    def flush(self) -> None:
        self._optional("flush")

    def abort(self) -> None:
        self._optional("abort")

    def close(self) -> None:
        try:
            self._optional("close")
        finally:
            self._ended()


class _Function:
    """A function as a writer."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.write = function


class Maker:
    """Makes what a stream writes to, or reads: a class does so each time, an object is one itself, for one stream at a
    time, and a function is put into adapter. what: "sink" or "source"; method: the one it must have."""

    def __init__(self, what: str, name: str, of: Any, method: str, adapter: Callable[[Any], Any]) -> None:
        self._title = f'the {what} "{name}"'
        self._is_class = isinstance(of, type)
        self._is_object = not self._is_class and hasattr(of, method)
        self._of: Any = of
        self._adapter = adapter
        self._use = threading.Lock()

    def make(self, *opened_with: Any) -> tuple[Any, Callable[[], None]]:
        """The object, opened, and what is called when it was closed."""
        if self._is_object and not self._use.acquire(blocking=False):
            raise ProgrammingError(f"the object of {self._title} is in use by another query", hint="a class makes one for each of them")
        ended = self._use.release if self._is_object else lambda: None
        try:
            made = self._of if self._is_object else self._of() if self._is_class else self._adapter(self._of)
            if hasattr(made, "open"):
                made.open(*opened_with)
        except BaseException:
            ended()
            raise
        return made, ended


class _Definition:
    """What opens writers."""

    def __init__(self, name: str, to: Any, by: str) -> None:
        self._maker = Maker("sink", name, to, "write", _Function)
        self._form = _FORMS[by]

    def open(self, query: str) -> _Calls:
        writer, ended = self._maker.make(query)
        return _Calls(writer, self._form, ended)


def _check(name: str, to: Any, by: str) -> bool:
    """Whether it commits."""
    if by not in _FORMS:
        raise ProgrammingError(f'by is "{by}"', hint=", ".join(_FORMS))
    if not hasattr(to, "write") and (isinstance(to, type) or not callable(to)):
        raise ProgrammingError(f'the sink "{name}" has no method write', hint="a function, or a class as weir.stream.Writer")
    has = [hasattr(to, method) for method in ("prepare", "commit")]
    if any(has) and not all(has):
        raise ProgrammingError(f'the sink "{name}" has one of prepare and commit only', hint="both make it exactly once")
    return all(has)


def declaration(what: str, name: str, columns: Mapping[str, str], connector: str, key: Sequence[str] = ()) -> str:
    """The SQL that makes a source or sink of the program, of the name it has there."""
    parts = [f"{text.identifier(column)} {kind}" for column, kind in columns.items()]
    if key:
        parts.append(f"PRIMARY KEY ({', '.join(map(text.identifier, key))})")
    return f"CREATE {what} {text.identifier(name)} ({', '.join(parts)}) WITH ({connector})"


def create_sink(
    name: str,
    to: Any,
    *,
    columns: Mapping[str, str] | None = None,
    key: Sequence[str] = (),
    by: By = "batch",
    changes: bool = False,
    connection: Connection | None = None,
) -> None:
    """Lets SQL write to Python: CREATE SINK s (columns) WITH (connector = 'callback', name = 'name').

    to: a function, called with each batch; a class (see Writer), of which each stream makes an object without arguments; or
    such an object, for one stream at a time. If it has open(query), that is called first, with the name of the stream. columns,
    {"name": "SQL type"}: makes the sink in SQL, too, with key as its PRIMARY KEY. by, what a batch is: "batch" a
    weir.Batch, which anything that knows Arrow takes, "arrow" a pyarrow.RecordBatch, "polars" a DataFrame, "rows" a list
    of tuples, "dicts" one of dicts. changes: takes rows back, too; the first column is change then, 1 or -1. Without
    it streams whose answers change are refused. A definition belongs to the engine and replaces one of the same name.
    """
    commits = _check(name, to, by)
    on = connection or default_connection()
    _weir.sink_create(on._session, name, _Definition(name, to, by), changes, commits)
    if columns is not None:
        on.execute(declaration("SINK", name, columns, f"connector = 'callback', name = {text.quoted(name)}", key))


def sink(
    name: str | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    key: Sequence[str] = (),
    by: By = "batch",
    changes: bool = False,
    connection: Connection | None = None,
) -> Callable[[T], T]:
    """create_sink() as a decorator of a function or class; name: its name if none is given. It stays as it is."""

    def decorate(to: T) -> T:
        named: Any = to
        create_sink(name or named.__name__, to, columns=columns, key=key, by=by, changes=changes, connection=connection)
        return to

    return decorate

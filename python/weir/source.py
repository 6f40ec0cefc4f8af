"""Sources written in Python that are asked for their rows, and say where reading goes on behind them.

    @weir.stream.source(columns={"line": "VARCHAR"})
    def lines(position):                               # None, or what was yielded with the last rows that are committed
        with open("app.log") as file:
            file.seek(position or 0)
            while True:
                text = file.readline()
                yield ([{"line": text}], file.tell()) if text else None     # None: nothing is there at the moment

A stream with a state commits positions with its results: after a restart each row is read once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from weir import _weir, incoming, text
from weir.connection import Connection, default_connection
from weir.errors import ProgrammingError
from weir.sink import Maker, declaration

Given = tuple[Any, Any, Any]  # capsules of schema and array or None, position or None
T = TypeVar("T")


def _of_dicts(rows: Sequence[Mapping[str, Any]], connection: Connection) -> list[Any]:
    """Rows of Python become a batch by way of the engine: their values are bound, not pasted."""
    names = list(rows[0])
    values: list[Any] = []
    texts: list[str] = []
    for row in rows:
        texts.append(f"({', '.join(f'${len(values) + i + 1}' for i in range(len(names)))})")
        values += [row[name] for name in names]
    columns = ", ".join(map(text.identifier, names))
    with connection.session() as beside:
        return list(beside.sql(f"SELECT * FROM (VALUES {', '.join(texts)}) AS t({columns})", *values).batches())


def pairs(rows: Any, connection: Connection) -> Iterator[incoming.Pair]:
    """The batches of rows, as capsules: of a batch, a table, anything Arrow, a list of dicts, or several batches."""
    if isinstance(rows, (list, tuple)) and rows and isinstance(rows[0], Mapping):
        rows = _of_dicts(rows, connection)
    if hasattr(rows, "__arrow_c_array__") or hasattr(rows, "to_batches"):
        yield from incoming.pairs(rows)
    elif hasattr(rows, "__arrow_c_stream__"):
        with connection.session() as beside:
            for batch in beside.from_arrow(rows).batches():
                yield batch.__arrow_c_array__()
    else:
        for batch in rows:
            yield from incoming.pairs(batch)


class Reader(Protocol):
    """What a source written in Python is made of; read is needed, other methods are left out where there is nothing to do.

    open(position) comes first: None for the beginning, or the position of the last rows that were committed. Behind a
    position the same rows must come in the same order, however they are cut into batches. close() comes last.

    lag() says how many rows it knows of and has not given, or None. committed(position) is called when a checkpoint has
    what is before it. One stream, or query, calls a reader from one thread at a time, which is not always the same. What
    a method raises ends the stream with weir.DatabaseError, whose detail is the traceback.
    """

    def read(self, timeout: float) -> Any:
        """The next rows and the position behind them, (rows, position). None if nothing came within timeout seconds, which
        may be 0; a longer wait delays commits and stop(). StopIteration if nothing will come any more.

        rows: a record batch or table of anything with the Arrow PyCapsule interface, or a list of dicts; None: only the
        position is news. position: what JSON can say, {"partition 0": 17, ..} for instance. Rows without one,
        not in a tuple, are counted behind the last position there was.
        """
        ...


class _Generator:
    """An iterator as a reader."""

    def __init__(self, function: Callable[[Any], Iterable[Any]]) -> None:
        self._function = function

    def open(self, position: Any) -> None:
        self._items: Any = iter(self._function(position))

    def read(self, timeout: float) -> Any:
        return next(self._items)

    def close(self) -> None:
        if hasattr(self._items, "close"):
            self._items.close()


class _Calls:
    """A reader as the extension calls it: one batch at a time, positions as bytes."""

    def __init__(self, reader: Any, ended: Callable[[], None]) -> None:
        self._reader = reader
        self._ended = ended
        self._waiting: list[Given] = []

    def read(self, timeout: float) -> Given | None | bool:
        if not self._waiting:
            began = time.monotonic()
            try:
                given = self._reader.read(timeout)
            except StopIteration:
                return False
            if given is None:  # at once, perhaps: whoever has nothing is not asked again and again
                time.sleep(max(timeout - (time.monotonic() - began), 0))
                return None
            self._take(given)
        return self._waiting.pop(0) if self._waiting else None

    def _take(self, given: Any) -> None:
        rows, position = given if isinstance(given, tuple) else (given, None)
        told = None if position is None else json.dumps(position, separators=(",", ":")).encode()
        if rows is not None and not (isinstance(rows, (list, tuple)) and not rows):
            self._waiting = [(schema, array, None) for schema, array in pairs(rows, default_connection())]
        if told is not None and self._waiting:
            self._waiting[-1] = (*self._waiting[-1][:2], told)
        elif told is not None:
            self._waiting = [(None, None, told)]

    def lag(self) -> int | None:
        known: int | None = self._reader.lag()
        return known

    def ack(self, position: bytes) -> None:
        self._reader.committed(json.loads(position))

    def close(self) -> None:
        try:
            if hasattr(self._reader, "close"):
                self._reader.close()
        finally:
            self._ended()


class _Definition:
    """What opens readers."""

    def __init__(self, name: str, of: Any) -> None:
        self._maker = Maker("source", name, of, "read", _Generator)

    def open(self, position: bytes) -> _Calls:
        place = json.loads(position) if position else None
        return _Calls(*self._maker.make(place))


def create_source(
    name: str,
    of: Any,
    *,
    columns: Mapping[str, str] | None = None,
    bounded: bool = False,
    repeatable: bool = True,
    connection: Connection | None = None,
) -> None:
    """Lets SQL read from Python: CREATE SOURCE s (columns) WITH (connector = 'callback', name = 'name').

    of: a function of a position that gives an iterator, a generator as a rule, of what Reader.read gives; a class (see
    Reader), of which each stream makes an object without arguments; or such an object, for one stream at a time. columns, {"name":
    "SQL type"}: makes the source in SQL, too; rows have these columns by name. bounded: it ends, so that INSERT and
    SELECT do. repeatable=False: it cannot go back to a position; nothing is promised of its rows then. A definition
    belongs to the engine and replaces one of the same name.
    """
    if not hasattr(of, "read") and (isinstance(of, type) or not callable(of)):
        raise ProgrammingError(f'the source "{name}" has no method read', hint="a generator, or a class as weir.stream.Reader")
    on = connection or default_connection()
    knows_lag, wants_acks = hasattr(of, "lag"), hasattr(of, "committed")
    _weir.feed_create(on._session, name, _Definition(name, of), bounded, not repeatable, knows_lag, wants_acks)
    if columns is not None:
        on.execute(declaration("SOURCE", name, columns, f"connector = 'callback', name = {text.quoted(name)}"))


def source(
    name: str | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    bounded: bool = False,
    repeatable: bool = True,
    connection: Connection | None = None,
) -> Callable[[T], T]:
    """create_source() as a decorator of a generator function or class; name: its name if none is given. It stays as it is."""

    def decorate(of: T) -> T:
        named: Any = of
        create_source(
            name or named.__name__, of, columns=columns, bounded=bounded, repeatable=repeatable, connection=connection
        )
        return of

    return decorate

"""PEP 249 over weir.Connection.

paramstyle is "named" (:name, values in a dict); sequences are bound to $1, $2 .. and ?. A transaction begins with the first
statement and lasts until commit() or rollback(), unless autocommit is on. Threads may share the module, connections and
cursors (threadsafety 3): calls take turns.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import weir.connection
from weir._weir import Result
from weir.errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,  # noqa: A004
)

if TYPE_CHECKING:
    from weir.frame import Values

apilevel = "2.0"
threadsafety = 3
paramstyle = "named"

Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime
Binary = bytes
Row = tuple[Any, ...]


def DateFromTicks(ticks: float) -> datetime.date:  # noqa: N802
    """The day of a moment in seconds since 1970, here."""
    return Date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> datetime.time:  # noqa: N802
    """The time of day of a moment in seconds since 1970, here."""
    return Time(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> datetime.datetime:  # noqa: N802
    """A moment in seconds since 1970, as the clock shows it here."""
    return Timestamp(*time.localtime(ticks)[:6])


class TypeObject:
    """Equal to the type codes (SQL types) that belong to it."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and (other in self._names or other.split("(")[0] in self._names) or self is other

    __hash__ = object.__hash__


STRING = TypeObject("VARCHAR", "JSON", "UUID", "ENUM")
BINARY = TypeObject("BLOB")
NUMBER = TypeObject(
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "REAL", "DOUBLE",
    "DECIMAL", "BOOLEAN",
)  # fmt: skip
DATETIME = TypeObject(
    "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE", "INTERVAL"
)
ROWID = TypeObject("ROWID")


class Cursor:
    """A statement and its rows, which are taken from the engine batch by batch as they are fetched."""

    arraysize = 1

    def __init__(self, connection: weir.connection.Connection, owner: Connection | None = None) -> None:
        self._on = connection
        self._owner = owner
        self._result: Result | None = None
        self._rows: list[Row] = []
        self._next = 0
        self._types: list[str] = []
        self._closed = False
        self.description: list[tuple[str, str, None, None, int | None, int | None, None]] | None = None
        self.rowcount = -1
        self.rownumber: int | None = None

    @property
    def connection(self) -> Connection | weir.connection.Connection:
        """The connection it was made by."""
        return self._owner or self._on

    def _check(self) -> None:
        if self._closed:
            raise InterfaceError("the cursor is closed")
        if self._on.closed:
            raise InterfaceError("the connection is closed")

    def _end(self) -> None:
        if self._result is not None:
            self._result.close()
        self._result = None
        self._rows, self._next = [], 0
        self.description, self.rowcount, self.rownumber = None, -1, None

    def execute(self, operation: str, parameters: Values = None, /) -> Cursor:
        """Starts a statement; changes are carried out at once. Returns the cursor."""
        self._check()
        self._end()
        if self._owner is not None:
            self._owner._begin()
        result = self._on._carry_out(operation, parameters, self._on._outside(self._on._variables(operation)))
        if result.kind() != "rows":
            self.rowcount = result.affected()
            result.close()
            return self
        columns = result.columns()
        self._types = [kind for _, kind in columns]
        self.description = [(name, kind, None, None, *_digits(kind), None) for name, kind in columns]
        self._result, self.rownumber = result, 0
        return self

    def executemany(self, operation: str, seq_of_parameters: Iterable[Values], /) -> Cursor:
        """Runs a statement for each set of parameters; rowcount is the sum."""
        self._check()
        self._end()
        if self._owner is not None:
            self._owner._begin()
        total = 0
        for parameters in seq_of_parameters:
            with self._on._watched(self._on._carry_out(operation, parameters)) as result:
                if result.kind() == "rows":
                    raise ProgrammingError("executemany() is for statements without rows")
                total += max(result.affected(), 0)
        self.rowcount = total
        return self

    def _more(self) -> bool:
        """Whether there is a row at _next."""
        self._check()
        if self.description is None:
            raise InterfaceError("there are no rows: nothing that gives any was executed")
        while self._next == len(self._rows):
            batch = self._result.batch() if self._result is not None else None
            if batch is None:
                if self._result is not None:
                    self._result.close()
                self._result = None
                return False
            self._rows, self._next = batch._rows(self._types), 0
        return True

    def fetchone(self) -> Row | None:
        """The next row; None at the end."""
        if not self._more():
            return None
        row = self._rows[self._next]
        self._next += 1
        self.rownumber = (self.rownumber or 0) + 1
        return row

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """The next rows, at most size (arraysize if not given)."""
        wanted = self.arraysize if size is None else size
        out: list[Row] = []
        while len(out) < wanted and self._more():
            part = self._rows[self._next : self._next + wanted - len(out)]
            self._next += len(part)
            out += part
        self.rownumber = (self.rownumber or 0) + len(out)
        return out

    def fetchall(self) -> list[Row]:
        """All rows that are left."""
        out: list[Row] = []
        while self._more():
            out += self._rows[self._next :]
            self._next = len(self._rows)
        self.rownumber = (self.rownumber or 0) + len(out)
        return out

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def setinputsizes(self, sizes: Sequence[Any], /) -> None:
        """PEP 249 asks for it; sizes are not needed."""

    def setoutputsize(self, size: int, column: int | None = None, /) -> None:
        """PEP 249 asks for it; sizes are not needed."""

    def close(self) -> None:
        """Ends the statement; the cursor cannot be used any more."""
        self._end()
        self._closed = True

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Connection:
    """A connection of PEP 249. As a context manager it commits, or rolls back if something was raised; it stays open."""

    Warning = Warning
    Error = Error
    InterfaceError = InterfaceError
    DatabaseError = DatabaseError
    DataError = DataError
    OperationalError = OperationalError
    IntegrityError = IntegrityError
    InternalError = InternalError
    NotSupportedError = NotSupportedError
    ProgrammingError = ProgrammingError

    def __init__(self, connection: weir.connection.Connection, autocommit: bool = False) -> None:
        self.weir = connection
        self.autocommit = autocommit

    def _begin(self) -> None:
        if not self.autocommit and not self.weir.in_transaction:
            self.weir._change("BEGIN")

    def _check(self) -> None:
        if self.weir.closed:
            raise InterfaceError("the connection is closed")

    def cursor(self) -> Cursor:
        """A new cursor."""
        self._check()
        return Cursor(self.weir, self)

    def execute(self, operation: str, parameters: Values = None, /) -> Cursor:
        """A new cursor that has executed the statement."""
        return self.cursor().execute(operation, parameters)

    def commit(self) -> None:
        """Commits; nothing if no transaction has begun."""
        self._check()
        self.weir.commit()

    def rollback(self) -> None:
        """Undoes what was done since the last commit."""
        self._check()
        self.weir.rollback()

    def close(self) -> None:
        """Rolls back and closes. Closing a closed connection raises InterfaceError."""
        self._check()
        self.weir.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.commit()
        else:
            self.rollback()


def connect(path: str = ":memory:", *, autocommit: bool = False, **settings: Any) -> Connection:
    """A connection to an engine of its own; path and settings as for weir.connect()."""
    return Connection(weir.connection.connect(path, **settings), autocommit)


def _digits(kind: str) -> tuple[int | None, int | None]:
    if not kind.startswith("DECIMAL("):
        return None, None
    precision, scale = kind[8:-1].split(",")
    return int(precision), int(scale)

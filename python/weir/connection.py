"""Connections: an engine with its tables, and a session of it."""

from __future__ import annotations

import _thread
import itertools
import os

from weir import _weir, incoming, text
from weir.errors import Error, NotSupportedError, ProgrammingError
from weir.frame import Frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Any, TypeVar

    from weir.dbapi import Cursor
    from weir.frame import Tables, Values
    from weir.progress import Callback, Progress, Watch

    T = TypeVar("T")

_numbers = itertools.count(1)


class Registered:
    """A table of the program's data that nobody has named; it goes when nobody refers to it any more."""

    __slots__ = ("_unused", "name")

    def __init__(self, connection: Connection, name: str) -> None:
        self.name = name
        self._unused = connection._unused

    def __del__(self) -> None:
        self._unused.append(self.name)


class Watched:
    """A result while its rows are taken: the callback of its connection, if any, is told how far it is; closed at the end."""

    __slots__ = ("_result", "_watch")

    def __init__(self, result: _weir.Result, callback: Callback | None) -> None:
        self._result = result
        self._watch = None if callback is None else _watch(result.progress, result.cancel, callback)

    def __enter__(self) -> _weir.Result:
        if self._watch is not None:
            self._watch.__enter__()
        return self._result

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if self._watch is not None:
                self._watch.__exit__(kind, error, trace)
        finally:
            self._result.close()


class Transaction:
    """with connection.begin(): what is done inside is committed at the end, and undone if something is raised."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Connection:
        self._connection._change("BEGIN")
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._connection.commit()
        else:
            self._connection.rollback()


class Connection:
    """A session of an engine: tables, views and settings, and the transaction that is open.

    Any thread may use it; statements of one connection take turns, those of different ones run at the same time. The GIL
    is released while the engine works. Ctrl-C on the main thread cancels the statement that runs and raises
    KeyboardInterrupt. As a context manager it is closed at the end.
    """

    def __init__(self, session: _weir.Session, sees_variables: bool = True) -> None:
        self._session = session
        self._sees_variables = sees_variables
        self._callback: Callback | None = None
        self._unused: list[str] = []  # appending and popping are atomic

    # ---- running

    def _run(self, sql: str, values: Values = None, tables: Tables | None = None) -> _weir.Result:
        if self._unused:
            self._drop_unused()
        if tables:
            return self._session.run(sql, values or None, incoming.finder(tables))
        return self._session.run(sql, values) if values else self._session.run(sql)

    def _watched(self, result: _weir.Result) -> Watched:
        return Watched(result, self._callback)

    def _rows(self, sql: str, values: Values = None, tables: Tables | None = None) -> list[tuple[Any, ...]]:
        with self._watched(self._run(sql, values, tables)) as result:
            return result.rows()

    def _change(self, sql: str, values: Values = None, tables: Tables | None = None) -> int:
        """Runs it to its end; returns how many rows it changed, 0 if it is no change."""
        with self._watched(self._carry_out(sql, values, tables)) as result:
            while result.kind() == "rows" and result.batch() is not None:
                pass
            return max(result.affected(), 0)

    def _carry_out(self, sql: str, values: Values, tables: Tables | None = None) -> _weir.Result:
        """Starts it, and a change is done then."""
        if self._callback is None:
            return self._run(sql, values, tables)
        with _watch(self._session.progress, self._session.interrupt, self._callback):
            return self._run(sql, values, tables)

    # ---- variables as tables

    def _variables(self, query: str, namespaces: Iterable[Mapping[str, Any]] | None = None) -> dict[str, Any]:
        """Variables of the caller that a query may mean by names of tables."""
        return incoming.variables(query, namespaces) if self._sees_variables else {}

    def _outside(self, tables: Tables) -> dict[str, Any]:
        """Tables for a statement that is no query. Frames of this connection cannot run while it runs: they do before."""
        found: dict[str, Any] = {}
        for name, table in tables.items():
            if not isinstance(table, Frame) or table._connection is not self:
                found[name] = table
            elif not self._session.look(f"SELECT * FROM {name}"):
                with self._watched(table._start()) as result:
                    found[name] = incoming.Held(result)
        return found

    def sql(self, query: str, /, *values: Any, **params: Any) -> Frame:
        """A frame of a query. Any other statement is run at once, and the frame is of its rows; if it has none, of one
        row with the columns statement ("CREATE TABLE") and count (of rows changed).

        values are bound to $1, $2 ..; params to :name and $name, except those that are tables (frames, and what holds
        tables elsewhere: see weir.incoming): these can be read under their names. So can variables of the caller that hold
        tables, if weir knows nothing of their name; they are found now, so the frame keeps what they hold. Values are never
        pasted into the text. Of several statements all but the last are run at once. Raises weir.ProgrammingError for what
        cannot be parsed.
        """
        tables = {name: value for name, value in params.items() if isinstance(value, Frame) or incoming.is_data(value)}
        plain = {name: value for name, value in params.items() if name not in tables}
        if values and plain:
            raise ProgrammingError("values have names or places, not both")
        return self._sql(query, plain or values or None, tables, self._variables(query))

    def _sql(self, query: str, values: Values, tables: Tables, names: Tables) -> Frame:
        statements, is_query, last = _weir.form(query)
        if statements > 1:
            if values or tables:
                raise ProgrammingError("values and tables are for one statement", hint="run the others before it")
            self._change(query[: query.rindex(last)], None, self._outside(names))
        if is_query:
            return self._query(last, tables, values, names)
        if tables:
            raise ProgrammingError("tables can be passed to queries only", hint="register(name, table)")
        return self._run_now(last if statements else query, values, self._outside(names))

    def _query(self, sql: str, tables: Tables, values: Values, names: Tables) -> Frame:
        own = {name: table for name, table in names.items() if isinstance(table, Frame) and table._connection is self}
        frame = Frame(self, sql, values, (), {name: table for name, table in names.items() if name not in own})
        for name, table in tables.items():
            frame = self._named(name, table, frame)
        while own and (asked := self._asked(frame, own)) is not None:
            frame = self._named(asked, own.pop(asked), frame)
        return frame

    def _asked(self, frame: Frame, names: Tables) -> str | None:
        """The first of the names that the engine asks for when it looks at a query."""
        find, asked = incoming.finder(frame._tables), []

        def note(name: str) -> incoming.Offer | None:
            if name in names:
                asked.append(name)
                return None
            return find and find(name)

        self._session.look(frame.query, note)
        return asked[0] if asked else None

    def _named(self, name: str, table: Any, frame: Frame) -> Frame:
        """A query in which a name stands for a table, whatever else is called so. A WITH of the query's own may follow."""
        source = table if isinstance(table, Frame) and table._connection is self else self._unnamed(incoming.offer(table))
        return source._combined(frame, lambda a, b: f"WITH {text.identifier(name)} AS {a} {b}")

    def _run_now(self, sql: str, values: Values, tables: Tables) -> Frame:
        with self._watched(self._carry_out(sql, values, tables)) as result:
            if result.kind() == "rows":
                return self._held(result)
            count = max(result.affected(), 0)
            return Frame(self, f"SELECT {text.quoted(result.tag())} AS statement, CAST({count} AS BIGINT) AS count")

    def _held(self, result: _weir.Result) -> Frame:
        """The rows of a statement that is no query, such as SHOW: kept, since it cannot be run again."""
        return self._unnamed(incoming.Held(result).__arrow_c_stream__())

    def execute(self, query: str, values: Values = None) -> int:
        """Runs statements to their end; returns how many rows the last one changed (0 if it is no change).

        values: a sequence for $1, $2 .., a dict for :name and $name; of one statement only. Rows are dropped: sql() and
        cursor() give them.
        """
        return self._change(query, values, self._outside(self._variables(query)))

    def executemany(self, query: str, rows: Iterable[Values]) -> int:
        """Runs a statement once for each set of values, in one transaction; returns how many rows were changed.

        Many rows come in faster as a table: register(), or Frame.into().
        """
        if not self.in_transaction:
            with self.begin():
                return self.executemany(query, rows)
        names = self._outside(self._variables(query))
        return sum(self._change(query, values, names) for values in rows)

    def cursor(self) -> Cursor:
        """A cursor of PEP 249 (weir.dbapi) on this connection; transactions remain as they are."""
        from weir.dbapi import Cursor

        return Cursor(self)

    # ---- what there is

    def table(self, name: str) -> Frame:
        """A table or view by its name, which is quoted; "schema.table" names one in a schema."""
        return Frame(self, f"SELECT * FROM {'.'.join(map(text.identifier, name.split('.')))}")

    def read(self, path: str | os.PathLike[str], **options: Any) -> Frame:
        """A file of any format weir knows; options are those of its format (docs/reference/formats.md).

        A pattern ("logs/*.csv") or a folder stands for all its files. The format is told by the name.
        """
        return self._read("read", path, options)

    def read_csv(self, path: str | os.PathLike[str], **options: Any) -> Frame:
        """A CSV file: read_csv("f.csv", header=True, delimiter=";")."""
        return self._read("read_csv", path, options)

    def read_json(self, path: str | os.PathLike[str], **options: Any) -> Frame:
        """A file of JSON objects or an array of them."""
        return self._read("read_json", path, options)

    def read_parquet(self, path: str | os.PathLike[str], **options: Any) -> Frame:
        """A Parquet file."""
        return self._read("read_parquet", path, options)

    def read_excel(self, path: str | os.PathLike[str] | Any, **options: Any) -> Frame:
        """A sheet of a workbook, which is read now: read_excel("f.xlsx", sheet="March", range="B3:F20", header=True). All
        options, types and errors are told at weir.excel.read_excel; needs python-calamine."""
        from weir.excel import read_excel

        return read_excel(path, connection=self, **options)

    def _read(self, function: str, path: str | os.PathLike[str], options: Mapping[str, Any]) -> Frame:
        shown = "".join(f", {name} => {_option(value)}" for name, value in options.items())
        return Frame(self, f"SELECT * FROM {function}({text.quoted(os.fspath(path))}{shown})")

    def tables(self) -> list[str]:
        """The names of tables and views, as "schema.name" outside of the schema main."""
        found = self._rows("SHOW TABLES")
        return [name if schema == "main" else f"{schema}.{name}" for schema, name, *_ in found]

    # ---- data of the program

    def from_arrow(self, data: Any) -> Frame:
        """A frame of data of the program: anything weir.incoming understands. It is read now, to its end, except what is
        a recipe for rows: lazy frames of polars, datasets of pyarrow and callables are read anew by each scan."""
        return self._registered(data, self._unnamed)

    def _unnamed(self, offer: incoming.Offer) -> Frame:
        name = f"weir_data_{next(_numbers)}"
        self._session.register(name, offer)
        return Frame(self, f"SELECT * FROM {text.identifier(name)}", None, (Registered(self, name),))

    def from_pandas(self, data: Any) -> Frame:
        """A frame of a pandas.DataFrame; its index is left out unless it has a name."""
        return self.from_arrow(data)

    def register(self, name: str, data: Any) -> None:
        """Makes data of the program readable as a table, until unregister(name); what had the name before goes.

        data: anything with __arrow_c_stream__ or __arrow_c_array__ (pyarrow, polars, DuckDB, frames), pandas, record batch
        readers, sequences and iterators of batches, dicts of columns; read now, to the end. Lazy frames of polars, datasets
        of pyarrow and callables are read anew by each scan. The table is this connection's own.
        """
        self._registered(data, lambda offer: self._session.register(name, offer))

    def _registered(self, data: Any, register: Callable[[incoming.Offer], T]) -> T:
        """A frame runs to its end first: while rows are read the session is in use."""
        if isinstance(data, Frame):
            with data._connection._watched(data._start()) as result:
                data = incoming.Held(result)
        recipe = incoming.recipe(data)
        if recipe is not None:
            return register(recipe)
        source = incoming.stream(data)
        try:
            return register(source.capsule)
        except Error as error:
            source.raise_own(error)
            raise

    def unregister(self, name: str) -> None:
        """Forgets what register() made. ProgrammingError if there is nothing of the name."""
        self._session.unregister(name)

    def _drop_unused(self) -> None:
        while True:
            try:
                name = self._unused.pop()
            except IndexError:  # another thread was quicker
                return
            try:
                self._session.unregister(name)
            except Error:  # in a transaction that failed; a rolled back one has dropped it itself
                if self._session.transaction() is not None:
                    self._unused.append(name)
                    return

    # ---- transactions

    @property
    def in_transaction(self) -> bool:
        """Whether BEGIN was said and neither COMMIT nor ROLLBACK yet."""
        return self._session.transaction() is not None

    def begin(self) -> Transaction:
        """A transaction: with connection.begin(): ... commits at the end, and rolls back if something is raised."""
        return Transaction(self)

    def commit(self) -> None:
        """Commits the transaction; nothing outside of one."""
        if self.in_transaction:
            self._change("COMMIT")

    def rollback(self) -> None:
        """Undoes the transaction; nothing outside of one."""
        if self.in_transaction:
            self._change("ROLLBACK")

    # ---- settings and watching

    def set(self, name: str, value: Any) -> None:
        """SET name = value (docs/reference/settings.md)."""
        self._session.set(name, _setting(value))

    def progress(self, callback: Callback | bool | None) -> None:
        """Calls the callback with a dict (weir.progress.Progress) while a statement runs, from half a second on, ten
        times a second, on a thread of its own. True: a bar of tqdm, or a line on stderr. None and False: nothing.
        What the callback raises cancels the statement and is raised by it."""
        if callback is True:
            from weir.progress import Bar

            callback = Bar()
        self._callback = callback or None

    def interrupt(self) -> None:
        """Cancels what runs now: it raises weir.CancelledError. Any thread; does not wait."""
        self._session.interrupt()

    def complete(self, sql: str) -> list[str]:
        """Words that may stand at the end of the text, best first."""
        return self._session.complete(sql).split("\n")[:-1]

    def subscribe(self, query: str, *, snapshot: bool = True) -> Any:
        """Changes of a view or of a query over sources as they come: see weir.stream.subscribe."""
        from weir.stream import subscribe

        return subscribe(query, connection=self, snapshot=snapshot)

    # ---- life

    def session(self) -> Connection:
        """Another connection to the same engine: it has the same tables and runs beside this one, with a transaction,
        settings and temporary tables of its own."""
        return Connection(self._session.beside(), self._sees_variables)

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._session.closed

    def close(self) -> None:
        """Rolls back what is open and ends all results. Tables go with the last session of their engine. Twice is well."""
        self._session.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<weir.Connection{' (closed)' if self.closed else ''}>"


def _watch(progress: Callable[[], Progress | None], cancel: Callable[[], None], callback: Callback) -> Watch:
    from weir.progress import Watch

    return Watch(progress, cancel, callback)


def _option(value: Any) -> str:
    if hasattr(value, "items"):
        return "{" + ", ".join(f"{text.quoted(str(k))}: {_option(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_option, value))}]"
    return text.literal(value)


def _setting(value: Any) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def _memory(value: int | str | None) -> int:
    """The engine's limit must be known when it is opened: bytes, or a text with a unit as SET reads it."""
    if value is None or isinstance(value, int):
        return value or 0
    number = value.strip().rstrip("KMGTiIbB ")
    unit = value.strip()[len(number) :].strip().upper() or "B"
    try:
        return int(float(number) * _UNITS[unit if unit.endswith("B") else unit + "B"])
    except (ValueError, KeyError):
        raise ProgrammingError(f'memory_limit is "{value}"', hint='bytes, or a text such as "2GB"') from None


def connect(
    path: str | os.PathLike[str] = ":memory:",
    *,
    read_only: bool = False,
    memory_limit: int | str | None = None,
    threads: int = 0,
    variables: bool = True,
    **settings: Any,
) -> Connection:
    """Opens an engine of its own, with empty tables in memory, and a session of it.

    path: ":memory:" is the only database there is so far; files are read where they are (FROM 'orders.parquet') and
    anything else raises NotSupportedError. read_only: refuse what changes tables or files. memory_limit: bytes or
    "2GB"; None is 80 % of the machine. threads: 0 is all cores. variables: whether tables that weir does not know are
    looked for among the variables of the caller (FROM df). settings: as SET (docs/reference/settings.md).
    """
    if os.fspath(path) != ":memory:":
        raise NotSupportedError(
            f'there is no database in files yet, so "{os.fspath(path)}" cannot be opened',
            code="W0104",
            sqlstate="0A000",
            hint=f"data files are read by SQL: weir.sql(\"FROM {text.quoted(os.fspath(path))}\")",
            fix="weir.connect()",
        )
    connection = Connection(_weir.open(_memory(memory_limit), threads, read_only), variables)
    try:
        for name, value in settings.items():
            connection.set(name, value)
    except Error:
        connection.close()
        raise
    return connection


_default: Connection | None = None
_default_lock = _thread.allocate_lock()


def _begin_child() -> None:
    """A fork has no threads of its parent's engines: it opens a connection of its own."""
    global _default, _default_lock
    _default, _default_lock = None, _thread.allocate_lock()


os.register_at_fork(after_in_child=_begin_child)


def default_connection() -> Connection:
    """The connection of weir.sql() and its like, opened when it is first wanted."""
    global _default
    with _default_lock:
        if _default is None or _default.closed:
            _default = connect()
        return _default


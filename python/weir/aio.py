"""weir for asyncio: the names of weir, with await where something runs.

    async with weir.aio.connect() as db:
        rows = await db.sql("SELECT 42").rows()

What runs does so on a thread of the event loop's executor, so the loop goes on. Cancelling a task cancels its statement.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from weir import connection as sync
from weir import frame as sync_frame
from weir._weir import Batch
from weir.column import Column
from weir.errors import Error
from weir.stream import Subscription, subscribe

if TYPE_CHECKING:
    from weir.frame import Values

T = TypeVar("T")


async def _aside(connection: sync.Connection, call: Callable[..., T], *args: Any, **named: Any) -> T:
    running = asyncio.get_running_loop().run_in_executor(None, functools.partial(call, *args, **named))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        connection.interrupt()
        try:
            await running
        except Error:
            pass
        raise


def _next(batches: Iterator[Batch]) -> Batch | None:
    return next(batches, None)


class GroupBy:
    """weir.GroupBy, of asynchronous frames."""

    def __init__(self, groups: sync_frame.GroupBy) -> None:
        self._groups = groups

    def agg(self, *aggregates: Any, **named: Any) -> Frame:
        """As weir.GroupBy.agg."""
        return Frame(self._groups.agg(*aggregates, **named))

    def count(self, name: str = "count") -> Frame:
        """As weir.GroupBy.count."""
        return Frame(self._groups.count(name))


class Frame:
    """weir.Frame: the steps are the same, the ends are awaited. sync is the frame underneath."""

    __slots__ = ("sync",)

    def __init__(self, frame: sync_frame.Frame) -> None:
        self.sync = frame

    @property
    def query(self) -> str:
        """The SQL it stands for."""
        return self.sync.query

    async def _end(self, call: Callable[..., T], *args: Any, **named: Any) -> T:
        return await _aside(self.sync._connection, call, *args, **named)

    # ---- steps

    def select(self, *expressions: Any, **named: Any) -> Frame:
        """As weir.Frame.select; so are the others."""
        return Frame(self.sync.select(*expressions, **named))

    def filter(self, *conditions: Any) -> Frame:
        return Frame(self.sync.filter(*conditions))

    async def with_columns(self, *expressions: Any, **named: Any) -> Frame:
        """Awaited, as it looks at the columns there are."""
        return Frame(await self._end(self.sync.with_columns, *expressions, **named))

    def drop(self, *names: str) -> Frame:
        return Frame(self.sync.drop(*names))

    def rename(self, names: Mapping[str, str]) -> Frame:
        return Frame(self.sync.rename(names))

    def group_by(self, *keys: Any) -> GroupBy:
        return GroupBy(self.sync.group_by(*keys))

    def agg(self, *aggregates: Any, **named: Any) -> Frame:
        return Frame(self.sync.agg(*aggregates, **named))

    def join(self, other: Frame, on: Any = None, *, how: sync_frame.JoinHow = "inner") -> Frame:
        return Frame(self.sync.join(other.sync, on, how=how))

    def asof_join(self, other: Frame, on: Any, by: str | Sequence[str] = (), *, how: Any = "left") -> Frame:
        return Frame(self.sync.asof_join(other.sync, on, by, how=how))

    def sort(self, *keys: Any, descending: bool | Sequence[bool] = False, nulls_first: bool | None = None) -> Frame:
        return Frame(self.sync.sort(*keys, descending=descending, nulls_first=nulls_first))

    def limit(self, count: int, offset: int = 0) -> Frame:
        return Frame(self.sync.limit(count, offset))

    def distinct(self, *on: Any) -> Frame:
        return Frame(self.sync.distinct(*on))

    def union(self, other: Frame, *, all: bool = True, by_name: bool = False) -> Frame:  # noqa: A002
        return Frame(self.sync.union(other.sync, all=all, by_name=by_name))

    def sample(self, n: int | None = None, *, fraction: float | None = None, seed: int | None = None) -> Frame:
        return Frame(self.sync.sample(n, fraction=fraction, seed=seed))

    # ---- ends

    async def schema(self) -> list[Column]:
        """Names and SQL types of the columns."""
        return await self._end(lambda: self.sync.schema)

    async def explain(self, *, analyze: bool = False, format: Any = "text") -> str:  # noqa: A002
        return await self._end(self.sync.explain, analyze=analyze, format=format)

    async def profile(self) -> dict[str, Any]:
        return await self._end(self.sync.profile)

    async def rows(self) -> list[tuple[Any, ...]]:
        return await self._end(self.sync.rows)

    async def dicts(self) -> list[dict[str, Any]]:
        return await self._end(self.sync.dicts)

    async def item(self) -> Any:
        return await self._end(self.sync.item)

    async def arrow(self) -> Any:
        return await self._end(self.sync.arrow)

    async def polars(self) -> Any:
        return await self._end(self.sync.polars)

    async def pandas(self) -> Any:
        return await self._end(self.sync.pandas)

    async def numpy(self) -> dict[str, Any]:
        return await self._end(self.sync.numpy)

    async def batches(self) -> AsyncIterator[Batch]:
        """The rows in record batches, as they come: async for batch in frame.batches()."""
        batches = self.sync.batches()
        try:
            while (batch := await self._end(_next, batches)) is not None:
                yield batch
        finally:
            batches.close()  # type: ignore[attr-defined]

    async def write_parquet(self, path: Any, **options: Any) -> int:
        return await self._end(self.sync.write_parquet, path, **options)

    async def write_csv(self, path: Any, **options: Any) -> int:
        return await self._end(self.sync.write_csv, path, **options)

    async def write_json(self, path: Any, **options: Any) -> int:
        return await self._end(self.sync.write_json, path, **options)

    async def into(self, table: str, *, mode: Any = "create", key: str | Sequence[str] = ()) -> int:
        return await self._end(self.sync.into, table, mode=mode, key=key)

    async def save(self, name: str | None = None, **options: Any) -> dict[str, Any]:
        return await self._end(self.sync.save, name, **options)


for _name, _method in vars(Frame).items():
    if not _name.startswith("_") and callable(_method) and not _method.__doc__:
        _method.__doc__ = getattr(sync_frame.Frame, _name).__doc__


class Connection:
    """weir.Connection with await. sync is the connection underneath."""

    def __init__(self, connection: sync.Connection) -> None:
        self.sync = connection

    def sql(self, query: str, /, *values: Any, **params: Any) -> Frame:
        """A frame of a query. Statements that are no queries run at once and would block: execute() is for them."""
        plain = {name: value.sync if isinstance(value, Frame) else value for name, value in params.items()}
        return Frame(self.sync.sql(query, *values, **plain))

    async def execute(self, query: str, values: Values = None) -> int:
        """Runs statements to their end; returns how many rows the last one changed."""
        names = self.sync._variables(query)
        return await _aside(self.sync, lambda: self.sync._change(query, values, self.sync._outside(names)))

    async def executemany(self, query: str, rows: Iterable[Values]) -> int:
        """Runs a statement once for each set of values, in one transaction."""
        return await _aside(self.sync, self.sync.executemany, query, rows)

    def table(self, name: str) -> Frame:
        """A table or view by its name."""
        return Frame(self.sync.table(name))

    def read(self, path: Any, **options: Any) -> Frame:
        """A file of any format weir knows."""
        return Frame(self.sync.read(path, **options))

    async def read_excel(self, path: Any, **options: Any) -> Frame:
        """A sheet of a workbook: weir.excel.read_excel."""
        return Frame(await _aside(self.sync, self.sync.read_excel, path, **options))

    async def tables(self) -> list[str]:
        """The names of tables and views."""
        return await _aside(self.sync, self.sync.tables)

    async def from_arrow(self, data: Any) -> Frame:
        """A frame of data of the program."""
        return Frame(await _aside(self.sync, self.sync.from_arrow, data))

    async def register(self, name: str, data: Any) -> None:
        """Makes data of the program readable as a table."""
        await _aside(self.sync, self.sync.register, name, data)

    async def unregister(self, name: str) -> None:
        """Forgets what register() made."""
        await _aside(self.sync, self.sync.unregister, name)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Connection]:
        """A transaction: async with connection.begin(): ... Statements of other tasks on this connection are part of it."""
        await self.execute("BEGIN")
        try:
            yield self
        except BaseException:
            await self.execute("ROLLBACK")
            raise
        await self.execute("COMMIT")

    def subscribe(self, query: str, *, snapshot: bool = True) -> Subscription:
        """Changes as they come: async for change in connection.subscribe("view")."""
        return subscribe(query, connection=self.sync, snapshot=snapshot)

    def interrupt(self) -> None:
        """Cancels what runs now."""
        self.sync.interrupt()

    async def close(self) -> None:
        """Closes the connection."""
        await _aside(self.sync, self.sync.close)

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def connect(path: str = ":memory:", **settings: Any) -> Connection:
    """A connection to an engine of its own; as weir.connect(), which does not wait for anything."""
    return Connection(sync.connect(path, **settings))


def sql(query: str, /, *values: Any, **params: Any) -> Frame:
    """A frame of a query of the connection that the program shares."""
    return Connection(sync.default_connection()).sql(query, *values, **params)


async def execute(query: str, values: Values = None) -> int:
    """Runs statements of the connection that the program shares."""
    return await Connection(sync.default_connection()).execute(query, values)

"""DataFrame and StreamingDataFrame: queries that have not run yet."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weir import text
from weir.errors import ProgrammingError
from weir.frame import Frame

if TYPE_CHECKING:
    import pyarrow

    from weir.compat.velaria.query import StreamingQuery
    from weir.compat.velaria.realtime import RealtimeStreamSink
    from weir.compat.velaria.session import Session

_COMPARISONS = {"=": "=", "==": "=", "!=": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}


def plain(table: pyarrow.Table) -> pyarrow.Table:
    """Types that programs for Velaria know: texts that are views as utf8, sums of integers as int64 if they fit."""
    import pyarrow

    for place, field in enumerate(table.schema):
        wanted = {pyarrow.string_view(): pyarrow.string(), pyarrow.decimal128(38, 0): pyarrow.int64()}.get(field.type)
        if wanted is not None:
            with contextlib.suppress(pyarrow.ArrowInvalid):
                table = table.set_column(place, field.with_type(wanted), table.column(place).cast(wanted))
    return table


class DataFrame:
    """A query over tables and files; it runs when its rows are asked for. Sessions make them."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        """The same as a weir.Frame, with everything that has."""

    def to_rows(self) -> dict[str, Any]:
        """{"schema": names of the columns, "rows": a list for each row}."""
        return {"schema": self.frame.columns, "rows": [list(row) for row in self.frame.rows()]}

    def to_arrow(self) -> pyarrow.Table:
        """All rows as a pyarrow.Table."""
        return plain(self.frame.arrow())

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Arrow PyCapsule interface: all rows in one record batch; needs pyarrow."""
        import pyarrow

        table = self.to_arrow().combine_chunks()
        batches = table.to_batches() or [pyarrow.RecordBatch.from_pylist([], schema=table.schema)]
        return batches[0].__arrow_c_array__(requested_schema)  # type: ignore[no-any-return]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Arrow PyCapsule interface: the rows as they come."""
        return self.frame.__arrow_c_stream__(requested_schema)

    def count(self) -> int:
        """How many rows there are."""
        return int(self.frame.sql("SELECT count(*) FROM self").item())

    def explain(self) -> str:
        """The plan under Velaria's headings: logical, physical, and strategy: what each operator is."""
        stages = {
            stage: "\n".join(row[0] for row in self.frame._connection._rows(f"EXPLAIN ({option}) {self.frame.query}"))
            for stage, option in {"logical": "LOGICAL", "physical": "PHYSICAL", "strategy": "FORMAT json"}.items()
        }
        front = "frontend\ndialect=weir\n"
        return front + "".join(f"{stage}\n{plan}\n" for stage, plan in stages.items())

    def show(self, max_rows: int = 20) -> None:
        """Prints the first rows."""
        print(repr(self.frame.limit(max_rows)))


def _names(columns: tuple[str | Sequence[str], ...]) -> list[str]:
    return [name for given in columns for name in ([given] if isinstance(given, str) else given)]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(text.identifier, names))


class StreamingDataFrame:
    """A query over sources that go on. Sessions make them; each step makes another one."""

    def __init__(self, session: Session, query: str) -> None:
        self._session = session
        self.query = query
        """The SQL it stands for."""

    def _with(self, query: str) -> StreamingDataFrame:
        return StreamingDataFrame(self._session, query)

    @property
    def _source(self) -> str:
        return f"({self.query}\n) AS input"

    def select(self, *columns: str | Sequence[str]) -> StreamingDataFrame:
        """These columns, in this order."""
        return self._with(f"SELECT {_listed(_names(columns))} FROM {self._source}")

    def filter(self, column: str, op: str, value: Any) -> StreamingDataFrame:
        """The rows whose column compares with the value: = == != < > <= >=."""
        if op not in _COMPARISONS:
            raise ProgrammingError(f'there is no comparison "{op}"', hint="one of " + " ".join(_COMPARISONS))
        condition = f"{text.identifier(column)} {_COMPARISONS[op]} {text.literal(value)}"
        return self._with(f"SELECT * FROM {self._source} WHERE {condition}")

    def with_column(self, name: str, source: str) -> StreamingDataFrame:
        """One more column, which is a copy of another."""
        return self._with(f"SELECT *, {text.identifier(source)} AS {text.identifier(name)} FROM {self._source}")

    def drop(self, *columns: str | Sequence[str]) -> StreamingDataFrame:
        """All columns but these."""
        return self._with(f"SELECT * EXCLUDE ({_listed(_names(columns))}) FROM {self._source}")

    def limit(self, count: int) -> StreamingDataFrame:
        """So many rows of the whole query, as LIMIT has them."""
        return self._with(f"SELECT * FROM {self._source} LIMIT {int(count)}")

    def window(
        self, time_column: str, window_ms: int, output_column: str = "window_start", slide_ms: int = 0
    ) -> StreamingDataFrame:
        """Each row once for each window its time is in; output_column is where that begins."""
        slide = f" SLIDE {int(slide_ms)}" if slide_ms else ""
        window = f"WINDOW BY {text.identifier(time_column)} EVERY {int(window_ms)}{slide} AS {text.identifier(output_column)}"
        return self._with(f"SELECT * FROM {self._source} {window}")

    def group_sum(
        self, keys: Sequence[str], value_column: str, stateful: bool = False, output_column: str = "sum"
    ) -> StreamingDataFrame:
        """The sum of a column for each group, told again when it changes. It is that of all rows so far, also with
        stateful=False: how rows come in batches changes no answer."""
        return self._grouped(keys, f"sum({text.identifier(value_column)})", output_column)

    def group_count(self, keys: Sequence[str], stateful: bool = False, output_column: str = "count") -> StreamingDataFrame:
        """How many rows each group has, told again when it changes; stateful as in group_sum."""
        return self._grouped(keys, "count(*)", output_column)

    def _grouped(self, keys: Sequence[str], aggregate: str, output: str) -> StreamingDataFrame:
        listed = _listed([keys] if isinstance(keys, str) else keys)
        return self._with(f"SELECT {listed}, {aggregate} AS {text.identifier(output)} FROM {self._source} GROUP BY {listed}")

    def write_stream_csv(
        self, path: str | os.PathLike[str], delimiter: str = ",", trigger_interval_ms: int = 1000, checkpoint_path: str = "",
        **options: Any,
    ) -> StreamingQuery:  # fmt: skip
        """A query that adds its rows to one CSV file; options as in Session.start_stream_sql."""
        where = f"path = {text.quoted(os.fspath(path))}, delimiter = {text.quoted(delimiter)}"
        sink = f"connector = 'files', mode = 'append', format = 'csv', force_append_only = true, {where}"
        return self._session._written(self.query, sink, trigger_interval_ms, checkpoint_path, **options)

    def write_stream_console(
        self, trigger_interval_ms: int = 1000, checkpoint_path: str = "", **options: Any
    ) -> StreamingQuery:
        """A query that prints its rows; options as in Session.start_stream_sql."""
        return self._session._written(self.query, "connector = 'console'", trigger_interval_ms, checkpoint_path, **options)

    def write_stream_queue_sink(
        self, sink: RealtimeStreamSink, trigger_interval_ms: int = 1000, checkpoint_path: str = "", **options: Any
    ) -> StreamingQuery:
        """A query whose rows are had from the sink; options as in Session.start_stream_sql."""
        where = f"connector = 'callback', force_append_only = true, name = {text.quoted(sink.name)}"
        query = self._session._written(self.query, where, trigger_interval_ms, checkpoint_path, **options)
        query._sink = sink
        return query

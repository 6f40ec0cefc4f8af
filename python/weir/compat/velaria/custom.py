"""Rows of Python gathered into Arrow batches on their way in, and batches gathered on their way out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    import pyarrow

Row = Union[Mapping[str, Any], Sequence[Any]]


@dataclasses.dataclass
class CustomStreamEmitOptions:
    """When a batch is full: by its age or by its rows, whatever is first."""

    emit_interval_seconds: float = 1.0
    emit_rows: int = 1024

    def validate(self) -> None:
        """Raises ValueError for what is not above 0."""
        for field in dataclasses.fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"{field.name} must be above 0")

    def is_full(self, rows: int, since: float) -> bool:
        """Whether a batch of so many rows, begun at a moment of time.monotonic(), is to go out."""
        return rows >= self.emit_rows or time.monotonic() - since >= self.emit_interval_seconds


class CustomArrowStreamSource:
    """Makes Arrow batches of rows, which are dicts or, with a schema, sequences."""

    def __init__(
        self, schema: pyarrow.Schema | None = None, *, emit_interval_seconds: float = 1.0, emit_rows: int = 1024
    ) -> None:
        self.schema = schema
        self.options = CustomStreamEmitOptions(emit_interval_seconds, emit_rows)
        self.options.validate()

    def iter_arrow_batches(self, rows: Iterable[Row]) -> Iterator[pyarrow.Table]:
        """A table for each batch, as soon as it is full; the rest at the end."""
        waiting: list[Row] = []
        since = time.monotonic()
        for row in rows:
            waiting.append(row)
            if self.options.is_full(len(waiting), since):
                yield self._table(waiting)
                waiting, since = [], time.monotonic()
        if waiting:
            yield self._table(waiting)

    def to_arrow_batches(self, rows: Iterable[Row]) -> list[pyarrow.Table]:
        """All of them."""
        return list(self.iter_arrow_batches(rows))

    def to_stream_dataframe(self, session: Any, rows: Iterable[Row]) -> Any:
        """The rows as a stream of a session."""
        return session.create_stream_from_arrow(self.to_arrow_batches(rows))

    def _table(self, rows: list[Row]) -> pyarrow.Table:
        import pyarrow

        if all(isinstance(row, Mapping) for row in rows):
            return pyarrow.Table.from_pylist(rows, schema=self.schema)
        if self.schema is None:
            raise ValueError("rows that are sequences need a schema")
        named = []
        for row in rows:
            if isinstance(row, Mapping) or len(row) != len(self.schema.names):
                raise ValueError(f"a row has not the {len(self.schema.names)} values of the schema")
            named.append(dict(zip(self.schema.names, row)))
        return pyarrow.Table.from_pylist(named, schema=self.schema)


class CustomArrowStreamSink:
    """Hands tables to a function: batches that came one by one, put together until they are enough."""

    def __init__(
        self, on_emit: Callable[[pyarrow.Table], Any], *, emit_interval_seconds: float = 1.0, emit_rows: int = 1024
    ) -> None:
        if not callable(on_emit):
            raise ValueError("on_emit must be a function")
        self.on_emit = on_emit
        self.options = CustomStreamEmitOptions(emit_interval_seconds, emit_rows)
        self.options.validate()
        self._waiting: list[pyarrow.Table] = []
        self._since = 0.0

    def write_batch(self, batch: pyarrow.Table | pyarrow.RecordBatch) -> None:
        """Takes a table or record batch; calls on_emit if there is enough."""
        import pyarrow

        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(pyarrow.Table.from_batches([batch]) if isinstance(batch, pyarrow.RecordBatch) else batch)
        if self.options.is_full(sum(table.num_rows for table in self._waiting), self._since):
            self._emit()

    def close(self) -> None:
        """Hands over the rest."""
        if any(table.num_rows for table in self._waiting):
            self._emit()

    def _emit(self) -> None:
        import pyarrow

        gathered, self._waiting = self._waiting, []
        self.on_emit(pyarrow.concat_tables(gathered))


def create_stream_from_custom_source(
    session: Any,
    rows: Iterable[Row],
    *,
    schema: pyarrow.Schema | None = None,
    emit_interval_seconds: float = 1.0,
    emit_rows: int = 1024,
) -> Any:
    """The rows as a stream of a session, in batches as CustomArrowStreamSource makes them."""
    source = CustomArrowStreamSource(schema, emit_interval_seconds=emit_interval_seconds, emit_rows=emit_rows)
    return source.to_stream_dataframe(session, rows)


def consume_arrow_batches_with_custom_sink(batches: Iterable[pyarrow.Table], sink: CustomArrowStreamSink) -> None:
    """Writes all batches to a sink and closes it."""
    for batch in batches:
        sink.write_batch(batch)
    sink.close()

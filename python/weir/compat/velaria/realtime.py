"""Sources that a program pushes rows into while a query runs, sinks it takes them from."""

from __future__ import annotations

import collections
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weir import stream, text
from weir._weir import Batch
from weir.column import Column
from weir.compat.velaria.frames import plain
from weir.errors import InterfaceError, ProgrammingError

if TYPE_CHECKING:
    import pyarrow

    from weir.compat.velaria.session import Session


class RealtimeStreamSource:
    """Rows pushed by the program. The types of its columns are those of the first rows; text where these are NULL.

    What is pushed before a query runs waits here; then push waits while the query is behind. Any thread may push.
    """

    def __init__(self, session: Session, name: str, columns: Sequence[str]) -> None:
        self._session = session
        self.name = name
        self.columns = list(columns)
        self._source: stream.Source | None = None
        self._waiting: list[Any] = []
        self._readers = 0
        self._closed = False
        self._lock = threading.RLock()

    def push_arrow(self, data: pyarrow.Table | pyarrow.RecordBatch) -> None:
        """Pushes a table or record batch that has the columns, in any order."""
        self._push(data)

    def push_rows(self, rows: Sequence[Mapping[str, Any] | Sequence[Any]]) -> None:
        """Pushes rows: dicts, or sequences in the order of the columns."""
        named: list[dict[str, Any]] = []
        for row in rows:
            if not isinstance(row, Mapping) and len(row) != len(self.columns):
                raise ProgrammingError(f"a row has {len(row)} values for {len(self.columns)} columns")
            named.append({c: row.get(c) if isinstance(row, Mapping) else row[i] for i, c in enumerate(self.columns)})
        if named:
            self._push(named)

    def _push(self, data: Any) -> None:
        with self._lock:
            if self._closed:
                raise InterfaceError("the source is closed")
            if self._source is None:
                self._take_types(data)
            if self._readers == 0:
                self._waiting.append(data)
                return
        assert self._source is not None
        self._source.push(data)

    def _take_types(self, data: Any) -> None:
        have = {c.name.lower(): c for c in self._schema(data)}
        missing = [c for c in self.columns if c.lower() not in have]
        if missing:
            raise ProgrammingError(f'the rows have no column "{missing[0]}"')
        kinds = {c: have[c.lower()].type for c in self.columns}
        columns = {c: "VARCHAR" if kind == "NULL" else kind for c, kind in kinds.items()}
        self._source = stream.Source(self.name, columns, connection=self._session.connection)
        self._session._is_typed(self)

    def _schema(self, data: Any) -> list[Column]:
        connection = self._session.connection
        if not isinstance(data, list):
            return connection.from_arrow(data).schema
        places = ", ".join(f"${i + 1}" for i in range(len(self.columns)))
        firsts = [next((row[c] for row in data if row[c] is not None), None) for c in self.columns]
        named = ", ".join(map(text.identifier, self.columns))
        return connection.sql(f"SELECT * FROM (VALUES ({places})) AS t({named})", *firsts).schema

    def _is_read(self) -> None:
        """A query reads it from now on."""
        with self._lock:
            self._readers += 1
            waiting, self._waiting = self._waiting, []
            for data in waiting:
                if self._source is not None:
                    self._source.push(data)
            if self._closed and self._source is not None:
                self._source.end()

    def close(self) -> None:
        """Nothing will come any more: queries end when they have read the rest."""
        with self._lock:
            if not self._closed:
                self._closed = True
                if self._source is not None and self._readers:
                    self._source.end()


class _Queue:
    """The sink that the engine calls: batches are gathered until the end of a round, and then had as one."""

    def __init__(self) -> None:
        self._round: list[Batch] = []
        self.rounds: collections.deque[list[Batch]] = collections.deque()

    def write(self, batch: Batch) -> None:
        self._round.append(batch)

    def flush(self) -> None:
        if self._round:
            self.rounds.append(self._round)
            self._round = []


class RealtimeStreamSink:
    """Takes the rows of a query (StreamingDataFrame.write_stream_queue_sink); poll_arrow() gives them, from any thread.

    They wait in memory until they are polled. Of a group that changes the new row comes; the old one is not taken back.
    """

    def __init__(self, session: Session, name: str) -> None:
        self.name = name
        self._queue = _Queue()
        self._over = threading.Event()
        stream.create_sink(name, self._queue, connection=session.connection)

    def poll_arrow(self) -> pyarrow.Table | None:
        """The rows of the next round of the query, as a table; None if there are none now. Needs pyarrow."""
        import pyarrow

        try:
            batches = self._queue.rounds.popleft()
        except IndexError:
            return None
        return plain(pyarrow.Table.from_batches([pyarrow.record_batch(batch) for batch in batches]))

    @property
    def closed(self) -> bool:
        """Whether the query has ended; rows that came before may still be polled."""
        return self._over.is_set()

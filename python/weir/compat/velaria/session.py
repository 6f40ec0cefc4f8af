"""The session: files, Arrow data and streams as Velaria's programs ask for them."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
import pathlib
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, Union

import weir
from weir import _weir, stream, text
from weir.compat.velaria.frames import DataFrame, StreamingDataFrame
from weir.compat.velaria.query import Held, StreamingQuery
from weir.compat.velaria.realtime import RealtimeStreamSink, RealtimeStreamSource
from weir.connection import Connection
from weir.errors import NotSupportedError, ProgrammingError
from weir.frame import Frame

Path = Union[str, "os.PathLike[str]"]
_MODES = ("single-process", "local-workers")
_FORMATS = ("binary_row_batch", "binary", "nanoarrow_ipc", "nanoarrow")


@dataclasses.dataclass
class Options:
    """How a query over streams runs; see Session.start_stream_sql."""

    trigger_interval_ms: int = 1000
    checkpoint_path: str = ""
    checkpoint_delivery_mode: str = "at-least-once"
    execution_mode: str = "single-process"
    local_workers: int = 1
    max_inflight_partitions: int = 0

    def __post_init__(self) -> None:
        if self.execution_mode not in _MODES:
            raise ProgrammingError(f'there is no execution mode "{self.execution_mode}"', hint=" or ".join(_MODES))
        for name in ("trigger_interval_ms", "local_workers", "max_inflight_partitions"):
            if getattr(self, name) < 0:
                raise ProgrammingError(f"{name} is below 0")


class Session:
    """An engine of its own, with its tables and views: sessions share nothing.

    materialization=True at readers keeps what was parsed as an Arrow file below materialization_dir (default: the folder
    for temporary files) until the file that was read changes; cache_in_memory=True keeps it in memory.
    """

    def __init__(self) -> None:
        self.connection: Connection = weir.connect()
        """The same as a weir.Connection, with everything that has."""
        self._numbers = itertools.count(1)
        self._kept: dict[str, Frame] = {}  # what views read must live as long as they
        self._brought: dict[str, Held | RealtimeStreamSource] = {}
        self._untyped: dict[str, set[str]] = {}  # sources and views: the sources whose types they wait for
        self._later: list[tuple[set[str], Callable[[], None]]] = []

    # ---- files

    def probe(self, path: Path) -> dict[str, Any]:
        """What a file is taken for: path, kind, final_format, score (of 100), confidence, schema, suggested_table_name,
        warnings, candidates (with the reason of each), and the options it is read with, in weir's words."""
        found = self.connection._read("probe", path, {}).dicts()[0]
        names = self.connection.read(path).columns
        kind = "line" if found["format"] == "lines" else found["format"]
        shown: dict[str, Any] = {"format": found["kind"], "columns": names} if kind == "json" else {}
        if found["delimiter"] is not None:
            shown["delimiter"] = found["delimiter"]
        candidates = json.loads(found["candidates"])
        return {
            "path": os.fspath(path),
            "kind": kind,
            "final_format": found["kind"],
            "score": round(found["score"] * 100),
            "confidence": found["confidence"],
            "schema": names,
            "suggested_table_name": found["table_name"],
            "warnings": [line for line in (found["warnings"] or "").split("\n") if line],
            "candidates": [
                {
                    "format": one["format"],
                    "kind": one["format"],
                    "score": round(one["score"] * 100),
                    "reason": one["reason"],
                    "evidence": one["reason"],
                }
                for one in candidates
            ],
            "options": found["options"],
            **shown,
        }

    def read(self, path: Path, **materialization: Any) -> DataFrame:
        """A file of any format weir knows."""
        return self._file(path, self.connection.read(path), **materialization)

    def read_csv(self, path: Path, delimiter: str = ",", **materialization: Any) -> DataFrame:
        """A CSV file with a header."""
        return self._file(path, self.connection.read_csv(path, delimiter=delimiter, header=True), **materialization)

    def read_line_file(
        self,
        path: Path,
        mappings: Sequence[tuple[str, int]],
        mode: str = "split",
        split_delimiter: str = ",",
        regex_pattern: str | None = None,
        skip_empty_lines: bool = True,
        **materialization: Any,
    ) -> DataFrame:
        """Columns out of the lines of a file: (name, index) pairs of fields (split, the first is 0) or groups (regex, 0 is
        the whole line). Lines without them are left out. Types are guessed from the first lines, as those of CSV files
        are. Empty and null are NULL."""
        options: dict[str, Any] = {"mode": mode, "skip_empty_lines": skip_empty_lines}
        options["mappings"] = ",".join(f"{name}:{int(index)}" for name, index in mappings)
        if regex_pattern is not None:
            options["regex_pattern"] = regex_pattern
        options |= {"split_delimiter": split_delimiter, "sample_size": 20480, "unmatched": "skip"}
        return self._file(path, self.connection._read("read_lines", path, options), **materialization)

    def read_json(
        self, path: Path, columns: Sequence[str], format: str = "json_lines", **materialization: Any  # noqa: A002
    ) -> DataFrame:
        """Columns of JSON objects, one per line (json_lines) or in an array (json_array). Nested objects are JSON text."""
        return self._file(path, self.connection.read_json(path, format=format, columns=list(columns)), **materialization)

    def _file(
        self,
        path: Path,
        frame: Frame,
        materialization: bool = False,
        materialization_dir: Path | None = None,
        materialization_format: str | None = None,
        cache_in_memory: bool = False,
    ) -> DataFrame:
        if materialization_format is not None and materialization_format not in _FORMATS:
            raise ProgrammingError(f'there is no materialization format "{materialization_format}"', hint=", ".join(_FORMATS))
        if materialization:
            frame = self._materialized(pathlib.Path(path), frame, materialization_dir)
        return DataFrame(self.connection.from_arrow(frame) if cache_in_memory else frame)

    def _materialized(self, path: pathlib.Path, frame: Frame, folder: Path | None) -> Frame:
        """Both of Velaria's formats are an Arrow file here. Its name says all that its rows depend on."""
        found = path.stat()
        made_of = f"{path.absolute()}\0{found.st_size}\0{found.st_mtime_ns}\0{frame.query}\0{weir.__version__}"
        below = pathlib.Path(folder or os.path.join(tempfile.gettempdir(), "weir_materialized"))
        kept = below / f"{hashlib.sha256(made_of.encode()).hexdigest()[:32]}.arrow"
        if not kept.exists():
            below.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=below) as beside:
                made = pathlib.Path(beside) / kept.name
                frame._copy(made, "arrow", {})
                made.replace(kept)
        return self.connection.read(kept)

    # ---- queries

    def sql(self, query: str) -> DataFrame:
        """A query, which runs when its rows are wanted; any other statement is run at once."""
        return DataFrame(self.connection.sql(query))

    def explain_sql(self, query: str) -> str:
        """The plan of a query; see DataFrame.explain."""
        return DataFrame(self.connection.sql(query)).explain()

    def create_dataframe_from_arrow(self, data: Any) -> DataFrame:
        """Tables, batches, readers, sequences of batches, anything with the Arrow PyCapsule interface; dicts of columns."""
        return DataFrame(self.connection.from_arrow(data.frame if isinstance(data, DataFrame) else data))

    def create_temp_view(self, name: str, data: DataFrame | StreamingDataFrame) -> None:
        """Makes it readable under a name, in place of what had the name before."""
        query = data.query if isinstance(data, StreamingDataFrame) else data.frame.query
        if isinstance(data, DataFrame):
            self._kept[name] = data.frame
        if waits := self._waits_for(query):
            self._untyped[name.lower()] = waits

        def create() -> None:
            self._untyped.pop(name.lower(), None)
            self.connection.execute(f"CREATE OR REPLACE TEMP VIEW {text.identifier(name)} AS {query}")

        self._when_typed(query, create)

    # ---- streams

    def create_stream_from_arrow(self, data: Any) -> StreamingDataFrame:
        """A stream of batches, in their order; every query over it reads all of them. Data as for dataframes."""
        batches = self._batches(data)
        name = f"velaria_stream_{next(self._numbers)}"
        schema = self.connection.from_arrow(batches[0] if batches else data).schema
        source = stream.Source(name, {c.name: c.type for c in schema}, connection=self.connection)
        self._brought[name] = Held(source, batches)
        return StreamingDataFrame(self, f"SELECT * FROM {name}")

    def _batches(self, data: Any) -> list[Any]:
        if hasattr(data, "to_batches"):
            return list(data.to_batches())
        if hasattr(data, "__arrow_c_array__"):
            return [data]
        if isinstance(data, Mapping) or (hasattr(data, "__arrow_c_stream__") and not hasattr(data, "read_next_batch")):
            return list(self.connection.from_arrow(data).batches())
        return list(data)

    def create_realtime_stream_source(self, columns: Iterable[str]) -> RealtimeStreamSource:
        """A source that the program pushes rows into."""
        name = f"velaria_realtime_{next(self._numbers)}"
        source = RealtimeStreamSource(self, name, list(columns))
        self._brought[name] = source
        self._untyped[name] = {name}
        return source

    def read_realtime_stream_source(self, source: RealtimeStreamSource) -> StreamingDataFrame:
        """Its rows."""
        return StreamingDataFrame(self, f"SELECT {', '.join(map(text.identifier, source.columns))} FROM {source.name}")

    def create_realtime_stream_sink(self) -> RealtimeStreamSink:
        """A sink that the program takes rows from."""
        return RealtimeStreamSink(self, f"velaria_queue_{next(self._numbers)}")

    def read_stream_csv_dir(self, path: Path, delimiter: str = ",") -> StreamingDataFrame:
        """The CSV files of a folder, those that come later too, each when it is complete."""
        name = f"velaria_folder_{next(self._numbers)}"
        where = f"path = {text.quoted(os.fspath(path))}, delimiter = {text.quoted(delimiter)}"
        self.connection.execute(f"CREATE SOURCE {name} WITH (connector = 'files', format = 'csv', {where})")
        return StreamingDataFrame(self, f"SELECT * FROM {name}")

    def stream_sql(self, query: str) -> StreamingDataFrame:
        """A SELECT over streams."""
        statements, is_query, last = _weir.form(query)
        if statements != 1 or not is_query:
            raise ProgrammingError("stream_sql takes one SELECT", hint="INSERT INTO sink SELECT is for start_stream_sql")
        made = StreamingDataFrame(self, last)
        if not self._waits_for(last):
            self.connection.sql(last).schema  # noqa: B018  (what is wrong with it is raised here)
        return made

    def start_stream_sql(
        self,
        sql: str,
        trigger_interval_ms: int = 1000,
        checkpoint_path: str = "",
        checkpoint_delivery_mode: str = "at-least-once",
        execution_mode: str = "single-process",
        local_workers: int = 1,
        max_inflight_partitions: int = 0,
    ) -> StreamingQuery:
        """INSERT INTO sink SELECT .. as a query, to be started.

        trigger_interval_ms: how often what was read is committed. checkpoint_path: a folder that keeps what a restart
        needs. checkpoint_delivery_mode: at-least-once, best-effort, and exactly-once; without a checkpoint_path nothing
        is kept. execution_mode local-workers divides groups among local_workers threads. max_inflight_partitions: one
        round of a query is on its way at a time, which is within any limit.
        """
        options = Options(
            trigger_interval_ms, os.fspath(checkpoint_path), checkpoint_delivery_mode, execution_mode, local_workers,
            max_inflight_partitions,
        )  # fmt: skip
        return StreamingQuery(self, sql, options)

    def explain_stream_sql(
        self,
        sql: str,
        trigger_interval_ms: int = 1000,
        checkpoint_path: str = "",
        checkpoint_delivery_mode: str = "at-least-once",
        execution_mode: str = "single-process",
        local_workers: int = 1,
        max_inflight_partitions: int = 0,
    ) -> str:
        """The plan of a SELECT or INSERT over streams: logical, physical, strategy. Options as in start_stream_sql."""
        options = Options(
            trigger_interval_ms, os.fspath(checkpoint_path), checkpoint_delivery_mode, execution_mode, local_workers,
            max_inflight_partitions,
        )  # fmt: skip
        _, is_query, last = _weir.form(sql)
        statement = last
        if is_query:
            statement = f"CREATE SINK velaria_explained WITH (connector = 'blackhole') AS {last}"
        self._set_workers(options)
        rows = self.connection._rows(f"EXPLAIN {statement}")
        return "\n".join(row[0] for row in rows)

    def _written(
        self, query: str, sink: str, trigger_interval_ms: int, checkpoint_path: Path, **options: Any
    ) -> StreamingQuery:
        name = f"velaria_sink_{next(self._numbers)}"
        sql = f"CREATE SINK {name} WITH ({sink}) AS {query}"
        return StreamingQuery(self, sql, Options(trigger_interval_ms, os.fspath(checkpoint_path), **options))

    def _set_workers(self, options: Options) -> None:
        workers = options.local_workers if options.execution_mode == "local-workers" else 0
        self.connection.set("stream_workers", workers)

    def _stream(self, sql: str, options: Options) -> stream.Stream:
        self._set_workers(options)
        keeps, mode = options.checkpoint_path, options.checkpoint_delivery_mode
        return stream.open(
            sql,
            connection=self.connection,
            state=keeps or None,
            checkpoint_interval=max(options.trigger_interval_ms, 1) / 1000,
            # Without a state nothing outlives a restart, so Velaria's default is what best-effort is.
            delivery="best-effort" if not keeps and mode == "at-least-once" else mode,
        )

    # ---- sources whose types are not known yet

    def _waits_for(self, sql: str) -> set[str]:
        words = set(re.findall(r"\w+", sql.lower()))
        return {source for name, waits in self._untyped.items() if name in words for source in waits}

    def _when_typed(self, sql: str, action: Callable[[], None]) -> None:
        """Runs it now, or when the sources it reads have had their first rows."""
        if waits := self._waits_for(sql):
            self._later.append((waits, action))
        else:
            action()

    def _is_typed(self, source: RealtimeStreamSource) -> None:
        self._untyped.pop(source.name, None)
        for waits in self._untyped.values():
            waits.discard(source.name)
        ready: list[Callable[[], None]] = []
        rest: list[tuple[set[str], Callable[[], None]]] = []
        for waits, action in self._later:
            waits.discard(source.name)
            if waits:
                rest.append((waits, action))
            else:
                ready.append(action)
        self._later = rest
        for action in ready:
            action()

    # ---- search

    def vector_search(
        self, table: str, vector_column: str, query_vector: Sequence[float], top_k: int = 10, metric: str = "cosine"
    ) -> NoReturn:
        """Raises NotSupportedError: arrives with search."""
        raise _arrives("vector_search")

    def explain_vector_search(
        self, table: str, vector_column: str, query_vector: Sequence[float], top_k: int = 10, metric: str = "cosine"
    ) -> NoReturn:
        """Raises NotSupportedError: arrives with search."""
        raise _arrives("explain_vector_search")

    def hybrid_search(
        self, table: str, vector_column: str, query_vector: Sequence[float], top_k: int = 10, metric: str = "cosine",
        score_threshold: float | None = None,
    ) -> NoReturn:  # fmt: skip
        """Raises NotSupportedError: arrives with search."""
        raise _arrives("hybrid_search")

    def explain_hybrid_search(
        self, table: str, vector_column: str, query_vector: Sequence[float], top_k: int = 10, metric: str = "cosine",
        score_threshold: float | None = None,
    ) -> NoReturn:  # fmt: skip
        """Raises NotSupportedError: arrives with search."""
        raise _arrives("explain_hybrid_search")


def _arrives(method: str) -> NotSupportedError:
    return NotSupportedError(f"{method} arrives with search", code="W0104", sqlstate="0A000")

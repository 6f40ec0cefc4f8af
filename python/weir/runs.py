"""Tracked runs: what was asked, how it went and what came of it, kept in folders (docs/runs.md). As `weir runs` on the
command line: the same words, the same workspace, the same JSON as dicts.

    weir.runs.query("FROM 'orders.csv' SELECT city, sum(amount) AS total GROUP BY ALL", name="totals", tags=["daily"])
    weir.runs.ls(tag="daily")                        # the newest first
    weir.runs.result("last").filter(weir.col("total") > 10).rows()
    weir.runs.diff("last~1", "last")

    with weir.runs.track("cleaning", inputs={"day": "2024-03-01"}) as run:      # a program that is a run
        clean = run.query("FROM 'raw.csv' WHERE amount IS NOT NULL")            # its rows are kept; clean is a frame of them
        run.progress(step=1, of=2)
        run.add("model.bin", type="model")

A run is named by its id, a beginning of it that only one run has, "last", or "last~2", the second before it. The workspace is
$WEIR_HOME, else $XDG_DATA_HOME/weir, else ~/.local/share/weir. Any thread and any number of processes may use it; a Run is for
one thread at a time, but log() and progress() are for any. What fails raises the weir.Error that the engine has for it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Union

from weir import _weir, connection as connections, incoming
from weir.errors import Error, InterfaceError
from weir.frame import Frame
from weir.parameter import typed

if TYPE_CHECKING:
    from weir.connection import Connection
    from weir.frame import Values

Reply = dict[str, Any]
Query = Union[str, Frame]


def ask(what: str, **arguments: Any) -> Reply:
    """A question as weir_runs_ask has it (include/weir/weir.h); arguments that are None are left out."""
    given = {name: value for name, value in arguments.items() if value is not None}
    reply: Reply = json.loads(_weir.runs_open(None).ask(what, json.dumps(given)))
    return reply


def home() -> str:
    """The folder of the workspace; it need not be there yet."""
    return _weir.runs_open(None).home


# ---- looking


def ls(
    *, status: str | None = None, action: str | None = None, tag: str | None = None, query: str | None = None, limit: int | None = None
) -> list[Reply]:
    """The newest runs. status: "running", "succeeded", "failed", "timed_out"; query: text in name, description, tags, action
    or id."""
    found: list[Reply] = ask("list", status=status, action=action, tag=tag, query=query, limit=limit)["runs"]
    return found


def show(run: str = "last", *, limit: int | None = None) -> Reply:
    """All about a run: {"run": .., "inputs": .., "artifacts": [..]}."""
    return ask("show", run_id=run, limit=limit)


def status(run: str = "last") -> Reply:
    """How far it is, or how it ended."""
    return ask("status", run_id=run)


def logs(run: str = "last", *, limit: int | None = None) -> Reply:
    """What it said, {"stdout": .., "stderr": ..}; limit: that many lines from the end."""
    return ask("logs", run_id=run, limit=limit)


def result(run: str = "last", *, connection: Connection | None = None) -> Frame:
    """A frame of the rows that came of it; they are read from their file when they are wanted. OperationalError or another
    weir.Error if it has none."""
    return read(ask("result", run_id=run)["artifact"], connection)


def read(artifact: Mapping[str, Any], connection: Connection | None = None) -> Frame:
    """A frame of an artifact as show() and its like tell it. InterfaceError if it has no rows that weir can read."""
    if "source" not in artifact:
        raise InterfaceError(f"an artifact of the format {artifact['format']} is not read as rows", hint=str(artifact.get("path")))
    return Frame(connection or connections.default_connection(), f"SELECT * FROM {artifact['source']}")


def diff(run: str, other: str = "last", *, limit: int | None = None) -> Reply:
    """What differs in what is said about two runs, and in their rows: {"metadata_diff": .., "result_diff": ..}."""
    return ask("diff", run_id=run, other_run_id=other, limit=limit)


# ---- changing


def tag(
    run: str, *tags: str, remove: Iterable[str] = (), name: str | None = None, description: str | None = None, dry_run: bool = False
) -> Reply:
    """Gives a run tags, takes some away, or gives it another name or description: {"run": .., "before": ..}."""
    return ask("tag", run_id=run, add=tags, remove=list(remove), run_name=name, description=description, dry_run=dry_run)


def gc(*, keep_last: int | None = None, ttl_days: int | None = None, delete_files: bool = False, dry_run: bool = False) -> Reply:
    """Gives up all but the newest keep_last, or those older than ttl_days; with both, what both say. Folders stay unless
    delete_files. Runs that are running stay. {"deleted_run_ids": [..], ..}."""
    return ask("gc", keep_last=keep_last, ttl_days=ttl_days, delete_files=delete_files, dry_run=dry_run)


# ---- running


def _value(value: Any) -> Any:
    pair = None if value is None else typed(value)
    return None if pair is None else {"text": pair[0], "type": pair[1]}


def _params(values: Values) -> Any:
    if isinstance(values, Mapping):
        return {name: _value(value) for name, value in values.items()}
    return [_value(value) for value in values or ()]


def _given(query: Query, values: Sequence[Any], params: Mapping[str, Any], connection: Connection | None) -> Frame:
    """A query with its values and its connection. A frame has all of them."""
    if isinstance(query, Frame):
        if values or params or connection is not None:
            raise InterfaceError("a frame has its values and its connection already")
        return query
    if values and params:
        raise InterfaceError("values have names or places, not both")
    connection = connection or connections.default_connection()
    return Frame(connection, query, dict(params) or values or None, (), connection._outside(connection._variables(query)))


def _options(frame: Frame, **options: Any) -> Reply:
    out = {name: value for name, value in options.items() if value is not None}
    if "path" in out:
        out["path"] = os.path.abspath(out["path"])
    return {**out, "params": _params(frame._values)} if frame._values else out


def _started(run: _weir.Run, frame: Frame, options: Reply | None) -> Reply:
    """Carries out a query, or with options None what the run was begun for. The callback of its connection is told meanwhile."""
    connection = frame._connection
    find = incoming.finder(frame._tables) if frame._tables else None
    callback = connection._callback
    watch = contextlib.nullcontext() if callback is None else connections._watch(connection._session.progress, connection._session.interrupt, callback)
    with watch:
        text = run.query(connection._session, frame.query, None if options is None else json.dumps(options), find)
    reply: Reply = json.loads(text)
    return reply


def _begun(action: str, args: Reply, name: str | None, tags: Iterable[str], description: str | None, timeout: float | None = None) -> Reply:
    inputs: Reply = {"action": action, "tags": list(tags), "cwd": os.getcwd(), "cli_args": sys.argv, "action_args": args}
    more = {"run_name": name, "description": description, "timeout_ms": None if timeout is None else int(timeout * 1000)}
    return {**inputs, **{key: value for key, value in more.items() if value is not None}}


@contextlib.contextmanager
def _named(run: _weir.Run) -> Iterator[None]:
    """An error says which run it ended."""
    try:
        yield
    except Error as error:
        error.run_id = run.id
        error.add_note(f'run {run.id} failed; see weir.runs.show("{run.id}")')
        raise


@contextlib.contextmanager
def _limited(connection: Connection, timeout: float | None) -> Iterator[None]:
    """The run sets statement_timeout; the connection gets back what it had."""
    before = None if timeout is None else connection._rows("SHOW statement_timeout")[0][-1]
    try:
        yield
    finally:
        if before is not None:
            connection.set("statement_timeout", before)


def query(
    query: Query,
    /,
    *values: Any,
    name: str | None = None,
    tags: Iterable[str] = (),
    description: str | None = None,
    path: str | os.PathLike[str] | None = None,
    format: str | None = None,  # noqa: A002
    limit: int | None = None,
    timeout: float | None = None,
    connection: Connection | None = None,
    **params: Any,
) -> Reply:
    """Runs statements as a tracked run, as `weir query --save` does; rows of the last one go into a file, not into memory.

    query: SQL, or a frame. values, params: as in Connection.sql(). path, format: where the rows go, and as what: "parquet"
    (default), "csv", "tsv", "json", "jsonl", "arrow"; a path tells its format. limit: of rows. timeout: seconds, after which
    the run is "timed_out". connection: default weir's shared one.

    Returns {"ok": True, "run_id": .., "run_dir": .., "status": "succeeded", "result": {"rows": [first rows], "row_count": ..,
    "path": ..}, ..}; result(run_id) gives a frame of all. If it fails the weir.Error is raised that the query alone would
    raise; its run_id says which run tells about it.
    """
    frame = _given(query, values, params, connection)
    args = {"sql": frame.query, **_options(frame, path=path, format=format, limit=limit)}
    run = _weir.runs_open(None).begin(json.dumps(_begun("query", args, name, tags, description, timeout)), None)
    with _named(run), _limited(frame._connection, timeout):
        return _started(run, frame, None)


@contextlib.contextmanager
def _inside(folder: str | None) -> Iterator[None]:
    before = os.getcwd()
    if folder and folder != before and os.path.isdir(folder):
        with contextlib.chdir(folder):
            yield
    else:
        yield


def rerun(
    run: str = "last",
    *,
    name: str | None = None,
    tags: Iterable[str] | None = None,
    description: str | None = None,
    connection: Connection | None = None,
) -> Reply:
    """The same inputs once more, as a run whose parent_run_id is the first one; returns what query() does.

    connection: where it runs; default an engine of its own, as on the command line, so tables that were only in the memory of
    a program are not there. It runs in the folder it was run in: if that is another one, the process is there meanwhile.
    NotSupportedError for runs of programs (track()), and if a secret was left out of the inputs.
    """
    changes = {"run_name": name, "description": description, "tags": None if tags is None else list(tags)}
    given = {key: value for key, value in changes.items() if value is not None}
    again = _weir.runs_open(None).begin(json.dumps(given), run)
    inputs = json.loads(again.inputs)
    sql = str(inputs.get("action_args", {}).get("sql", ""))
    with contextlib.ExitStack() as stack:
        own = connection or stack.enter_context(connections.connect())
        stack.enter_context(_named(again))
        stack.enter_context(_inside(inputs.get("cwd")))
        return _started(again, Frame(own, sql), None)


# ---- a program as a run


class _Tee(io.TextIOBase):
    """What is printed goes where it went before, and into the log of a run."""

    def __init__(self, run: _weir.Run, is_error: bool, before: Any) -> None:
        self._run = run
        self._is_error = is_error
        self._before = before

    def write(self, text: str) -> int:
        self._run.log(self._is_error, text)
        self._before.write(text)
        return len(text)

    def flush(self) -> None:
        self._before.flush()

    def isatty(self) -> bool:
        return bool(self._before.isatty())


class Run:
    """A program, or a part of one, that is a tracked run: see track(). It begins with the with, and ends with it."""

    def __init__(self, inputs: Reply, is_printing_kept: bool) -> None:
        self._inputs = inputs
        self._is_printing_kept = is_printing_kept
        self._run: _weir.Run | None = None
        self._stack = contextlib.ExitStack()
        self.reply: Reply | None = None
        """What is said of it when it has ended, as by query()."""
        self.result: Any = None
        """A value that JSON knows, for the reply: set it to whatever the program found out."""

    @property
    def _mine(self) -> _weir.Run:
        if self._run is None:
            raise InterfaceError("the run has not begun", hint="with weir.runs.track(..) as run:")
        return self._run

    @property
    def id(self) -> str:
        """Its run id."""
        return self._mine.id

    @property
    def folder(self) -> str:
        """The folder it is kept in; files below artifacts/ in it may be made there, and brought in by add()."""
        return self._mine.folder

    def __enter__(self) -> Run:
        if self._run is not None:
            raise InterfaceError("a run begins once")
        self._run = _weir.runs_open(None).begin(json.dumps(self._inputs, default=str), None)
        if self._is_printing_kept:
            self._stack.enter_context(contextlib.redirect_stdout(_Tee(self._run, False, sys.stdout)))  # type: ignore[type-var]
            self._stack.enter_context(contextlib.redirect_stderr(_Tee(self._run, True, sys.stderr)))  # type: ignore[type-var]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()
        is_over = error is not None and not isinstance(error, GeneratorExit) and not (isinstance(error, SystemExit) and not error.code)
        found = None if is_over or self.result is None else json.dumps(self.result, default=str)
        self.reply = json.loads(self._mine.finish(error if is_over else None, "program", found))
        if isinstance(error, Error):
            error.run_id = self.id

    def query(
        self,
        query: Query,
        /,
        *values: Any,
        path: str | os.PathLike[str] | None = None,
        format: str | None = None,  # noqa: A002
        file_name: str | None = None,
        limit: int | None = None,
        connection: Connection | None = None,
        **params: Any,
    ) -> Frame:
        """Runs statements and keeps the rows of the last one as an artifact; returns a frame of it. Arguments as of
        weir.runs.query(); file_name: of the artifact in the folder of the run. Of statements without rows a frame tells the count that they changed."""
        frame = _given(query, values, params, connection)
        found = _started(self._mine, frame, _options(frame, path=path, format=format, file_name=file_name, limit=limit))
        if "source" in found:
            return read(found, frame._connection)
        return Frame(frame._connection, f"SELECT CAST({int(found['affected'] or 0)} AS BIGINT) AS count")

    def log(self, text: str, *, error: bool = False) -> None:
        """Adds a line to stdout.log, or to stderr.log."""
        self._mine.log(error, text if text.endswith("\n") else text + "\n")

    def progress(self, **figures: Any) -> None:
        """Adds a line to progress.jsonl: progress(step=3, of=10, loss=0.25). status() tells the last one."""
        self._mine.progress(json.dumps(figures, default=str))

    def add(self, path: str | os.PathLike[str], *, type: str = "file", format: str | None = None) -> None:  # noqa: A002
        """Makes an artifact of a file that is complete. format: default as the name ends."""
        name = os.path.abspath(path)
        self._mine.add_file(name, type, format or os.path.splitext(name)[1][1:].lower() or "binary")

    def __repr__(self) -> str:
        return f"<weir.runs.Run {self._run.id if self._run else 'that has not begun'}>"


def track(
    name: str | None = None,
    *,
    tags: Iterable[str] = (),
    description: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    prints: bool = True,
) -> Run:
    """A program as a tracked run, for with. What is raised inside ends it as failed, with the traceback in stderr.log.

    inputs: what it works on, values that JSON knows. prints: whether what is printed is kept, too (of the whole process).
    """
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    args = {"script": os.path.abspath(script) if script else None, "arguments": sys.argv[1:], "inputs": dict(inputs or {})}
    return Run(_begun("python", args, name, tags, description), prints)

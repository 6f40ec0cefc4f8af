"""Notebooks: %load_ext weir gives %sql and %%sql, and tables by the names of variables.

    %%sql                       shows the rows
    %%sql result <<             keeps the frame as the variable result
    %%sql --connection db       runs on the weir.Connection of that name
    %%sql --plan                shows how it would be run

Options may be combined: %%sql result << --connection db. Values are bound: :name in the text is the value of the variable
name. A table that weir does not know is the variable of that name, if that holds a table (of pyarrow, polars, pandas, DuckDB,
or a frame), as in weir.sql(). Tab completes keywords, tables, columns and functions. An error is shown as weir tells it, with
the place, and without the Python that led there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

from weir import text
from weir.connection import Connection, default_connection
from weir.errors import Error, ProgrammingError

USAGE = "%%sql [variable <<] [--connection name] [--plan]"


def _variables() -> dict[str, Any]:
    """The variables of the notebook; none outside of one."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return {} if shell is None else shell.user_ns  # type: ignore[no-any-return]


def _parameters(sql: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that :name and $name in the text are called."""
    found: dict[str, Any] = {}

    def look(name: str) -> None:
        if name in names:
            found[name] = names[name]

    text.rename_parameters(sql, look)
    return found


class Plan(str):
    """A text that notebooks show as it is."""

    def __repr__(self) -> str:
        return str(self)


def _connection(name: str, names: Mapping[str, Any]) -> Connection:
    found = names.get(name)
    if not isinstance(found, Connection):
        raise ProgrammingError(f"{name} is no connection", hint=f"{name} = weir.connect()")
    return found


def _carried_out(line: str, cell: str | None) -> Any:
    names = _variables()
    target, wants_plan, connection = None, False, default_connection()
    if found := re.match(r"\s*(\w+)\s*<<\s*", line):
        target, line = found[1], line[found.end() :]
    while found := re.match(r"\s*(?:--connection\s+(\w+)|(--plan))(?:\s+|$)", line):
        wants_plan = wants_plan or found[2] is not None
        connection = _connection(found[1], names) if found[1] else connection
        line = line[found.end() :]
    if cell is not None and line.strip() or target is not None and not target.isidentifier():
        raise ProgrammingError(f"%%sql does not know {line.strip() or target}", hint=USAGE)
    sql = line if cell is None else cell
    frame: Any = connection._sql(sql, _parameters(sql, names), {}, connection._variables(sql, [names]))
    shown = Plan(frame.explain()) if wants_plan else frame
    frame.schema  # what is wrong is told by this cell, in its own words
    if target is None:
        return shown
    names[target] = shown
    return None


def _run(line: str, cell: str | None = None) -> Any:
    try:
        return _carried_out(line, cell)
    except Error as error:
        told = f"{type(error).__name__}: {error}".split("\n")
        error._render_traceback_ = lambda: told  # type: ignore[attr-defined]
        raise


def _complete(context: Any) -> dict[str, Any]:
    """Of IPython's matchers, version 2: words for the text before the cursor."""
    from IPython.core.completer import SimpleCompletion

    found = re.match(r"\s*(%%sql[^\n]*\n|%sql\s)", context.full_text)
    lines = context.full_text.split("\n")[: context.cursor_line + 1]
    before = "\n".join([*lines[:-1], lines[-1][: context.cursor_position]])
    if found is None or len(before) < found.end():
        return {"completions": []}
    words = default_connection().complete(before[found.end() :])
    return {"completions": [SimpleCompletion(text=word, type="sql") for word in words], "suppress": bool(words)}


def load_ipython_extension(shell: Any) -> None:
    """Called by %load_ext weir."""
    shell.register_magic_function(_run, "line_cell", "sql")
    matchers = getattr(getattr(shell, "Completer", None), "custom_matchers", None)
    if matchers is not None and not any(getattr(m, "matcher_identifier", "") == "weir" for m in matchers):
        _complete.matcher_api_version = 2  # type: ignore[attr-defined]
        _complete.matcher_identifier = "weir"  # type: ignore[attr-defined]
        matchers.append(_complete)

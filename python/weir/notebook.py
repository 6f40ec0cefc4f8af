"""Notebooks: %load_ext weir gives %sql and %%sql, and tables by the names of variables.

    %%sql                       shows the rows
    %%sql result <<             keeps the frame as the variable result
    %%sql --connection db       runs on the weir.Connection of that name

Values are bound: :name in the text is the value of the variable name. A table that weir does not know is the
variable of that name, if that holds a table (of pyarrow, polars, pandas, DuckDB, or a frame), as in weir.sql().
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from weir import text
from weir.errors import ProgrammingError

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


def _run(line: str, cell: str | None = None) -> Any:
    from weir.connection import default_connection

    names = _variables()
    words = line.split()
    target = None
    connection = default_connection()
    if cell is not None and len(words) >= 2 and words[1] == "<<":
        target, words = words[0], words[2:]
    if len(words) >= 2 and words[0] == "--connection":
        connection, words = names[words[1]], words[2:]
    sql = " ".join(words) if cell is None else cell
    if cell is not None and words:
        raise ProgrammingError(f"%%sql does not know {' '.join(words)}", hint="%%sql [variable <<] [--connection name]")
    frame = connection._sql(sql, _parameters(sql, names), {}, connection._variables(sql, [names]))
    if target is None:
        return frame
    names[target] = frame
    return None


def load_ipython_extension(shell: Any) -> None:
    """Called by %load_ext weir."""
    shell.register_magic_function(_run, "line_cell", "sql")

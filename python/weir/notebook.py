"""Notebooks: %load_ext weir gives %sql and %%sql, and tables by the names of variables.

    %%sql                       shows the rows
    %%sql result <<             keeps the frame as the variable result
    %%sql --connection db       runs on the weir.Connection of that name

Values are bound: :name in the text is the value of the variable name. A table that weir does not know is the
variable of that name, if that holds a table (of pyarrow, polars, pandas, DuckDB, or a frame); so it is in weir.sql(), too,
while a notebook or IPython runs.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weir import _weir, incoming, text
from weir.errors import ProgrammingError

if TYPE_CHECKING:
    from weir.connection import Connection
    from weir.frame import Frame, Values

UNKNOWN_TABLE = "W1201"


def variables() -> Mapping[str, Any]:
    """The variables of the notebook; none outside of one."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return {} if shell is None else shell.user_ns


def _as_table(name: str, names: Mapping[str, Any]) -> Any:
    """The variable that a table is called by, if it is data."""
    from weir.frame import Frame

    value = names.get(name)
    is_table = isinstance(value, Frame) or incoming.is_data(value)
    return value if is_table and not isinstance(value, type) else None


def query(connection: Connection, sql: str, tables: dict[str, Any], values: Values, names: Mapping[str, Any]) -> Frame:
    """A frame in which tables that are not there are variables. Looks at the query (nothing is run) as often as it finds one."""
    from weir.frame import Frame

    while True:
        frame = connection._query(sql, tables, values)
        try:
            frame.schema
            return frame
        except ProgrammingError as error:
            if error.code != UNKNOWN_TABLE or error.position is None or error.length is None:
                raise
            name = frame.query[error.position : error.position + error.length].strip('"')
            table = _as_table(name, names)
            if table is None or name in tables:
                raise
            tables = {**tables, name: table if isinstance(table, Frame) else connection.from_arrow(table)}


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

    names = variables()
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
    values = _parameters(sql, names)
    _, is_query, last = _weir.form(sql)
    frame = query(connection, last, {}, values, names) if is_query and last == sql.strip().rstrip(";").strip() else connection.sql(sql, **values)
    if target is None:
        return frame
    names[target] = frame  # type: ignore[index]
    return None


def load_ipython_extension(shell: Any) -> None:
    """Called by %load_ext weir."""
    shell.register_magic_function(_run, "line_cell", "sql")

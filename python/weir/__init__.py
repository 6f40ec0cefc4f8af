"""weir: SQL over files, tables and streams, in this process.

    import weir
    weir.sql("FROM 'orders.csv' SELECT city, sum(amount) AS total GROUP BY ALL ORDER BY total DESC").rows()

sql() and its like use a connection that all of the program shares; connect() opens one of your own. Nothing else needs
to be installed: pyarrow, polars, pandas and numpy are used where you ask for them.
"""

from __future__ import annotations

from weir._weir import Batch, version as __version__
from weir.connection import Connection, connect, default_connection
from weir.errors import (
    CancelledError,
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,  # noqa: A004
)
from weir.expression import Expr, F, col, lit, sql_expr, when
from weir.frame import Frame, GroupBy

# Everywhere in the package types are imported for checkers only: `typing` alone would take longer than all of weir.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Any

    from weir import aio, artifacts, dbapi, excel, notebook, runs, stream, udf
    from weir.column import Column
    from weir.interval import Interval

_LATER = {"Column": "column", "Interval": "interval", **{name: "" for name in ("aio", "artifacts", "dbapi", "excel", "notebook", "runs", "stream", "udf")}}


def __getattr__(name: str) -> Any:
    """What few programs need is imported when it is first wanted."""
    if name not in _LATER:
        raise AttributeError(f"module 'weir' has no attribute {name!r}")
    import importlib

    module = importlib.import_module(f"weir.{_LATER[name] or name}")
    found = getattr(module, name) if _LATER[name] else module
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


def load_ipython_extension(shell: Any) -> None:
    """%load_ext weir: see weir.notebook."""
    from weir.notebook import load_ipython_extension as load

    load(shell)


def sql(query: str, /, *values: Any, **params: Any) -> Frame:
    """Connection.sql() of the shared connection."""
    return default_connection().sql(query, *values, **params)


def execute(query: str, values: Any = None) -> int:
    """Connection.execute() of the shared connection."""
    return default_connection().execute(query, values)


def table(name: str) -> Frame:
    """Connection.table() of the shared connection."""
    return default_connection().table(name)


def read(path: str | os.PathLike[str], **options: Any) -> Frame:
    """Connection.read() of the shared connection."""
    return default_connection().read(path, **options)


def read_csv(path: str | os.PathLike[str], **options: Any) -> Frame:
    """Connection.read_csv() of the shared connection."""
    return default_connection().read_csv(path, **options)


def read_json(path: str | os.PathLike[str], **options: Any) -> Frame:
    """Connection.read_json() of the shared connection."""
    return default_connection().read_json(path, **options)


def read_parquet(path: str | os.PathLike[str], **options: Any) -> Frame:
    """Connection.read_parquet() of the shared connection."""
    return default_connection().read_parquet(path, **options)


def read_excel(path: str | os.PathLike[str] | Any, **options: Any) -> Frame:
    """Connection.read_excel() of the shared connection."""
    return default_connection().read_excel(path, **options)


def from_arrow(data: Any) -> Frame:
    """Connection.from_arrow() of the shared connection."""
    return default_connection().from_arrow(data)


def from_pandas(data: Any) -> Frame:
    """Connection.from_pandas() of the shared connection."""
    return default_connection().from_pandas(data)


def register(name: str, data: Any) -> None:
    """Connection.register() of the shared connection."""
    default_connection().register(name, data)


__all__ = [
    "Batch",
    "CancelledError",
    "Column",
    "Connection",
    "DataError",
    "DatabaseError",
    "Error",
    "Expr",
    "F",
    "Frame",
    "GroupBy",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "Interval",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Warning",
    "__version__",
    "aio",
    "artifacts",
    "col",
    "connect",
    "dbapi",
    "default_connection",
    "excel",
    "execute",
    "from_arrow",
    "from_pandas",
    "lit",
    "notebook",
    "read",
    "read_csv",
    "read_excel",
    "read_json",
    "read_parquet",
    "register",
    "runs",
    "sql",
    "sql_expr",
    "stream",
    "table",
    "udf",
    "when",
]

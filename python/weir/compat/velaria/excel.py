"""Workbooks of Excel."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from weir.compat.velaria.frames import DataFrame
from weir.expression import F, col, lit

if TYPE_CHECKING:
    from weir.compat.velaria.session import Session


def read_excel(
    session: Session,
    path: str | os.PathLike[str],
    *,
    sheet_name: str | int = 0,
    date_format: str = "%Y-%m-%d",
    coerce_datetime_to_string: bool = True,
) -> DataFrame:
    """A sheet of a workbook, by name or number; see weir.excel.read_excel for its errors. Needs python-calamine.

    coerce_datetime_to_string: columns of dates and times become text by date_format; False: they are timestamps.
    """
    frame = session.connection.read_excel(path, sheet=sheet_name)
    times = [c.name for c in frame.schema if c.type in ("DATE", "TIMESTAMP")]
    shown = (F.strftime(col(name), lit(date_format)) if coerce_datetime_to_string else col(name).cast("TIMESTAMP") for name in times)
    return DataFrame(frame.with_columns(*(value.alias(name) for name, value in zip(times, shown))))

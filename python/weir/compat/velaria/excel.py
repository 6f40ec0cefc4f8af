"""Workbooks of Excel."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weir.compat.velaria.frames import DataFrame
    from weir.compat.velaria.session import Session


def read_excel(
    session: Session,
    path: str | os.PathLike[str],
    *,
    sheet_name: str | int = 0,
    date_format: str = "%Y-%m-%d",
    coerce_datetime_to_string: bool = True,
) -> DataFrame:
    """A sheet of an .xlsx file, by name or number; needs pandas, openpyxl and pyarrow.

    coerce_datetime_to_string: columns of dates and times become text by date_format; False leaves them as they are.
    """
    import pandas
    import pyarrow

    sheet: Any = pandas.read_excel(path, sheet_name=sheet_name)
    if coerce_datetime_to_string:
        for name in sheet.columns:
            if pandas.api.types.is_datetime64_any_dtype(sheet[name]):
                sheet[name] = sheet[name].dt.strftime(date_format)
    return session.create_dataframe_from_arrow(pyarrow.Table.from_pandas(sheet, preserve_index=False))

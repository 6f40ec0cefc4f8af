"""Sheets of workbooks (.xlsx, .xlsm, .xlsb, .xls, .ods) as frames; needs the package python-calamine: pip install "weir[excel]".

    weir.read_excel("orders.xlsx")                                       # the first sheet; its first row has the names
    weir.read_excel("orders.xlsx", sheet="March", range="B3:F20")
    weir.read_excel("orders.xlsx", header=4)                             # row 4 has the names, what is above is left out
    weir.excel.sheets("orders.xlsx")                                     # ['January', 'February', 'March']

A workbook says of no column which type it has, only of each value what it is. So a column whose values are of one kind has
its type, BIGINT (numbers without a fraction), DOUBLE, VARCHAR, BOOLEAN, DATE, TIMESTAMP, TIME or INTERVAL; one with days and
moments is TIMESTAMP; any other mixture is VARCHAR, as is a column without values. Empty cells and cells with an error
(#N/A, #DIV/0!) are NULL; of a formula the value counts that was saved with it.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from weir.errors import DataError, InterfaceError, OperationalError, ProgrammingError

if TYPE_CHECKING:
    from weir.connection import Connection
    from weir.frame import Frame

ROWS_MAX, COLUMNS_MAX = 1048576, 16384
_CORNER = r"\$?([A-Za-z]{1,3})?\$?([0-9]{1,7})?"
_RANGE = re.compile(rf"(?:(?:'((?:[^']|'')+)'|([^'!]+))!)?{_CORNER}(:)?(?:{_CORNER})")


class Area(NamedTuple):
    """A rectangle of cells, counted from 0; bottom and right belong to it."""

    top: int
    left: int
    bottom: int
    right: int


def letters(column: int) -> str:
    """How a sheet calls a column that is counted from 0: 0 is A, 26 is AA."""
    out = ""
    while column >= 0:
        out = chr(ord("A") + column % 26) + out
        column = column // 26 - 1
    return out


def _column(name: str | None, default: int) -> int:
    if not name:
        return default
    number = 0
    for letter in name.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def area_of(range: str) -> tuple[str | None, Area]:  # noqa: A002
    """What "B3:F20" means, and the sheet if it names one ("March!B3:F20"); "B:F", "3:20" and "B3:" are open on a side.

    Raises ProgrammingError for what is no range.
    """
    found = _RANGE.fullmatch(range.strip())
    quoted, plain, left, top, colon, right, bottom = found.groups() if found else (None,) * 7
    is_cell = bool(left and top) and not colon
    if not (is_cell or (colon and (left or top or right or bottom))):
        raise ProgrammingError(f'"{range}" is no range of cells', hint='such as "B3:F20", "B:F", "3:20" or "B3:"')
    if is_cell:
        right, bottom = left, top
    area = Area(int(top or 1) - 1, _column(left, 0), int(bottom or ROWS_MAX) - 1, _column(right, COLUMNS_MAX - 1))
    is_there = area.top >= 0 and area.right < COLUMNS_MAX and area.bottom < ROWS_MAX
    if not is_there or area.bottom < area.top or area.right < area.left:
        raise ProgrammingError(f'the range "{range}" has no cells', hint="from the upper left to the lower right, within A1:XFD1048576")
    return quoted.replace("''", "'") if quoted else plain, area


def _calamine() -> Any:
    try:
        import python_calamine
    except ImportError:
        raise InterfaceError("workbooks are read through python-calamine, which is not installed", hint='pip install "weir[excel]"') from None
    return python_calamine


def _workbook(path: Any) -> Any:
    calamine = _calamine()
    is_open = hasattr(path, "read")
    name = getattr(path, "name", "the file") if is_open else os.fspath(path)
    if not is_open and not os.path.exists(name):
        raise OperationalError(f'no file "{name}"', code="W3101", sqlstate="58P01")
    try:
        return calamine.CalamineWorkbook.from_object(path if is_open else name)
    except OSError as error:
        raise OperationalError(f'"{name}" cannot be read: {error}', code="W3102", sqlstate="58030") from None
    except calamine.PasswordError:
        raise DataError(f'"{name}" has a password', code="W3103", sqlstate="XX001", hint="save it without one") from None
    except calamine.CalamineError as error:
        raise DataError(f'"{name}" is no workbook that can be read: {error}', code="W3103", sqlstate="XX001") from None


def _sheet(workbook: Any, sheet: str | int) -> Any:
    names: list[str] = workbook.sheet_names
    there = "the sheets are " + ", ".join(f'"{name}"' for name in names)
    if isinstance(sheet, int):
        if not -len(names) <= sheet < len(names):
            raise ProgrammingError(f"there is no sheet {sheet}, the first one is 0", hint=there, candidates=names)
        sheet = names[sheet]
    found = sheet if sheet in names else next((name for name in names if name.lower() == sheet.lower()), None)
    if found is None:
        raise ProgrammingError(f'there is no sheet "{sheet}"', hint=there, candidates=names)
    try:
        return workbook.get_sheet_by_name(found)
    except _calamine().CalamineError as error:
        raise DataError(f'the sheet "{found}" cannot be read: {error}', hint="sheets of charts and macros have no cells") from None


def sheets(path: Any) -> list[str]:
    """The names of the sheets of a workbook, hidden ones too, in their order. Errors as read_excel()."""
    with _workbook(path) as workbook:
        return list(workbook.sheet_names)


# ---- cells


class Cells:
    """The cells of a sheet that have been used, by where they are in it."""

    def __init__(self, sheet: Any, fill_merged: bool) -> None:
        start: tuple[int, int] = sheet.start or (0, 0)
        self._top, self._left = start
        self._rows: list[list[Any]] = sheet.to_python() if sheet.start else []
        width = len(self._rows[0]) if self._rows else 0
        self.used = Area(self._top, self._left, self._top + len(self._rows) - 1, self._left + width - 1)
        if fill_merged:
            for (top, left), (bottom, right) in sheet.merged_cell_ranges or []:
                self._fill(Area(top, left, bottom, right))

    def _fill(self, area: Area) -> None:
        value = self.row(area.top, area.left, area.left)[0]
        for at in range(area.top - self._top, min(area.bottom - self._top + 1, len(self._rows))):
            row = self._rows[at]
            for column in range(area.left - self._left, min(area.right - self._left + 1, len(row))):
                row[column] = value

    def row(self, at: int, left: int, right: int) -> list[Any]:
        """Cells left to right of one row; "" where nothing is."""
        row = self._rows[at - self._top] if 0 <= at - self._top < len(self._rows) else []
        return [row[c] if 0 <= c < len(row) else "" for c in range(left - self._left, right - self._left + 1)]


def _text(value: Any) -> str | None:
    """A value as a text column shows it."""
    if value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _typed(values: Sequence[Any], as_text: bool) -> list[Any]:
    """The values of a column, all of one type; None where nothing is."""
    kinds = {type(v) for v in values if v != ""}
    if as_text or not (len(kinds) <= 1 or kinds <= {int, float} or kinds == {datetime.date, datetime.datetime}):
        return [_text(v) for v in values]
    if float in kinds and all(v == "" or (v == int(v) and abs(v) < 2**53) for v in values):
        return [None if v == "" else int(v) for v in values]
    if float in kinds:
        return [None if v == "" else float(v) for v in values]
    if len(kinds) == 2:
        return [None if v == "" else v if isinstance(v, datetime.datetime) else datetime.datetime(v.year, v.month, v.day) for v in values]
    return [None if v == "" else v for v in values]


def _names(heads: Sequence[Any], left: int) -> Iterator[str]:
    """A name for each column: that of its head, with a number if it was there already, or its letters."""
    taken: set[str] = set()
    for i, head in enumerate(heads):
        name = wanted = (_text(head) or "").strip() or letters(left + i)
        number = 0
        while name.lower() in taken:
            number += 1
            name = f"{wanted}_{number}"
        taken.add(name.lower())
        yield name


def _table(cells: Cells, area: Area, header: bool | int, as_text: bool) -> dict[str, list[Any]]:
    """Columns by name. Rows at the end without any value are left out, and columns with neither name nor value."""
    head = None if header is False else area.top if header is True else header - 1
    heads: list[Any] = [""] * (area.right - area.left + 1) if head is None else cells.row(head, area.left, area.right)
    first = area.top if head is None or head < area.top else head + 1
    rows = [cells.row(at, area.left, area.right) for at in range(first, area.bottom + 1)]
    while rows and all(v == "" for v in rows[-1]):
        rows.pop()
    columns = [list(column) for column in zip(*rows)] if rows else [[] for _ in heads]
    found = zip(_names(heads, area.left), heads, columns)
    return {name: _typed(column, as_text) for name, named, column in found if named != "" or any(v != "" for v in column)}


def read_excel(
    path: str | os.PathLike[str] | Any,
    *,
    sheet: str | int = 0,
    range: str | None = None,  # noqa: A002
    header: bool | int = True,
    as_text: bool = False,
    fill_merged: bool = False,
    connection: Connection | None = None,
) -> Frame:
    """A frame of a sheet, or of a part of it. It is read now; the frame can be used as often as you like.

    path: a file, or an open one in binary mode. sheet: its name, or its number from 0 (-1 is the last one). range:
    "B3:F20", "B:F", "3:20", "B3:", also with the sheet: "March!B3:F20"; default: all cells that are used. header: whether
    the first row has the names, or which row of the sheet has (1 is the first); False: the columns are called by their
    letters. as_text: all columns are VARCHAR. fill_merged: each cell of a merged area has its value, not only the first.
    connection: default weir's shared one.

    See weir.excel for the types. Raises InterfaceError without python-calamine, OperationalError if there is no such file,
    DataError if it is no workbook, and ProgrammingError, with the names that there are, if there is no such sheet. Any thread.
    """
    if connection is None:
        from weir.connection import default_connection

        connection = default_connection()
    if header is not True and header is not False and header < 1:
        raise ProgrammingError(f"header is {header}", hint="rows are counted from 1, as the sheet counts them")
    named, asked = area_of(range) if range is not None else (None, None)
    if named is not None and sheet != 0:
        raise ProgrammingError("the range names a sheet, and so does sheet", hint="leave out one")
    with _workbook(path) as workbook:
        found = _sheet(workbook, sheet if named is None else named)
        cells = Cells(found, fill_merged)
    used = cells.used
    # Sides that were left open end where the cells do; a corner that was named stays.
    area = used if asked is None else Area(asked.top, asked.left, min(asked.bottom, used.bottom), asked.right if asked.right < COLUMNS_MAX - 1 else used.right)
    columns = _table(cells, area, header, as_text)
    if not columns:
        raise DataError(f'the sheet "{found.name}" has no cells' + ("" if range is None else f" in {range}"), code="W3103", sqlstate="XX001")
    return connection.from_arrow(columns)

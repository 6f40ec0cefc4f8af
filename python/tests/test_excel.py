"""weir.read_excel: workbooks as people make them."""

import datetime
import io
import os
import pathlib
import subprocess
import sys

import openpyxl
import pytest

import weir
from weir.excel import area_of, letters

DAY, NOON = datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, 0, 1)


@pytest.fixture
def book(tmp_path):
    """A function that writes sheets, {name: {cell: value}}, and gives the path."""

    def write(sheets, then=None, name="book.xlsx"):
        workbook = openpyxl.Workbook()
        workbook.remove(workbook.active)
        for title, cells in sheets.items():
            sheet = workbook.create_sheet(title)
            for cell, value in cells.items():
                sheet[cell] = value
        if then:
            then(workbook)
        workbook.save(tmp_path / name)
        return tmp_path / name

    return write


def grid(rows, top=1, left=0):
    return {f"{letters(left + c)}{top + r}": v for r, row in enumerate(rows) for c, v in enumerate(row) if v is not None}


def test_a_sheet_is_a_frame_with_types_that_its_values_have(book):
    path = book({"One": grid([
        ["id", "share", "name", "paid", "day", "moment", "clock", "span", "nothing"],
        [1, 0.5, "ann", True, DAY, NOON, datetime.time(1, 2, 3), datetime.timedelta(hours=30), None],
        [2, 2, None, False, None, DAY, None, None, None],
    ])})  # fmt: skip
    frame = weir.read_excel(path)
    assert [c.type for c in frame.schema] == ["BIGINT", "DOUBLE", "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP", "TIME", "INTERVAL", "VARCHAR"]
    rows = [
        (1, 0.5, "ann", True, DAY, NOON, datetime.time(1, 2, 3), datetime.timedelta(hours=30), None),
        (2, 2.0, None, False, None, datetime.datetime(2024, 2, 29), None, None, None),
    ]
    assert frame.rows() == rows and frame.rows() == rows, "it can be read as often as one likes"
    assert frame.filter(weir.col("id") > 1).select("share").item() == 2.0


def test_a_mixture_is_text_and_errors_are_null(book):
    path = book({"One": grid([["mixed", "wrong"], [1, "#N/A"], ["x", 5], [True, 6], [DAY, 7], [2.5, 8], [None, 9]])}, lambda b: setattr(b["One"]["B2"], "data_type", "e"))
    frame = weir.read_excel(path)
    assert [c.type for c in frame.schema] == ["VARCHAR", "BIGINT"]
    assert frame.rows() == [("1", None), ("x", 5), ("true", 6), ("2024-02-29", 7), ("2.5", 8), (None, 9)]
    assert weir.read_excel(path, as_text=True).rows()[1] == ("x", "5")


def test_whole_numbers_are_integers_as_far_as_they_are_exact(book):
    frame = weir.read_excel(book({"One": grid([["a", "b"], [2**53 - 1, 2**60], [-3, 1]])}))
    assert [c.type for c in frame.schema] == ["BIGINT", "DOUBLE"]
    assert frame.rows() == [(2**53 - 1, 2.0**60), (-3, 1.0)]


def test_a_part_of_a_sheet(book):
    cells = {"A1": "Report of March", "G1": 7, **grid([["id", "name", None, "n"], [1, "a", None, 5], [2, None, None, None], [3, "c", None, 8]], top=3, left=1), "B9": "sum"}
    path = book({"First": grid([["x"], [1]]), "It's March!": cells})
    read = lambda **options: weir.read_excel(path, sheet="It's March!", **options)  # noqa: E731
    table = [(1, "a", 5), (2, None, None), (3, "c", 8)]
    assert read(range="B3:E6").rows() == table and read(range="B3:E6").columns == ["id", "name", "n"]
    assert read(range="$b$3:$E$6").rows() == table
    assert read(range="B3:E").rows()[:3] == [("1", "a", 5), ("2", None, None), ("3", "c", 8)]
    assert read(range="B3:C4").rows() == [(1, "a")]
    assert weir.read_excel(path, range="'It''s March!'!B3:E6").rows() == table
    assert read(range="B5:E6", header=3).rows() == table[1:]
    assert read(range="B4:E6", header=False).columns == ["B", "C", "E"]
    assert read(range="C4", header=False).item() == "a"
    assert read(header=3, range="3:6").rows() == table
    assert read(range="E:E", header=3).rows() == [(5,), (None,), (8,)]
    assert read(range="B3:XFD1048576").columns == ["id", "name", "n"], "a large range costs nothing"
    assert read().columns == ["Report of March", "B", "C", "E", "7"]


def test_names_of_columns(book):
    heads = ["a", "A", None, 2024, DAY, "a", " padded ", "B"]
    frame = weir.read_excel(book({"One": grid([heads, [1, 2, 3, 4, 5, 6, 7, 8]])}))
    assert frame.columns == ["a", "A_1", "C", "2024", "2024-02-29", "a_2", "padded", "B"]
    assert frame.select("C", "2024").rows() == [(3, 4)]
    assert weir.read_excel(book({"One": grid([[1, 2]])}), header=False).rows() == [(1, 2)]


def test_merged_cells(book):
    path = book({"One": grid([["city", "n"], ["Lyon", 1], [None, 2], ["Oslo", 3]])}, lambda b: b["One"].merge_cells("A2:A3"))
    assert weir.read_excel(path).rows() == [("Lyon", 1), (None, 2), ("Oslo", 3)]
    assert weir.read_excel(path, fill_merged=True).rows() == [("Lyon", 1), ("Lyon", 2), ("Oslo", 3)]


def test_many_sheets(book):
    path = book({f"Month {i}": grid([["n"], [i]]) for i in range(1, 13)}, lambda b: setattr(b["Month 3"], "sheet_state", "hidden"))
    names = weir.excel.sheets(path)
    assert names == [f"Month {i}" for i in range(1, 13)]
    assert [weir.read_excel(path, sheet=name).item() for name in names] == list(range(1, 13))
    assert weir.read_excel(path, sheet=2).item() == 3 and weir.read_excel(path, sheet=-1).item() == 12
    assert weir.read_excel(path, sheet="month 4").item() == 4, "as Excel finds them"
    parts = [weir.read_excel(path, sheet=name) for name in names]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.union(part)
    assert whole.agg(s=weir.F.sum("n")).item() == 78


def test_what_is_wrong_is_told(book, tmp_path):
    path = book({"One": grid([["a"], [1]]), "Empty": {}}, lambda b: b.create_chartsheet("Chart"))
    with pytest.raises(weir.ProgrammingError, match='no sheet "Two".*\n.*"One", "Empty", "Chart"') as caught:
        weir.read_excel(path, sheet="Two")
    assert caught.value.candidates == ("One", "Empty", "Chart")
    for options, match in [
        ({"sheet": 3}, "no sheet 3"), ({"range": "nonsense"}, "no range of cells"), ({"range": "B3:A1"}, "has no cells"), ({"range": "A0:B2"}, "has no cells"),
        ({"range": "A1:XFE2"}, "has no cells"), ({"header": 0}, "header is 0"), ({"range": "One!A1:A2", "sheet": "Empty"}, "names a sheet"), ({"range": ""}, "no range"),
    ]:  # fmt: skip
        with pytest.raises(weir.ProgrammingError, match=match):
            weir.read_excel(path, **options)
    with pytest.raises(weir.DataError, match='"Empty" has no cells'):
        weir.read_excel(path, sheet="Empty")
    with pytest.raises(weir.DataError, match="has no cells in X1:Z9"):
        weir.read_excel(path, range="X1:Z9")
    with pytest.raises(weir.OperationalError, match="no file") as missing:
        weir.read_excel(tmp_path / "nowhere.xlsx")
    assert missing.value.code == "W3101"
    (tmp_path / "text.xlsx").write_text("a,b\n1,2\n")
    (tmp_path / "cut.xlsx").write_bytes(path.read_bytes()[:-200])
    for name in ("text.xlsx", "cut.xlsx", "."):
        with pytest.raises(weir.DataError, match="no workbook") as damaged:
            weir.read_excel(tmp_path / name)
        assert damaged.value.code == "W3103"


def test_without_the_library_it_says_what_to_install(tmp_path):
    script = "import sys; sys.modules['python_calamine'] = None\nimport weir\ntry: weir.read_excel('a.xlsx')\nexcept weir.InterfaceError as error: print(error)"
    here = {**os.environ, "PYTHONPATH": str(pathlib.Path(weir.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, env=here)
    assert "python-calamine" in done.stdout and 'pip install "weir[excel]"' in done.stdout, done.stderr


def test_open_files_and_a_header_alone(book, db):
    path = book({"One": grid([["a", "b"]])})
    assert db.read_excel(path).columns == ["a", "b"] and db.read_excel(path).rows() == []
    with open(path, "rb") as file:
        assert db.read_excel(file).columns == ["a", "b"]
    assert db.read_excel(io.BytesIO(path.read_bytes()), header=False).rows() == [("a", "b")]


def test_cells_are_called_as_in_a_sheet():
    assert [letters(i) for i in (0, 25, 26, 701, 702, 16383)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]
    assert area_of("B3:F20") == (None, (2, 1, 19, 5)) and area_of("My Sheet!AA1")[0] == "My Sheet"


def test_ten_thousand_rows_come_quickly_and_right(book, db):
    path = book({"One": grid([["i", "t"], *[[i, f"row {i}"] for i in range(10000)]])})
    assert db.read_excel(path).agg(n=weir.F.count(), s=weir.F.sum("i"), d=weir.F.count("t", distinct=True)).rows() == [(10000, 49995000, 10000)]

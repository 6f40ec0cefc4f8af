"""What works where a package is missing."""

import subprocess
import sys
import textwrap


def run(program, *missing):
    block = f"import sys\nfor name in {missing!r}: sys.modules[name] = None\n"
    done = subprocess.run([sys.executable, "-c", block + textwrap.dedent(program)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


def test_pandas_comes_and_goes_without_pyarrow():
    run(
        """
        import datetime, decimal, pandas, weir
        df = pandas.DataFrame({"i": [1, 2, 3], "f": [1.5, None, 2.5], "t": ["a", None, "ü"], "b": [True, False, True],
                               "c": pandas.Series(["x", "y", "x"], dtype="category"), "n": pandas.Series([1, None, 3], dtype="Int64"),
                               "d": pandas.to_datetime(["2024-01-01", None, "2024-01-03"]), "z": pandas.to_datetime(["2024-01-01"] * 3).tz_localize("Europe/Paris"),
                               "s": pandas.to_timedelta(["1 day", None, "2 days"]), "o": [decimal.Decimal("1.5"), None, 2], "l": [[1], None, []]})
        rows = weir.sql("from df").rows()
        utc = datetime.timezone.utc
        assert rows[0] == (1, 1.5, "a", True, "x", 1, datetime.datetime(2024, 1, 1), datetime.datetime(2023, 12, 31, 23, tzinfo=utc), datetime.timedelta(1), decimal.Decimal("1.5"), [1]), rows[0]
        assert rows[1][1:3] == (None, None) and rows[1][5] is None and rows[1][6] is None and rows[1][8:] == (None, None, None), rows[1]
        back = weir.sql("from df").pandas()
        assert back["i"].dtype == "int64" and back["f"].dtype == "float64" and back["d"].dtype.kind == "M" and back["d"].isna().tolist() == [False, True, False]
        assert str(back["z"].dtype).endswith("UTC]") and back["z"].iloc[0] == pandas.Timestamp("2023-12-31 23:00", tz="UTC")
        assert back["n"].isna().tolist() == [False, True, False] and back["t"].isna().tolist() == [False, True, False], back
        assert back["b"].dtype == bool and back["s"].iloc[0] == pandas.Timedelta("1 day")
        assert weir.sql("from back").rows() == rows
        assert weir.sql("select 1 as a, 2 as a").pandas().shape == (1, 2)
        empty = weir.sql("select i, t, d, z from df limit 0").pandas()
        assert empty.shape == (0, 4) and str(empty["i"].dtype) == "int64" and str(empty["d"].dtype).startswith("datetime64"), empty.dtypes
        """,
        "pyarrow",
    )


def test_polars_comes_and_goes_without_pyarrow():
    run(
        """
        import datetime, polars, weir
        df = polars.DataFrame({"i": [1, None], "t": ["a", "ü"], "l": [[1], None], "s": [{"a": 1}, None], "c": polars.Series(["x", "y"], dtype=polars.Categorical)})
        frame = weir.sql("from df")
        assert frame.rows() == [(1, "a", [1], {"a": 1}, "x"), (None, "ü", None, None, "y")]
        assert frame.polars().equals(df.with_columns(polars.col("c").cast(polars.String))) or frame.polars().rows() == df.rows()
        lazy = df.lazy()
        assert weir.sql("select count(*), max(i) from lazy").rows() == [(2, 1)]
        assert weir.sql("select i from df where i in $1", df["i"]).rows() == [(1,)]
        """,
        "pyarrow", "pandas",
    )


def test_nothing_but_python_is_needed():
    run(
        """
        import weir
        data = {"a": [1, None], "t": ["x", "y"]}
        frame = weir.sql("from data where a in $1", [1, 2])
        assert frame.rows() == [(1, "x")] and frame.dicts() == [{"a": 1, "t": "x"}] and frame.item.__doc__
        assert [b.num_rows for b in frame.batches()] == [1]
        other = weir.connect().sql("from given", given=frame)
        assert other.rows() == [(1, "x")]
        for end in ("arrow", "polars", "pandas", "numpy"):
            try:
                getattr(frame, end)()
            except ImportError:
                continue
            raise AssertionError(end)
        """,
        "pyarrow", "polars", "pandas", "numpy",
    )

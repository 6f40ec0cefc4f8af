"""Values of Python as parameters: what arrives has the type and value that was passed."""

import datetime
import decimal
import uuid

import numpy
import pandas
import polars
import pyarrow
import pytest

import weir

UTC = datetime.timezone.utc
VALUES = [
    (True, "BOOLEAN", True), (7, "BIGINT", 7), (2**100, "HUGEINT", 2**100), (0.5, "DOUBLE", 0.5), ("ü", "VARCHAR", "ü"), (b"\0\xff", "BLOB", b"\0\xff"),
    (decimal.Decimal("-12.340"), "DECIMAL(5,3)", decimal.Decimal("-12.340")), (uuid.UUID(int=5), "UUID", uuid.UUID(int=5)),
    (datetime.date(2024, 2, 29), "DATE", datetime.date(2024, 2, 29)), (datetime.time(23, 59, 1, 5), "TIME", datetime.time(23, 59, 1, 5)),
    (datetime.datetime(1969, 12, 31, 23, 0, 0, 1), "TIMESTAMP", datetime.datetime(1969, 12, 31, 23, 0, 0, 1)),
    (datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=2))), "TIMESTAMP WITH TIME ZONE", datetime.datetime(2024, 1, 1, 10, tzinfo=UTC)),
    (datetime.timedelta(days=-3, microseconds=5), "INTERVAL", datetime.timedelta(days=-3, microseconds=5)), (weir.Interval(1, 2, 3), "INTERVAL", weir.Interval(1, 2, 3)),
    ([1, None, 3], "BIGINT[]", [1, None, 3]), ((1, 2.5), "DOUBLE[]", [1.0, 2.5]), (["a", "b"], "VARCHAR[]", ["a", "b"]), ([b"x", None], "BLOB[]", [b"x", None]),
    ([decimal.Decimal("1.5"), 2], "DECIMAL(20,1)[]", [decimal.Decimal("1.5"), decimal.Decimal("2.0")]), ([2**100, 1], "DECIMAL(38,0)[]", [decimal.Decimal(2**100), decimal.Decimal(1)]),
    ([uuid.UUID(int=1), None], "UUID[]", [uuid.UUID(int=1), None]), ([[1], None, []], "BIGINT[][]", [[1], None, []]),
    ([datetime.date(1, 1, 1), datetime.date(9999, 12, 31)], "DATE[]", [datetime.date(1, 1, 1), datetime.date(9999, 12, 31)]),
    ([datetime.timedelta(1), weir.Interval(1, 0, 0)], "INTERVAL[]", [datetime.timedelta(1), weir.Interval(1, 0, 0)]),
    ({"a": 1, "b": [{"c": None}, {"c": "x"}]}, "STRUCT(a BIGINT, b STRUCT(c VARCHAR)[])", {"a": 1, "b": [{"c": None}, {"c": "x"}]}),
    ([{"a": 1}, {"b": "y"}], "STRUCT(a BIGINT, b VARCHAR)[]", [{"a": 1, "b": None}, {"a": None, "b": "y"}]),
    (numpy.int8(5), "BIGINT", 5), (numpy.float32(0.5), "DOUBLE", 0.5), (numpy.datetime64("2024-01-02"), "DATE", datetime.date(2024, 1, 2)),
    (numpy.array([1, 2], "i2"), "SMALLINT[]", [1, 2]), (numpy.array([[1.5, 2.5]]), "DOUBLE[2][]", [[1.5, 2.5]]), (numpy.array(["2024-01-01", "NaT"], "M8[s]"), "TIMESTAMP_S[]", [datetime.datetime(2024, 1, 1), None]),
    (pyarrow.scalar(5, pyarrow.int16()), "SMALLINT", 5), (pyarrow.scalar(None, pyarrow.int16()), "SMALLINT", None), (pyarrow.array([1, None], pyarrow.uint8()), "UTINYINT[]", [1, None]),
    (pyarrow.chunked_array([[1], [2, 3]]), "BIGINT[]", [1, 2, 3]), (polars.Series([1, 2]), "BIGINT[]", [1, 2]), (pandas.Series([1.5, None]), "DOUBLE[]", [1.5, None]),
    (pandas.Timestamp("2024-01-01 10:00"), "TIMESTAMP", datetime.datetime(2024, 1, 1, 10)), (pandas.Timedelta("1h"), "INTERVAL", datetime.timedelta(hours=1)),
    (pandas.Categorical(["x", None]), "VARCHAR[]", ["x", None]), (range(3), "BIGINT[]", [0, 1, 2]),
]  # fmt: skip


@pytest.mark.parametrize("value, kind, wanted", VALUES, ids=lambda v: str(v)[:30])
def test_a_value_arrives(db, value, kind, wanted):
    assert db.sql("select typeof($1), $1", value).rows() == [(kind, wanted)]
    assert db.sql("select :v as v", v=value).rows() == [(wanted,)]


@pytest.mark.parametrize("nothing", [None, pandas.NA, pandas.NaT, numpy.datetime64("NaT")], ids=str)
def test_nothing_is_null(db, nothing):
    assert db.sql("select $1::int is null", nothing).item() is True
    assert db.sql("select $1", [nothing, 1]).item() == [None, 1]


@pytest.mark.parametrize("values", [[1, 3], (1, 3), {1, 3}, numpy.array([1, 3], "u1"), pyarrow.array([1, 3]), pandas.Series([1, 3]), polars.Series([1, 3]), [1, None, 3]], ids=lambda v: type(v).__name__)
def test_a_list_is_searched(db, values):
    assert db.sql("select i from range(5) r(i) where i in $1", values).rows() == [(1,), (3,)]
    assert db.sql("select i from range(5) r(i) where i = any($1)", values).rows() == [(1,), (3,)]


def test_an_empty_list_has_nothing(db):
    assert db.sql("select i from range(5) r(i) where i in $1", []).rows() == []
    assert db.sql("select len($1)", []).item() == 0


@pytest.mark.parametrize("value", [object(), [1, "a"], {}, {1: 2}, [datetime.time(1, tzinfo=UTC)], 10**60, [10**60], decimal.Decimal("NaN"), 1j, [1j], [True, 1]], ids=str)
def test_what_has_no_type_is_refused(db, value):
    with pytest.raises(weir.Error):
        db.sql("select $1", value).rows()
    assert db.sql("select 1").item() == 1

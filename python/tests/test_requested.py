"""requested_schema of the Arrow PyCapsule interface."""

import decimal

import pyarrow
import pytest

import weir


def asked(data, schema):
    return pyarrow.RecordBatchReader.from_stream(data, schema=pyarrow.schema(schema)).read_all()


@pytest.mark.parametrize("text", [pyarrow.string(), pyarrow.large_string()])
@pytest.mark.parametrize("blob", [pyarrow.binary(), pyarrow.large_binary()])
def test_texts_by_offsets(db, text, blob):
    frame = db.sql("select case when i % 3 > 0 then repeat('ab', i % 20) end as t, case when i % 2 = 0 then i::text::blob end as b, i from range(30000) r(i)")
    plain = frame.arrow()
    table = asked(frame, [("t", text), ("b", blob), ("i", pyarrow.int64())])
    table.validate(full=True)
    assert table.schema.types == [text, blob, pyarrow.int64()]
    assert table.to_pydict() == plain.to_pydict()
    assert asked(frame.limit(0), [("t", text), ("b", blob), ("i", pyarrow.int64())]).schema.types == [text, blob, pyarrow.int64()]
    given = db.from_arrow(pyarrow.table({"t": plain["t"].slice(5, 11)}))
    assert asked(given, [("t", text)])["t"].to_pylist() == plain["t"].to_pylist()[5:16]


def test_types_are_cast(db):
    frame = db.sql("select 1 as a, '2.5' as b, 3.14::double as c, $1 as p", 7)
    wanted = [("a", pyarrow.int64()), ("b", pyarrow.float64()), ("c", pyarrow.decimal128(5, 1)), ("p", pyarrow.string())]
    table = asked(frame, wanted)
    assert table.schema.types == [kind for _, kind in wanted]
    assert table.to_pylist() == [{"a": 1, "b": 2.5, "c": decimal.Decimal("3.1"), "p": "7"}]
    with pytest.raises((weir.Error, OSError), match="TINYINT"):
        asked(db.sql("select 1000 as a"), [("a", pyarrow.int8())])


def test_what_cannot_be_had_comes_as_it_is(db):
    frame = db.sql("select 1 as a, [1] as l")
    for schema in ([("b", pyarrow.int64()), ("l", pyarrow.int64())], [("a", pyarrow.int64())], [("a", pyarrow.int32()), ("l", pyarrow.list_(pyarrow.int64()))]):
        assert asked(frame, schema).schema.types == [pyarrow.int32(), pyarrow.list_(pyarrow.int32())]
    twice = db.sql("select 1 as a, 2 as a")
    assert asked(twice, [("a", pyarrow.int64()), ("a", pyarrow.int64())]).schema.types == [pyarrow.int32()] * 2

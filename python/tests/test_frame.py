"""Frames: each step against what its SQL means, ends, writers, what is shown."""

import decimal

import pytest

import weir
from weir import F, col, lit, when


@pytest.fixture
def orders(db):
    db.execute("create table orders (id int, city text, amount decimal(10, 2))")
    db.execute("insert into orders values (1, 'Lyon', 9.5), (2, 'Oslo', 20), (3, 'Lyon', 4.25), (4, null, null)")
    return db.table("orders")


def test_select_and_filter(orders):
    assert orders.select("id", twice=col("amount") * 2).filter(col("twice") > 10).rows() == [(1, decimal.Decimal("19.00")), (2, 40)]
    assert orders.filter("city is null", col("id") == 4).select("id").item() == 4
    assert orders.select(F.count().alias("n"), most=F.max("amount")).rows() == [(4, 20)]
    assert orders.select().columns == ["id", "city", "amount"]


def test_with_columns_adds_and_replaces(orders):
    frame = orders.with_columns(amount=col("amount").cast("double"), big=col("amount") > 5)
    assert frame.columns == ["id", "city", "amount", "big"]
    assert frame.filter(col("big")).select("amount").rows() == [(9.5,), (20.0,)]
    assert orders.drop("amount").rename({"id": "key"}).columns == ["key", "city"]
    with pytest.raises(weir.ProgrammingError):
        orders.with_columns(col("id") + 1)


def test_groups(orders):
    frame = orders.group_by("city").agg(n=F.count(), total=F.sum("amount"), small=F.count("id").filter(col("amount") < 5)).sort("city")
    assert frame.rows() == [("Lyon", 2, decimal.Decimal("13.75"), 1), ("Oslo", 1, 20, 0), (None, 1, None, 0)]
    assert orders.group_by((col("id") % 2).alias("odd")).agg(F.sum("id").alias("s")).sort("odd").rows() == [(0, 6), (1, 4)]
    assert orders.group_by().agg(n=F.count()).item() == 4


def test_joins(db, orders):
    cities = db.sql("select 'Lyon' as city, 'FR' as country union all select 'Rome', 'IT'")
    joined = orders.join(cities, "city")
    assert joined.columns == ["id", "city", "amount", "country"] or set(joined.columns) == {"id", "city", "amount", "country"}
    assert joined.select("id", "country").sort("id").rows() == [(1, "FR"), (3, "FR")]
    assert orders.join(cities, ["city"], how="left").select(F.count()).item() == 4
    assert orders.join(cities, "city", how="anti").select("id").sort("id").rows() == [(2,), (4,)]
    assert orders.join(cities, "city", how="semi").select("id").sort("id").rows() == [(1,), (3,)]
    assert orders.join(cities, col("left", "city") == col("right", "city"), how="full").select(F.count()).item() == 5
    assert orders.join(cities, how="cross").select(F.count()).item() == 8
    with pytest.raises(weir.ProgrammingError):
        orders.join(cities, how="sideways")
    with weir.connect() as other, pytest.raises(weir.ProgrammingError):
        orders.join(other.sql("select 'Lyon' as city"), "city")


def test_parameters_of_both_sides_keep_apart(db):
    left = db.sql("select i, ':n' as t from range(:n) r(i) where i >= $n - 2 /* :n */ -- :n", n=4)
    right = db.sql("select i from range(:n) r(i)", n=3)
    assert left.join(right, "i").rows() == [(2, ":n")]
    numbered = db.sql("select $1::int as i", 3)
    assert left.union(numbered.select("i", t=lit("x"))).rows() == [(2, ":n"), (3, ":n"), (3, "x")]


def test_asof_join(db):
    trades = db.sql("from (values (1, 'a', 10), (5, 'a', 11), (5, 'b', 12)) t(ts, k, price)")
    rates = db.sql("from (values (0, 'a', 1), (4, 'a', 2), (9, 'b', 3)) t(ts, k, rate)")
    rows = trades.asof_join(rates, "ts", by="k").select("ts", "k", "price", "rate").sort("price").rows()
    assert rows == [(1, "a", 10, 1), (5, "a", 11, 2), (5, "b", 12, None)]
    assert trades.asof_join(rates, "ts", by="k", how="inner").select(F.count()).item() == 2


def test_order_limit_distinct_union_sample(orders):
    assert [r[0] for r in orders.sort("amount", descending=True, nulls_first=False).rows()] == [2, 1, 3, 4]
    assert [r[0] for r in orders.sort(col("city").asc(nulls_first=True), "id", descending=[False, True]).rows()] == [4, 3, 1, 2]
    assert orders.sort("id").limit(2, 1).select("id").rows() == [(2,), (3,)]
    assert orders.select("city").distinct().select(F.count()).item() == 3
    assert orders.sort("amount").distinct("city").select(F.count()).item() == 3
    assert orders.union(orders).select(F.count()).item() == 8
    assert orders.union(orders, all=False).select(F.count()).item() == 4
    assert orders.select("id", "city").union(orders.select("city", "id"), by_name=True).columns == ["id", "city"]
    assert len(orders.sample(2, seed=1).rows()) == 2
    assert orders.sample(fraction=1.0).select(F.count()).item() == 4


def test_windows(orders):
    frame = orders.filter(col("city").is_not_null()).window(partition_by="city", order_by="id", n=F.row_number(), s=F.sum("amount"))
    assert frame.sort("id").select("id", "n", "s").rows() == [(1, 1, decimal.Decimal("9.50")), (2, 1, 20), (3, 2, decimal.Decimal("13.75"))]
    over = F.lag("id", 1).over(order_by=col("id").desc()).alias("before")
    assert orders.select("id", over).sort("id").rows() == [(1, 2), (2, 3), (3, 4), (4, None)]


def test_expressions(db):
    one = db.sql("select 5 as a, 'it''s' as b, [1, 2] as c, {'x': 1} as d, null as e")
    assert one.select(when(col("a") > 3).then("big").when(col("a") > 1).then("some").otherwise("none").alias("v")).item() == "big"
    assert one.select(v=when(col("a") > 9).then(1)).item() is None
    assert one.select(v=col("b") == "it's").item() is True
    assert one.select(v=~(col("a").is_in([1, 2])) & col("e").is_null() | lit(False)).item() is True
    assert one.select(v=col("a").is_in(db.sql("from range(6)"))).item() is True
    assert one.select(v=col("a").is_in([])).item() is False
    with pytest.raises(weir.ProgrammingError, match="data of the program"):
        col("a").is_in(db.from_arrow({"x": [1, 2]}))
    assert one.select(x=col("c")[2], y=col("d")["x"], z=1 - col("a"), w=-col("a"), m=col("a") % 3).rows() == [(2, 1, -4, -5, 2)]
    assert one.select(v=col("b").like("it%"), w=col("a").between(5, 6), f=col("e").fill_null("n")).rows() == [(True, True, "n")]
    assert one.select(v=col("b").call("upper"), w=F.concat("b", lit("!"), 1)).rows() == [("IT'S", "it's!1")]
    assert one.select(v=col("b").cast("int", strict=False)).item() is None
    assert one.select(weir.sql_expr("a + 1 -- more").alias("v")).item() == 6
    with pytest.raises(TypeError):
        bool(col("a") == 1)
    evil = 'x"; drop table t; --'
    assert db.sql("select 1 as a").select(col("a").alias(evil)).columns == [evil]


def test_a_frame_is_a_table_of_the_next_query(orders):
    assert orders.sql("with big as (from self where amount > :least) select count(*) from big", least=5).item() == 2
    assert orders.sql("from self order by id desc").select("id").limit(1).item() == 4


def test_ends(orders):
    assert orders.select(F.max("id")).item() == 4
    with pytest.raises(weir.DataError):
        orders.item()
    with pytest.raises(weir.DataError):
        orders.filter(lit(False)).select("id").item()
    assert sum(batch.num_rows for batch in orders.batches()) == 4
    assert orders.schema == [("id", "INTEGER"), ("city", "VARCHAR"), ("amount", "DECIMAL(10,2)")]


def test_explaining(orders):
    assert "scan" in orders.explain().lower()
    assert "rows" in orders.explain(analyze=True)
    assert orders.profile()["plan"]["actual"]["rows"] == 4
    assert orders.explain(format="mermaid").startswith(("graph", "flowchart"))
    assert [row[0] for row in orders.summarize().rows()] == ["id", "city", "amount"]


def test_writing_and_reading_back(db, orders, tmp_path):
    for write, read in ((orders.write_parquet, db.read_parquet), (orders.write_csv, db.read_csv), (orders.write_json, db.read_json)):
        path = tmp_path / f"it's {write.__name__}.{write.__name__[6:]}"
        assert write(path) == 4
        assert [r[:2] for r in read(path).sort("id").rows()] == [(1, "Lyon"), (2, "Oslo"), (3, "Lyon"), (4, None)]
    orders.write_csv(tmp_path / "s.csv", delimiter=";", header=False)
    assert (tmp_path / "s.csv").read_text().splitlines()[0] == "1;Lyon;9.50"
    assert db.read(tmp_path / "s.csv", delimiter=";", header=False).select(F.count()).item() == 4
    orders.filter(col("city").is_not_null()).write_parquet(tmp_path / "parts", partition_by=["city"])
    assert len(list((tmp_path / "parts").rglob("*.parquet"))) == 2


def test_into_tables(db, orders):
    db.sql("select :k as k, 'x' as v", k=1).into("kv")
    assert db.sql("select 2 as k, 'y' as v").into("kv", mode="append") == 1
    assert db.table("kv").sort("k").rows() == [(1, "x"), (2, "y")]
    with pytest.raises(weir.ProgrammingError):
        orders.into("kv")
    db.sql("select 3 as k").into("kv", mode="replace")
    assert db.table("kv").rows() == [(3,)]
    db.execute("create table keyed (k int primary key, v text, w int); insert into keyed values (1, 'a', 1), (2, 'b', 1)")
    db.sql("select 'c' as v, 2 as k union all select 'd', 4").into("keyed", mode="upsert", key="k")
    assert db.table("keyed").sort("k").rows() == [(1, "a", 1), (2, "c", 1), (4, "d", None)]
    with pytest.raises(weir.ProgrammingError):
        orders.into("keyed", mode="upsert")


def test_what_is_shown(orders, db):
    shown = repr(orders)
    assert "│ city" in shown and "decimal(10,2)" in shown and "NULL" in shown and shown.endswith("4 rows")
    assert repr(db.sql("from range(50)")).endswith("first 10 rows")
    assert "fails" in repr(db.sql("select nothing"))
    assert "&lt;b&gt;" in db.sql("select '<b>' as x")._repr_html_()


def test_tables_that_nobody_refers_to_go(db):
    for i in range(3):
        assert db.sql("select count(*) from t", t=db.sql("from range(5)")).item() == 5
        frame = db.from_arrow(db.sql("select 1 as a"))
        assert frame.item() == 1
        del frame
    db.sql("select 1").rows()
    assert db.tables() == [] or all("weir_data" not in name for name in db.tables())

"""PEP 249: the compliance test of PyPI (dbapi-compliance), and what it does not look at."""

import dbapi20
import pytest

import weir
from weir import dbapi


class TestCompliance(dbapi20.DatabaseAPI20Test):
    driver = dbapi
    connect_args = ()
    connect_kw_args = {}

    def setUp(self):
        self._tables = dbapi.connect()

    def _connect(self):
        """Tests connect again and expect their tables."""
        return dbapi.Connection(self._tables.weir.session())

    def tearDown(self):
        self._tables.close()

    def test_nextset(self):
        pytest.skip("optional: one statement gives one set of rows")

    def test_setoutputsize(self):
        self._connect().cursor().setoutputsize(1000)

    def test_callproc(self):
        pytest.skip("optional: there are no procedures")


def test_a_transaction_begins_by_itself():
    connection = dbapi.connect()
    cursor = connection.cursor()
    cursor.execute("create table t (a int)")
    connection.commit()
    cursor.execute("insert into t values (:a)", {"a": 1})
    assert cursor.rowcount == 1 and connection.weir.in_transaction
    connection.rollback()
    assert cursor.execute("select count(*) from t").fetchone() == (0,)
    with pytest.raises(dbapi.ProgrammingError), connection:
        cursor.execute("select nothing")
    with connection:
        cursor.executemany("insert into t values ($1)", [(1,), (2,), (3,)])
    assert cursor.rowcount == 3
    cursor.execute("select a from t order by a")
    assert [d[:2] for d in cursor.description] == [("a", "INTEGER")] and cursor.description[0][1] == dbapi.NUMBER
    assert cursor.fetchmany(2) == [(1,), (2,)] and cursor.rownumber == 2 and list(cursor) == [(3,)] and cursor.fetchall() == []
    connection.close()
    with pytest.raises(dbapi.InterfaceError):
        connection.cursor()


def test_autocommit_and_cursors_of_weir():
    connection = dbapi.connect(autocommit=True)
    connection.execute("create table t as select 1 as a")
    assert not connection.weir.in_transaction
    with connection.weir.cursor() as cursor:
        assert cursor.execute("from t").fetchall() == [(1,)]
        with pytest.raises(weir.InterfaceError):
            cursor.execute("insert into t values (2)").fetchone()
    with pytest.raises(weir.InterfaceError):
        cursor.execute("from t")


def test_many_rows_come_batch_by_batch():
    cursor = dbapi.connect().execute("select i from range(100000) r(i)")
    assert cursor.fetchone() == (0,)
    assert len(cursor.fetchmany(5000)) == 5000
    assert len(cursor.fetchall()) == 94999

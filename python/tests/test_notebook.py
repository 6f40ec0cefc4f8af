"""%sql, and tables by the names of variables."""

import pyarrow
import pytest

import weir

IPython = pytest.importorskip("IPython")
pytest.importorskip("IPython.testing.globalipapp")


@pytest.fixture
def shell():
    shell = IPython.testing.globalipapp.start_ipython() or IPython.get_ipython()
    shell.run_line_magic("load_ext", "weir")
    yield shell
    shell.reset(new_session=False)


def test_a_cell_of_sql_gives_a_frame(shell):
    assert shell.run_cell_magic("sql", "", "select 6 * 7 as a").rows() == [(42,)]
    assert shell.run_line_magic("sql", "select 1 as one").rows() == [(1,)]
    shell.user_ns.update(least=1, df=pyarrow.table({"i": [1, 2, 3]}))
    shell.run_cell_magic("sql", "kept <<", "select count(*) as n from df where i > :least;")
    assert shell.user_ns["kept"].item() == 2
    with weir.connect() as db:
        db.execute("create table only_here as select 5 as a")
        shell.user_ns["db"] = db
        assert shell.run_cell_magic("sql", "--connection db", "from only_here").rows() == [(5,)]
    with pytest.raises(weir.ProgrammingError):
        shell.run_cell_magic("sql", "--nothing", "select 1")


def test_variables_are_tables_in_a_notebook(shell):
    shell.user_ns.update(df=pyarrow.table({"i": [1, 2, 3]}), other=weir.sql("select 2 as i"), number=5)
    shell.run_cell("import weir; kept = weir.sql('select sum(i) from df join other using (i)')")
    assert shell.user_ns["kept"].item() == 2
    assert shell.run_line_magic("sql", "select sum(i) from df join other using (i)").item() == 2
    for name in ("number", "nothing_of_that_name"):
        with pytest.raises(weir.ProgrammingError):
            shell.run_line_magic("sql", f"from {name}").rows()

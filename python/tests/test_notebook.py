"""%sql, and tables by the names of variables."""

import IPython
import IPython.testing.globalipapp
import pyarrow
import pytest

import weir


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


def test_a_line_may_keep_its_frame_and_a_cell_show_its_plan(shell):
    shell.run_cell("%sql kept << select 5 as a")
    assert shell.user_ns["kept"].item() == 5
    plan = shell.run_cell_magic("sql", "--plan", "select 6 * 7 as a")
    assert isinstance(plan, str) and repr(plan) == str(plan)
    with weir.connect() as db:
        shell.user_ns["db"] = db
        db.execute("create table only_here as select 5 as a")
        shell.run_cell_magic("sql", "plan << --connection db --plan", "from only_here")
        assert "only_here" in shell.user_ns["plan"]
    with pytest.raises(weir.ProgrammingError, match="no connection"):
        shell.run_cell_magic("sql", "--connection nothing_such", "select 1")


def test_an_error_of_a_cell_is_shown_with_its_place_and_no_traceback(shell, capsys):
    for cell in ("%%sql\nselect nope from (select 1 as a)", "%%sql x <<\nselect nope from (select 1 as a)", "%sql select nope from (select 1 as a)"):
        shell.run_cell(cell)
        shown = capsys.readouterr().out
        assert "W1203" in shown and "^^^^" in shown and "Traceback" not in shown and "notebook.py" not in shown


def test_tab_completes_sql(shell):
    shell.user_ns.update(unrelated=1)
    weir.sql("create or replace table completed_here as select 1 as amount")
    cell = "%%sql\nselect amount\nfrom completed_h"
    with IPython.core.completer.provisionalcompleter():
        assert "completed_here" in [c.text for c in shell.Completer.completions(cell, len(cell))]
        assert [c.text for c in shell.Completer.completions("unrelat", 7)][:1] == ["unrelated"]
    weir.sql("drop table completed_here")

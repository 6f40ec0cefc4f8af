"""The prompt as a person uses it: weir in a pseudo terminal, keys in, screen out."""
import fcntl
import os
import pathlib
import pty
import select
import shutil
import struct
import sys
import tempfile
import termios
import time

WEIR = os.path.abspath(os.environ.get("WEIR", "build/weir"))
HOME = pathlib.Path(tempfile.mkdtemp(prefix="weir-repl-"))
failures = []


class Prompt:
    """weir at a terminal; type() sends a line and returns what was written until the next prompt."""

    def __init__(self, *args, wait="weir> ", term="dumb"):
        self.unread, self.bytes = "", b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(HOME)
            os.environ.update(TERM=term, XDG_STATE_HOME=str(HOME / "state"), NO_COLOR="1")
            os.environ.setdefault("EDITOR", "true")
            os.environ.pop("VISUAL", None)
            os.environ.pop("WEIR_HOME", None)
            os.execv(WEIR, ["weir", *args])
        if wait:
            self.read(wait)

    def read(self, wanted, seconds=20):
        """All output up to and with the wanted text."""
        end = time.time() + seconds
        while wanted not in self.unread:
            if time.time() > end:
                raise AssertionError(f"no {wanted!r} within {seconds} s, but {self.unread!r}")
            if not select.select([self.fd], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                piece = b""
            if not piece:
                raise AssertionError(f"weir ended; output {self.unread!r}")
            self.bytes += piece
            self.unread = self.bytes.decode(errors="ignore").replace("\r\n", "\n")
        cut = self.unread.index(wanted) + len(wanted)
        got, self.unread = self.unread[:cut], self.unread[cut:]
        self.bytes = self.unread.encode()
        return got

    def send(self, keys):
        os.write(self.fd, keys.encode())

    def type(self, line, until="weir> "):
        self.send(line + "\n")
        self.read(line[-5:])
        return self.read(until)

    def end(self, seconds=60):
        """Exit code once the terminal closes."""
        end, rest = time.time() + seconds, b""
        while time.time() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    rest += os.read(self.fd, 65536)
                except OSError:
                    pass
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        return f"none: still running; output {self.bytes + rest!r}"


def check(what, found, wanted):
    if wanted not in found:
        failures.append(f"{what}: no {wanted!r} in {found!r}")


def check_not(what, found, unwanted):
    if unwanted in found:
        failures.append(f"{what}: {unwanted!r} in {found!r}")


def statements():
    p = Prompt()
    p.send("select 1 as one,\n")
    p.read("  ... ")
    check("a statement over two lines", p.type("2 as two;"), "│       1 │       2 │")
    check("_ is the last result", p.type("select one + 41 as x from _;"), "42")
    check("_ of a query that used _", p.type("from _;"), "42")
    p.type("create table t as select 1 as a;")
    p.type("select a + 80 as kept from t;")
    p.type("update t set a = 2 where a = 1;")
    check("_ stays what was shown", p.type("from _;"), "81")
    p.type("begin;")
    p.type("select 'in a ' || 'block' as w;")
    p.type("rollback;")
    check("_ outlives a rollback", p.type("from _;"), "in a block")
    ordered = p.type("select i from range(1000000) r(i) order by i desc;") + p.type("select i as j from _;")
    check("_ keeps its order", ordered[ordered.index(" j "):], "│ 999999 │\n│ 999998 │")
    check("an error shows the place", p.type("selct 1;"), "^^^^^")
    check("the prompt goes on after an error", p.type("select 7 as seven;"), "seven")
    long = p.type("select i from range(100) r(i);")
    check("a long result has a head", long, "│      0 │")
    check("a long result has a tail", long, "│     99 │")
    check("a long result tells its size", long, "100 rows (40 shown)")
    check_not("a long result is cut", long, "│     50 │")
    p.send("\x15\x04")
    if p.end() != 0:
        failures.append("Ctrl-D does not leave with 0")


def commands():
    (HOME / "in.csv").write_text("a,b\n1,x\n2,y\n")
    (HOME / "run.sql").write_text("select 'from a file' as word;\n.mode csv\n")
    p = Prompt("in.csv")
    check(".tables", p.type(".tables"), "in")
    check("\\d", p.type("\\d in"), "BIGINT")
    check("a file given is a table", p.type("select sum(a) as s from \"in\";"), "3")
    check(".read", p.type(".read run.sql"), "from a file")
    check(".mode csv", p.type("select 1 as a, 2 as b;"), "a,b\n1,2\n")
    check(".headers off", p.type(".headers off") + p.type("select 1 as a, 2 as b;"), "\n1,2\n")
    p.type(".headers on")
    check(".nullvalue", p.type(".nullvalue nix") + p.type("select null as n;"), "nix")
    check("\\x", p.type("\\x") + p.type("select 5 as five;"), "five = 5")
    p.type("\\x")
    p.type(".mode csv")
    p.type(".once out.csv")
    check_not(".once takes the next result away", p.type("select 12345 as a;"), "\n12345")
    check(".once writes it", (HOME / "out.csv").read_text(), "12345")
    check("the result after it is shown", p.type("select 6789 as a;"), "6789")
    p.type(".output all.csv")
    p.type("select 1 as a;")
    p.type("select 2 as a;")
    p.type(".output")
    check(".output keeps all", (HOME / "all.csv").read_text(), "a\n1\na\n2\n")
    check(".timer", p.type(".timer on") + p.type("select 1;"), "time: ")
    p.type(".timer off")
    p.type(".import in.csv t")
    check(".import makes a table", p.type("select count(*) from t;"), "2")
    p.type(".import in.csv t")
    check(".import adds to it", p.type("select count(*) from t;"), "4")
    check(".schema", p.type(".schema t"), "CREATE TABLE t (a BIGINT, b VARCHAR);")
    p.type("\\copy t to 'copy.csv'")
    check("\\copy", (HOME / "copy.csv").read_text(), "1,x")
    check(".maxrows", p.type(".mode box") + p.type(".maxrows 4") + p.type("from range(10);"), "10 rows (4 shown)")
    check(".last shows all", p.type(".last"), "\n10 rows\n")
    check("\\df", p.type("\\df date_trunc"), "date_trunc")
    check(".help", p.type(".help"), ".maxrows N")
    check(".help TOPIC", p.type(".help date_trunc"), "Start of the unit")
    check("an unknown command", p.type(".tabels"), "did you mean .tables?")
    check(".open starts over", p.type(".open") + p.type("select * from t;"), "no table")
    p.type(".prompt 'sql: '", until="sql: ")
    p.send(".quit\n")
    if p.end() != 0:
        failures.append(".quit does not leave with 0")


def warnings():
    p = Prompt()
    p.type("create table t as select 1 as a;")
    check("DROP asks", p.type("drop table t;", until="[y/N] "), "drops")
    check("no means no", p.type("n"), "Nothing was done")
    check("the table is there", p.type("select count(*) as n from t;"), "│")
    check("DELETE without WHERE asks", p.type("delete from t;", until="[y/N] "), "all rows")
    check("yes means yes", p.type("y"), "DELETE 1")
    check("with WHERE it does not ask", p.type("delete from t where a = 1;"), "DELETE 0")
    p.send("\\q\n")
    p.end()


def interrupts():
    p = Prompt()
    p.send("select count(*) from range(1000000000000) r(i) where i % 7 = 8;\n")
    bar = p.read(" · mem ")  # it runs
    check("a long statement shows its progress", bar, " rows")
    p.send("\x03")
    check("Ctrl-C cancels the query", p.read("weir> "), "cancelled")
    check("and keeps the session", p.type("select 'still' || ' here' as w;"), "still here")
    p.send("half a line")
    p.read("half a line")
    p.send("\x03")
    check("Ctrl-C drops a line", p.read("weir> "), "Ctrl-C once more")
    p.send("\x03")
    if p.end() != 0:
        failures.append("the second Ctrl-C within two seconds does not leave")


def large():
    p = Prompt("--memory", "200MB")
    p.type("select 'kept' as w;")
    p.type(".mode none")
    p.type("select repeat('x', 1000) || i as w from range(100000) r(i);")
    p.type(".mode box")
    check("a result too large says so", p.type("from _;"), "too large to be kept")
    p.type("select 'small' || ' again' as w;")
    check("the next one is kept", p.type("from _;"), "small again")
    p.send("\\q\n")
    p.end()


def keys_ahead():
    """Keys pressed while a statement runs reach the next prompt as they are."""
    slow = "select count(*) as slow from range(60000000) r(i) where i % 7 = 8;\n"
    p = Prompt()
    p.send(slow + "select 'ahead' || ' of time' as w;\n")
    check("a statement typed ahead runs", p.read("ahead of time"), "slow")
    p.read("weir> ")
    p.send(slow.replace("60000000", "1200000000"))
    p.read(" · mem ")  # it runs
    if termios.tcgetattr(p.fd)[3] & termios.ICANON:
        failures.append("whole lines are collected while a statement runs")
    p.send("\x04")
    check("Ctrl-D while a statement runs leaves after it", f"exit code {p.end()}", "exit code 0")


def modes():
    """The modes of the terminal come back: weir ends, and an editor runs."""
    p = Prompt()
    flags = termios.tcgetattr(p.fd)[3]
    if flags & termios.ICANON:
        failures.append("the prompt collects whole lines")
    (HOME / "modes.sh").write_text("#!/bin/sh\nstty -a | tr ' ;' '\\n\\n' | grep -x -e icanon -e echo > modes.txt\n")
    (HOME / "modes.sh").chmod(0o755)
    p.send("\\q\n")
    again = os.dup(p.fd)
    p.end()
    if not termios.tcgetattr(again)[3] & termios.ICANON:
        failures.append("the modes of the terminal are not restored at the end")
    os.close(again)
    os.environ["EDITOR"] = str(HOME / "modes.sh")
    p = Prompt()
    p.type(".edit")
    check("an editor gets whole lines and an echo", (HOME / "modes.txt").read_text(), "icanon")
    p.send("\\q\n")
    p.end()
    os.environ["EDITOR"] = "true"


def end_of_input():
    """Ctrl-D leaves, whatever happens just before it: no key is lost between two modes of the terminal."""
    late = [0, 0.0005, 0.002, 0.005, 0.01, 0.02, 0.04]
    slow = "select count(*) from range(1000000000000) r(i) where i % 7 = 8;\n"
    cases = {
        "while weir starts": (None, "", "\x04"),
        "with a statement typed while weir starts": (None, "select 1;\n", "\x04"),
        "at the prompt": ("weir> ", "", "\x04"),
        "behind Ctrl-C": ("weir> ", "", "\x03\x04"),
        "behind a line dropped": ("weir> ", "some", " text\x03\x04"),
        "behind a line erased": ("weir> ", "some", " text\x15\x04"),
        "behind statements": ("weir> ", "select 1;\nselect 2;\n", "select 3;\n\x04"),
        "behind a cancelled one": ("weir> ", slow, "\x03\x04"),
    }
    for name, (wait, first, then) in cases.items():
        for pause in late:
            p = Prompt(wait=wait)
            p.send(first)
            time.sleep(pause)
            p.send(then)
            code = p.end(10)
            if code != 0:
                failures.append(f"Ctrl-D {name}, after {pause} s: exit code {code}")
                break


def comments():
    p = Prompt()
    p.type("create table orders(a int); create table ord2(b int); create table other(c int);")
    check_not("no comments, nothing of them", p.type("\\d orders"), "comment on")
    p.type("comment on table orders is 'what was bought'; comment on column orders.a is 'how much';")
    found = p.type("\\d orders")
    check("\\d tells the comment of a table", found, "what was bought")
    check("\\d tells the comment of a column", found, "how much")
    found = p.type(".schema ord%")
    check(".schema PATTERN", found, "CREATE TABLE ord2 (b INTEGER);\nCREATE TABLE orders (a INTEGER);")
    check_not(".schema PATTERN leaves out others", found, "other")
    check(".explain", p.type(".explain select a from orders"), "scan")
    check("a file format is no mode", p.type(".mode parquet"), "COPY (SELECT ...) TO 'name.parquet'")
    p.type("select 41 + 1 as answer;")
    p.send("\\watch 0.1\n")
    for _ in range(3):
        p.read("42")
    p.send("\x03")
    p.read("weir> ")
    check("Ctrl-C ends \\watch and no more", p.type("select 'still' || ' here' as w;"), "still here")
    p.send("\x04")
    p.end()


def pager():
    os.environ["PAGER"] = "tail -n 2"
    p = Prompt(term="xterm")
    fcntl.ioctl(p.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 80, 0, 0))
    check_not("a long result goes through the pager", p.type("from range(30);"), " 15 ")
    check("a short one does not", p.type("select 15 as fifteen;"), "fifteen")
    p.type(".pager off")
    check("nor any without it", p.type("from range(30);"), " 15 ")
    p.send("\x04")
    check("the pager leaves the terminal as it was", f"exit code {p.end()}", "exit code 0")
    del os.environ["PAGER"]


def progress():
    """The bar stays out of the rows, and a long statement leaves a line that tells what it did."""
    p = Prompt("-o", "csv", "--threads", "1")
    slow = "select i from range(250000000) r(i) where i % 100000007 = 100000005 or hash(i) = 1;"
    p.send(slow + "\n")
    check("a bar until the first row", p.read("\n100000005", 60), " · mem ")
    check("rows begin their lines", p.read("weir> ", 60), "\n200000012\n")
    p.send(".mode box\n" + slow.replace("select i", "select count(*)") + "\n")
    started = time.time()
    found = p.read("1 row", 60)
    if time.time() - started > 3:  # a fast machine has no such line
        check("what a statement of two seconds did", found, " s\n")
    p.read("weir> ")
    p.send("\x04")
    p.end()


def letters():
    """The editor knows letters of every language and moves over them."""
    p = Prompt()
    check("letters beyond ASCII", p.type("select 'é日本😀' || length('é日本😀') as w;"), "é日本😀4")
    p.send("select '日本")
    p.read("本")
    p.send("\x7f' || 'x' as w;\n")
    check("one key erases one letter", p.read("1 row"), "│ 日x ")
    p.send("\x04")
    p.end()


def completion():
    p = Prompt()
    p.type("create table customers(customer_number int);")
    p.send("select * from custo\t")
    check("a table after FROM", p.read("customers", 5), "customers")
    p.send("\x15select customer_n\t")
    check("a column", p.read("customer_number", 5), "customer_number")
    p.send("\x15set statement_t\t")
    check("a setting after SET", p.read("statement_timeout", 5), "statement_timeout")
    p.send("\x15.maxr\t")
    check("a command", p.read("ows", 5), "ows")
    p.send("\x15select * from 'in.c\t")
    check("a file in quotes", p.read("in.csv", 5), "in.csv")
    p.send("\x15\x04")
    p.end()


def history():
    p = Prompt()
    p.type("select 'remembered' as w;")
    p.type("select 'my password' as w;")
    p.send("\x04")
    p.end()
    path = HOME / "state" / "weir" / "history"
    check("history", path.read_text(), "remembered")
    check_not("secrets stay out", path.read_text(), "password")
    if path.stat().st_mode & 0o077:
        failures.append("others may read the history")
    p = Prompt()
    p.send("\x1b[A")
    check("the last statement comes back", p.read("remembered", 5), "remembered")
    p.send("\x15\x04")
    p.end()


try:
    for part in (statements, commands, warnings, interrupts, large, keys_ahead, modes, end_of_input, comments, pager, progress, letters, completion, history):
        try:
            part()
        except AssertionError as error:
            failures.append(f"{part.__name__}: {error}")
finally:
    shutil.rmtree(HOME, ignore_errors=True)
for failure in failures:
    print(failure)
sys.exit(1 if failures else 0)

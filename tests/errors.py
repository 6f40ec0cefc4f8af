"""Snapshots of errors as users see them: tests/errors/*.txt.

A file holds cases separated by lines of "====": the statements (each ended by ;), a line "----", and the exact text that
weir -c prints on stderr for the last of them. A line "fix: SQL" must run in place of that statement; it is a whole
statement, or a call such as read_csv(..) that belongs behind FROM, of which the first alternative is tried.
"""
import re
import subprocess


def cases(path):
    for number, block in enumerate(path.read_text().split("\n====\n"), 1):
        sql, _, expected = block.partition("\n----\n")
        yield number, sql.strip("\n"), expected.strip("\n")


def run_weir(weir, sql):
    return subprocess.run([weir, "--color", "never", "-c", sql], capture_output=True, text=True, timeout=300, cwd="tests/errors")


VERBS = "commit select from with insert create drop update delete alter begin rollback set show describe copy values explain"


def statement_of(fix):
    """What to run for a fix; None if it is neither a statement nor a call that reads files."""
    if fix.split(" ")[0].lower() in VERBS.split():
        return fix
    call = re.match(r"read_\w+\(.*?\)(?=   |$)", fix)
    return "from " + call[0] if call else None


def run_file(path, weir):
    weir = weir if weir.startswith("/") else f"../../{weir}"
    count, failures = 0, []
    for number, sql, expected in cases(path):
        count += 1
        done = run_weir(weir, sql)
        got = done.stderr.strip("\n")
        if got != expected:
            failures.append(f"{path.name} case {number}: {sql}\n  got\n{got}\n  not\n{expected}")
            continue
        fix = re.search(r"^  fix: (.*)$", got, re.M)
        if not fix:
            continue
        statement = statement_of(fix[1])
        if not statement:
            failures.append(f"{path.name} case {number}: the fix is nothing to paste: {fix[1]}")
            continue
        before = sql.rstrip().rstrip(";").rsplit(";", 1)
        fixed = (before[0] + ";\n" if len(before) > 1 else "") + statement
        retry = run_weir(weir, fixed)
        if retry.returncode != 0:
            failures.append(f"{path.name} case {number}: the fix does not run: {statement}\n{retry.stderr}")
    return count, failures

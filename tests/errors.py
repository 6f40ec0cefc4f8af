"""Snapshots of errors as users see them: tests/errors/*.txt.

A file holds cases separated by lines of "====": the statements (each ended by ;), a line "----", and the exact text that
weir -c prints on stderr for the last of them. When the message offers a line "fix: SQL" that is a whole statement, the
case is checked further: the fix must run.
"""
import re
import subprocess


def cases(path):
    for number, block in enumerate(path.read_text().split("\n====\n"), 1):
        sql, _, expected = block.partition("\n----\n")
        yield number, sql.strip("\n"), expected.strip("\n")


def run_weir(weir, sql):
    return subprocess.run([weir, "--color", "never", "-c", sql], capture_output=True, text=True, timeout=300, cwd="tests/errors")


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
        fix = re.search(r"^  fix: ((?:select|from|insert|create|drop|update|delete|begin|rollback)\b.*)$", got, re.M | re.I)
        if not fix:
            continue
        before = sql.rstrip().rstrip(";").rsplit(";", 1)
        fixed = (before[0] + ";\n" if len(before) > 1 else "") + fix[1]
        retry = run_weir(weir, fixed)
        if retry.returncode != 0:
            failures.append(f"{path.name} case {number}: the fix does not run: {fix[1]}\n{retry.stderr}")
    return count, failures

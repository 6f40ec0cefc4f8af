"""A small sqllogictest runner over the jsonl protocol.

Records: `statement ok`, `statement error [code or words]`, `query [sort]` with expected rows behind `----`, columns separated
by " | " (NULL, text as it is). `sort`: rows compared as sets. Lines with # are comments; a blank line ends a record.
"""
import json
import select
import subprocess


class Engine:
    """weir --stdio jsonl as a child; ask(sql) -> reply."""

    def __init__(self, command, timeout=300):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.timeout = timeout

    def ask(self, sql, conn=""):
        self.process.stdin.write(json.dumps({"id": 1, "sql": sql, "conn": conn}) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], self.timeout)[0]:
            self.process.kill()
            raise RuntimeError(f"no answer within {self.timeout} s: {sql}")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the engine died (exit {self.process.wait()}): {sql}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise RuntimeError(f"exit code {self.process.returncode}")


def text(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def records(path):
    """(line number, words of the first line, SQL, expected rows)"""
    block, start = [], 0
    for number, line in enumerate(path.read_text().splitlines() + [""], 1):
        if line.startswith("#"):
            continue
        if line.strip():
            if not block:
                start = number
            block.append(line)
        elif block:
            body = block[1:]
            cut = body.index("----") if "----" in body else len(body)
            yield start, block[0].split(), "\n".join(body[:cut]), body[cut + 1:]
            block = []


def check(kind, sql, expected, reply):
    """None if right, else what is wrong."""
    if kind[0] == "statement" and kind[1] == "error":
        if reply["ok"]:
            return "succeeded, but an error was expected"
        wanted = " ".join(kind[2:])
        error = reply["error"]
        found = f"{error['code']} {error['sqlstate']} {error['message']}"
        return None if wanted in found else f"error is \"{found}\", not \"{wanted}\""
    if not reply["ok"]:
        return f"{reply['error']['code']} {reply['error']['message']}"
    if kind[0] == "statement":
        return None
    rows = [" | ".join(text(v) for v in row) for row in reply["rows"]]
    want = [line.rstrip() for line in expected]
    if len(kind) > 1 and kind[1] == "sort":
        rows, want = sorted(rows), sorted(want)
    rows = [row.rstrip() for row in rows]
    return None if rows == want else "got\n    " + "\n    ".join(rows[:30]) + "\n  not\n    " + "\n    ".join(want[:30])


def run_file(path, command):
    """(number of records, failures)"""
    engine = Engine(command)
    count, failures = 0, []
    for line, kind, sql, expected in records(path):
        count += 1
        conn = ""
        if kind[0] == "on":
            conn, kind = kind[1], kind[2:]
        wrong = check(kind, sql, expected, engine.ask(sql, conn))
        if wrong:
            failures.append(f"{path.name}:{line}: {sql}\n  {wrong}")
    engine.close()
    return count, failures

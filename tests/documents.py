"""Runs what the documents tell a user to type, as it stands there.

From README.md, CONTRIBUTING.md, docs/ and the README.md of folders of src/: every block marked sh or sql, every line
"example: weir ..", and on the pages for users every inline `build/weir ..`, `weir ..`, `make ..` and `bench/..py ..`.
Commands run in a folder of their own that has build/weir, weir on the PATH, the examples and a few files with the names
the documents use; /tmp/ in a command is that folder. What cannot run inside a test is in NOT_RUN with the reason; a row
there that no document needs any more is an error, as is a block without a language that the engine did not write.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent
WEIR = str((ROOT / os.environ.get("WEIR", "build/weir")).absolute())
GENERATED = "<!-- written by tools/write_reference.py"

# Command: why a test cannot run it. "make" targets must exist all the same.
NOT_RUN = {
    "make demo": "builds again; examples/demo.sh is run instead",
    "make test": "is what runs this test",
    "make check": "builds again, and takes a minute",
    "make asan-test": "builds again, with sanitizers",
    "make python-asan": "builds again, with sanitizers",
    "make fuzz": "builds again, with another compiler",
    "make docs": "writes the reference pages; make check compares them",
    "bench/tpch/run.py --sf 1 --peer duckdb": "makes its data and installs a peer, for minutes",
    "build/weir": "a prompt; tests/cli/repl.sh types at it",
    "build/weir a.csv b.parquet": "a prompt; tests/cli/commands.sh opens files",
}
# Beginnings of inline code that is a command.
COMMAND = re.compile(r"build/weir(?= |$)|(weir|make|bench/\S+\.py) ")


def pages():
    yield ROOT / "README.md"
    yield ROOT / "CONTRIBUTING.md"
    yield from sorted((ROOT / "docs").rglob("*.md"))
    yield from sorted((ROOT / "src").glob("**/README.md"))


def blocks(text):
    """(language, content) of fenced blocks, and the text around them."""
    found = []

    def keep(match):
        found.append((match[1].strip(), match[2]))
        return ""

    rest = re.sub(r"^```([^\n]*)\n(.*?)^```$", keep, text, flags=re.M | re.S)
    return found, rest


def commands_of(block):
    """Lines of a shell block, joined where one is not a whole command."""
    command = ""
    for line in block.splitlines():
        command = f"{command}\n{line}" if command else line
        whole = subprocess.run(["sh", "-nc", command], capture_output=True).returncode == 0
        if whole and not line.endswith("\\"):
            if command.strip() and not command.lstrip().startswith("#"):
                yield command
            command = ""
    if command:
        yield command


def typed(page):
    """(kind, text) of everything on a page that a user might type."""
    text = page.read_text()
    generated = GENERATED in text
    found, rest = blocks(text)
    for language, content in found:
        if language in ("sh", "bash", "shell", "console"):
            for command in commands_of(content):
                yield "sh", re.sub(r"\s+# .*$", "", command)
        elif language == "sql":
            yield "sql", content
        elif not language and not generated:
            yield "unmarked", content
        for example in re.findall(r"^example: (.*)$", content, re.M):
            yield "sh", example
    is_for_users = page.parent in (ROOT, ROOT / "docs", ROOT / "docs/reference")
    for code in re.findall(r"`([^`\n]+)`", rest):
        if is_for_users and COMMAND.match(code):
            yield "sh", code


def prepare(folder):
    (folder / "build").mkdir()
    (folder / "bin").mkdir()
    for link, target in (("build/weir", WEIR), ("bin/weir", WEIR), ("examples", ROOT / "examples")):
        (folder / link).symlink_to(target)
    (folder / "orders.csv").write_text("day,city,amount\n2024-01-02,Rome,3.5\n2024-01-01,Oslo,-1\n")
    made = "COPY (FROM 'orders.csv') TO 'orders.parquet'"
    subprocess.run([WEIR, "-c", made], cwd=folder, check=True)


def make_targets():
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))


def complaint(kind, text, folder, unused, targets):
    """What is wrong with it, or None."""
    if kind == "unmarked":
        return "a block without a language"
    if kind == "sql":
        done = subprocess.run([WEIR, "-f", "-"], input=text, cwd=folder, capture_output=True, text=True, timeout=300)
        return done.stderr if done.returncode else None
    if text.startswith("make ") and text.split()[1] not in targets:
        return "no such target"
    if text.startswith("bench/") and not (ROOT / text.split()[0]).exists():
        return "no such file"
    if text in NOT_RUN:
        unused.discard(text)
        return None
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder)}
    command = text.replace("/tmp/", f"{folder}/")
    done = subprocess.run(["bash", "-ec", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=300)
    return done.stderr or "fails" if done.returncode else None


def main():
    count, failures, unused = 0, [], set(NOT_RUN)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prepare(folder)
        targets = make_targets()
        for page in pages():
            for kind, text in typed(page):
                count += 1
                bad = complaint(kind, text, folder, unused, targets)
                if bad:
                    failures.append(f"{page.relative_to(ROOT)}: {text}\n{bad}")
        demo = subprocess.run(["sh", str(ROOT / "examples/demo.sh")], env={**os.environ, "WEIR": WEIR},
                              capture_output=True, text=True, timeout=300)
        if demo.returncode or demo.stderr.count("time: ") < 5:
            failures.append(f"examples/demo.sh fails or shows nothing\n{demo.stderr}")
    failures += [f"NOT_RUN has \"{command}\", which no document mentions" for command in sorted(unused)]
    if count < 20:
        failures.append(f"only {count} commands were found")
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

"""What the tests of tracked runs share: a folder of their own with its WEIR_HOME, commands in it, and counting what is wrong."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

WEIR = str(pathlib.Path(os.environ.get("WEIR", "build/weir")).absolute())


class Workspace:
    def __init__(self):
        self._kept = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self._kept.name)
        self.home = self.folder / "home"
        self.failures = 0
        (self.folder / "orders.csv").write_text("city,amount\nRome,3\nOslo,4\nRome,5\n")

    def weir(self, *arguments, **environment):
        return subprocess.run([WEIR, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60,
                              env={**os.environ, "WEIR_HOME": str(self.home), **environment})

    def start(self, *arguments):
        """The same, running; what it prints is in its stdout."""
        return subprocess.Popen([WEIR, *arguments], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                env={**os.environ, "WEIR_HOME": str(self.home)})

    def until(self, what, happens, seconds=20):
        for _ in range(seconds * 20):
            if happens():
                return
            time.sleep(0.05)
        self.same(f"{what} in {seconds} s", False, True)

    def json(self, *arguments, code=0, **environment):
        """The one document on the standard output."""
        done = self.weir(*arguments, **environment)
        self.same(f"exit code of {arguments}: {done.stderr}", done.returncode, code)
        try:
            reply = json.loads(done.stdout)
        except json.JSONDecodeError:
            self.same(f"one JSON document of {arguments}", done.stdout, "JSON")
            return {}
        self.same(f"ok of {arguments}", reply.get("ok", True), code == 0)
        return reply

    def save(self, sql, *arguments, code=0, **environment):
        return self.json("query", sql, *arguments, "--save", "--json", code=code, **environment)

    def same(self, what, got, wanted):
        if got != wanted:
            self.failures += 1
            print(f"{what}\n  is {got!r}\n  not {wanted!r}")

    def true(self, what, value):
        self.same(what, bool(value), True)

    def names(self, *arguments):
        return [run["run_name"] for run in self.json("runs", "ls", "--json", *arguments)["runs"]]

    def end(self):
        self._kept.cleanup()
        sys.exit(self.failures > 0)

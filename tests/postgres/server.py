"""A real PostgreSQL server for tests, of Debian's package, with its data in a folder of its own.

    with Server() as server: server.url("db"), server.stop(), server.start(), server.sql("SELECT 1")

Listens on a random port of this machine (users need passwords there) and on a socket in its folder (they need none).
PostgreSQL refuses to run as root: then it runs as the user postgres or nobody. Unavailable is raised with the reason where
the package is not installed. Run as a program it starts a server and stops it at the end of its input.
"""
import ctypes
import getpass
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

USER, PASSWORD = "weir", "sesame-4711"
START_SECONDS = 60


class Unavailable(Exception):
    """There is no server to be had here; the text says why."""


def programs():
    """The folder of initdb, postgres and pg_ctl: the newest of Debian's, or what is in the PATH."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parent.parent.name))
    if found:
        return found[-1].parent
    if shutil.which("initdb") and shutil.which("postgres"):
        return pathlib.Path(shutil.which("initdb")).parent
    raise Unavailable("no PostgreSQL server to run (tools/setup.sh servers, or apt-get install postgresql)")


def user_to_run_as():
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Unavailable("PostgreSQL does not run as root, and there is no user postgres or nobody")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Server:
    def __init__(self, *settings):
        """settings: lines of postgresql.conf."""
        self.programs, self.account = programs(), user_to_run_as()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-pg-", dir="/tmp"))  # names of sockets are short
        self.data, self.port, self.process = self.folder / "data", free_port(), None
        self.superuser = self.account.pw_name if self.account else getpass.getuser()
        if self.account:
            os.chown(self.folder, self.account.pw_uid, self.account.pw_gid)
            self.folder.chmod(0o755)
        try:
            self.run("initdb", "-D", self.data, "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
            with open(self.data / "postgresql.conf", "a") as conf:
                conf.write(f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = '{self.folder}'\n"
                           "max_connections = 50\nshared_buffers = 64MB\nlog_min_messages = warning\n"
                           + "".join(f"{line}\n" for line in settings))
            (self.data / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
            self.start()
            self.sql(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
            self.create("states")
        except BaseException:
            self.close()
            raise

    def run(self, program, *arguments, **more):
        user = {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []} if self.account else {}
        done = subprocess.run([str(self.programs / program), *map(str, arguments)], capture_output=True, text=True,
                              cwd=self.folder, timeout=120, **user, **more)
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")
        return done.stdout

    def create(self, database):
        self.sql(f"CREATE DATABASE {database} OWNER {USER}")

    def start(self):
        user = {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []} if self.account else {}
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen([str(self.programs / "postgres"), "-D", str(self.data)], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, cwd=self.folder, preexec_fn=die_with_parent, **user)
        until = time.monotonic() + START_SECONDS
        while subprocess.run([str(self.programs / "pg_isready"), "-h", str(self.folder), "-p", str(self.port), "-U", self.superuser,
                              "-d", "postgres", "-q"]).returncode:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the server does not start: " + (self.folder / "log").read_text()[-2000:])
            time.sleep(0.05)

    def stop(self, how=signal.SIGINT):
        """SIGINT: at once, in order; SIGQUIT: at once, as in a crash."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def sql(self, text, database="postgres"):
        """Rows as lists of texts, by the superuser."""
        out = self.run("psql", "-h", self.folder, "-p", self.port, "-U", self.superuser, "-d", database, "-X", "-q", "-A", "-t",
                       "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-c", text)
        return [line.split("\x1f") for line in out.splitlines()]

    def url(self, database="states", user=USER, more=""):
        """Of places of states, over the socket."""
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}{more}"

    def tcp_url(self, database="states", user=USER, password=None, more=""):
        login = f"{user}:{password}" if password else user
        return f"postgresql://{login}@127.0.0.1:{self.port}/{database}{more}"

    def log(self):
        return (self.folder / "log").read_text()

    def close(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def main():
    with Server() as server:
        print(server.url(), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

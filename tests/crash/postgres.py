#!/usr/bin/env python3
"""streams.py with the state in a real PostgreSQL server: killed on one of several machines (each with a cache of its own, which
may be gone the next time), while the server ends sessions now and then, and now and then crashes.

  postgres.py WEIR [KILLS] [SEED]

Last line: N passed, N failed. Ends with 77 where there is no server to be had.
"""
import pathlib
import random
import shutil
import signal
import sys
import threading
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "postgres"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import server as servers
import streams

MACHINES = 3
quiet = threading.Lock()  # held: the server is left alone
disturbances = {"sessions ended": 0, "server crashed": 0}


class Place(streams.Place):
    server, dice = None, random.Random(0)

    def command(self, weir, *flags):
        machine = self.base / f"machine{self.dice.randrange(MACHINES)}"
        if self.dice.random() < 0.2:
            shutil.rmtree(machine, ignore_errors=True)
        schema = f"s{zlib.crc32(str(self.base).encode())}"
        place = self.server.url(more=f"&schema={schema}&cache={machine}")
        return [weir, "run", str(self.base / "q.sql"), "--state", place, *flags]


def disturb(server, dice, is_over):
    while not is_over.wait(dice.uniform(0.1, 1)):
        with quiet:
            if dice.random() < 0.05:
                server.stop(signal.SIGQUIT)
                server.start()
                disturbances["server crashed"] += 1
            else:
                server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'weir'")
                disturbances["sessions ended"] += 1


def main():
    words = [a for a in sys.argv[1:] if not a.startswith("-")]
    Place.dice = dice = random.Random(int(words[2]) if len(words) > 2 else 1)
    try:
        Place.server = server = servers.Server("fsync = off")  # a crash of the server is not one of the machine
    except servers.Unavailable as error:
        print(error)
        sys.exit(77)
    streams.Place = Place
    streams.STATE += [point for point in streams.POINTS if point.startswith("remote_")]
    streams.EXCUSES += [r"error\[W3120\]"]  # what cannot connect when it starts ends
    run_to_end = streams.run_to_end

    def run_quietly(*args):
        with quiet:
            return run_to_end(*args)

    streams.run_to_end = run_quietly
    is_over = threading.Event()
    disturber = threading.Thread(target=disturb, args=(server, dice, is_over), daemon=True)
    disturber.start()
    try:
        streams.main()
    finally:
        is_over.set()
        disturber.join()
        server.close()
        print(f"beside kills: {disturbances}", file=sys.stderr)


if __name__ == "__main__":
    main()

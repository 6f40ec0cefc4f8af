"""Queries over streams that are started, awaited and stopped."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from typing import TYPE_CHECKING, Any

from weir import stream
from weir.compat.velaria.realtime import RealtimeStreamSink, RealtimeStreamSource
from weir.errors import Error, InterfaceError

if TYPE_CHECKING:
    from weir.compat.velaria.session import Options, Session

_SOURCES = re.compile(r"^ +\d+\. source (\S+) \[(\w+)\]", re.MULTILINE)


class Held:
    """The batches of create_stream_from_arrow, brought to its source batch by batch for the query that reads them."""

    def __init__(self, source: stream.Source, batches: list[Any]) -> None:
        self.source = source
        self.batches = batches
        self.reader = threading.Lock()


class StreamingQuery:
    """A query that fills a sink. start(), then await_termination() until its source ends, or stop().

    Batches of create_stream_from_arrow flow within await_termination, one round of the query each; everything else flows
    from start() on, on threads of the engine.
    """

    def __init__(self, session: Session, sql: str, options: Options) -> None:
        self._session = session
        self._sql = sql
        self._options = options
        self._stream: stream.Stream | None = None
        self._held: list[Held] = []
        self._realtime: list[RealtimeStreamSource] = []
        self._has_others = False
        self._sink: RealtimeStreamSink | None = None
        self._asked = False
        self._running = False
        self._last: str | None = None
        self._over = threading.Event()
        self._lock = threading.RLock()
        session._when_typed(sql, self._open)

    # ---- life

    def _open(self) -> None:
        with self._lock:
            if self._over.is_set():
                return
            self._stream = self._session._stream(self._sql, self._options)
            for name, connector in _SOURCES.findall(self._stream.explain()):
                found = self._session._brought.get(name) if connector == "push" else None
                if isinstance(found, Held):
                    self._held.append(found)
                elif found is not None:
                    self._realtime.append(found)
                self._has_others |= not isinstance(found, Held)
            if self._asked and not self._held:
                self._run()

    def start(self) -> None:
        """Lets it run. InterfaceError if it has ended."""
        with self._lock:
            if self._over.is_set():
                raise InterfaceError("the query has ended", hint="make another one")
            self._asked = True
            if self._stream is not None and not self._held and not self._running:
                self._run()

    def _run(self) -> None:
        assert self._stream is not None
        self._stream.start()
        self._running = True
        for source in self._realtime:
            source._is_read()

    def await_termination(self, max_batches: int = 0) -> int:
        """Waits until its sources end, it is stopped, or so many batches are done (0: no limit), and ends it then.

        Returns how many batches were done. Raises what went wrong with it.
        """
        if not self._asked:
            raise InterfaceError("the query was not started", hint="start()")
        try:
            while self._stream is None and not self._over.wait(0.01):
                pass  # its source has had no rows yet
            with contextlib.ExitStack() as reading:
                done = self._bring(reading, max_batches) if self._held else 0
                if self._has_others and not (max_batches and done >= max_batches):
                    done = max(done, self._wait(max_batches))
        finally:
            self.stop()
        return done

    def _bring(self, reading: contextlib.ExitStack, max_batches: int) -> int:
        for held in self._held:
            if not held.reader.acquire(blocking=False):
                raise InterfaceError("another query reads this stream", hint="await its end, or make the stream twice")
            reading.callback(held.reader.release)
        with self._lock:
            if self._over.is_set():
                return 0
            if not self._running:
                self._run()
        assert self._stream is not None
        done = 0
        for held in self._held:
            for number, batch in enumerate(held.batches, 1):
                if self._over.is_set() or (max_batches and done >= max_batches):
                    return done
                # With a state, the same number is always the same batch: those that were committed are left out.
                given = number if self._options.checkpoint_path else 0
                while not held.source.push(batch, number=given, timeout=0.1):
                    if self._stream.progress["status"] in ("failed", "stopped"):
                        self._stream.wait()
                        return done
                self._stream.await_idle()
                done += 1
        return done

    def _wait(self, max_batches: int) -> int:
        while not self._over.is_set():
            if self._stream is None or not self._running:
                self._over.wait(0.01)
            elif self._stream.wait(0.01):
                break
            elif max_batches and self._done() >= max_batches:
                self._stream.await_idle(1)
                break
        return self._done()

    def _done(self) -> int:
        return int(self.progress().get("batches_processed", 0))

    def stop(self) -> None:
        """Ends it, with what it has read committed. Twice is well."""
        with self._lock:
            if self._over.is_set():
                return
            self._over.set()
            if self._stream is None:
                self._close_sink()
                return
            if self._running:
                with contextlib.suppress(Error):  # was raised by await_termination
                    self._stream.stop()
            self._last = json.dumps(self._stream.snapshot)
            self._stream.close()
            self._close_sink()

    def _close_sink(self) -> None:
        if self._sink is not None:
            self._sink._over.set()

    # ---- looking at it

    def progress(self) -> dict[str, Any]:
        """What it has done: the fields of Velaria's snapshot, measured, and weir's own behind them."""
        out: dict[str, Any] = json.loads(self.snapshot_json())
        return out

    def snapshot_json(self) -> str:
        """The same as JSON; only {"status": "created"} while the types of a realtime source are not known."""
        with self._lock:
            if self._last is not None:
                return self._last
            if self._stream is None:
                return json.dumps({"status": "stopped" if self._over.is_set() else "created"})
            return json.dumps(self._stream.snapshot)

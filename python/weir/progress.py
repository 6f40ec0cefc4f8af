"""Telling how far a statement is while it runs: a callback, or a bar of tqdm, or a line on stderr."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypedDict

from weir._weir import Result

FIRST_SECONDS = 0.5
EVERY_SECONDS = 0.1


class Progress(TypedDict):
    """fraction: 0 to 1, None if not known. rows, bytes: read so far; _total: 0 if not known. memory: bytes held,
    spilled: bytes written to temporary files. elapsed: seconds."""

    fraction: float | None
    rows: int
    bytes: int
    rows_total: int
    bytes_total: int
    memory: int
    spilled: int
    elapsed: float
    phase: str


Callback = Callable[[Progress], Any]


class Watch:
    """A result while it is consumed. A thread calls the callback now and then, if there is one; what the callback
    raises cancels the statement and is raised in its place. Closes the result at the end."""

    def __init__(self, result: Result, callback: Callback | None) -> None:
        self._result = result
        self._callback = callback
        self._over = threading.Event()
        self._raised: BaseException | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Result:
        if self._callback is not None:
            self._thread = threading.Thread(target=self._tell, args=(self._callback,), daemon=True)
            self._thread.start()
        return self._result

    def _tell(self, callback: Callback) -> None:
        wait = FIRST_SECONDS
        while not self._over.wait(wait):
            wait = EVERY_SECONDS
            try:
                callback(self._result.progress())
            except BaseException as raised:  # handed to the thread that runs the statement
                self._raised = raised
                self._result.cancel()
                return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            finish = getattr(self._callback, "finish", None)
            if finish:
                finish()
        self._result.close()
        if self._raised is not None:
            raise self._raised from None


class Bar:
    """The callback of progress(True): tqdm's bar (a widget in notebooks) if tqdm is there, else a line on stderr."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._has_line = False

    def __call__(self, progress: Progress) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            self._line(progress)
            return
        if self._bar is None:
            self._bar = tqdm(total=100, unit="%", leave=False)
        self._bar.n = round((progress["fraction"] or 0) * 100)
        self._bar.set_description(f"{progress['phase']} · {progress['rows']:,} rows")
        self._bar.refresh()

    def _line(self, progress: Progress) -> None:
        share = "" if progress["fraction"] is None else f"{progress['fraction']:4.0%} "
        print(f"\r{share}{progress['rows']:,} rows · {progress['elapsed']:.1f} s \033[K", end="", file=sys.stderr, flush=True)
        self._has_line = True

    def finish(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if self._has_line:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
            self._has_line = False

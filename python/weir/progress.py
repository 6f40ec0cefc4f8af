"""Telling how far a statement is while it runs: a callback, or a bar of tqdm, or a line on stderr."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypedDict

from weir.errors import InterfaceError

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
    """A statement while it runs. A thread calls the callback now and then; what the callback raises cancels the
    statement and is raised in its place."""

    def __init__(self, progress: Callable[[], Progress | None], cancel: Callable[[], None], callback: Callback) -> None:
        self._progress = progress
        self._cancel = cancel
        self._callback = callback
        self._over = threading.Event()
        self._raised: BaseException | None = None
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def _tell(self) -> None:
        wait = FIRST_SECONDS
        while not self._over.wait(wait):
            wait = EVERY_SECONDS
            try:
                if (progress := self._progress()) is not None:
                    self._callback(progress)
            except InterfaceError:  # it has ended in this moment
                return
            except BaseException as raised:  # handed to the thread that runs the statement
                self._raised = raised
                self._cancel()
                return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        finish = getattr(self._callback, "finish", None)
        if finish:
            finish()
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

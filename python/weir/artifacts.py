"""Files that came of tracked runs (weir.runs), as `weir artifacts` on the command line has them.

    weir.artifacts.ls(run="last")
    weir.artifacts.export("last", "means.csv")

An artifact is named by its id, a beginning of it that only one has, "last", or "last~2". Any thread. What fails raises the
weir.Error that the engine has for it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from weir.runs import Reply, ask, read

if TYPE_CHECKING:
    from weir.connection import Connection
    from weir.frame import Frame


def ls(*, run: str | None = None, limit: int | None = None) -> list[Reply]:
    """The newest artifacts, of one run or of all."""
    found: list[Reply] = ask("artifacts", run_id=run, limit=limit)["artifacts"]
    return found


def show(artifact: str = "last") -> Reply:
    """What is known about it: run_id, type, format, path, size_bytes, row_count, schema .."""
    found: Reply = ask("artifact", artifact_id=artifact)["artifact"]
    return found


def preview(artifact: str = "last", *, limit: int | None = None) -> Reply:
    """Its first rows, {"schema": .., "types": .., "rows": [..], ..}, or the beginning of a text, {"text": ..}."""
    found: Reply = ask("preview", artifact_id=artifact, limit=limit)["preview"]
    return found


def frame(artifact: str = "last", *, connection: Connection | None = None) -> Frame:
    """A frame of its rows. InterfaceError if it has none that weir can read."""
    return read(show(artifact), connection)


def export(
    artifact: str,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002
    overwrite: bool = False,
    dry_run: bool = False,
) -> Reply:
    """A copy of it, in the format that the path says, or format: {"path": .., "row_count": ..}."""
    where = os.path.abspath(path)
    return ask("export", artifact_id=artifact, path=where, format=format, overwrite=overwrite, dry_run=dry_run)


def rm(artifact: str, *, delete_files: bool = False, dry_run: bool = False) -> Reply:
    """Gives it up; its file stays unless delete_files."""
    return ask("forget_artifact", artifact_id=artifact, delete_files=delete_files, dry_run=dry_run)

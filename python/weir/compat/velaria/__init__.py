"""Velaria's Python package over weir: programs written for it run with the import changed.

    from weir.compat.velaria import Session      # was: from velaria import Session

docs/compat-velaria.md says what is the same, what gives another answer because Velaria's was wrong, and what raises.
"""

from weir import __version__
from weir.compat.velaria.custom import (
    CustomArrowStreamSink,
    CustomArrowStreamSource,
    CustomStreamEmitOptions,
    consume_arrow_batches_with_custom_sink,
    create_stream_from_custom_source,
)
from weir.compat.velaria.excel import read_excel
from weir.compat.velaria.frames import DataFrame, StreamingDataFrame
from weir.compat.velaria.query import StreamingQuery
from weir.compat.velaria.realtime import RealtimeStreamSink, RealtimeStreamSource
from weir.compat.velaria.session import Session

__all__ = [
    "CustomArrowStreamSink",
    "CustomArrowStreamSource",
    "CustomStreamEmitOptions",
    "DataFrame",
    "RealtimeStreamSink",
    "RealtimeStreamSource",
    "Session",
    "StreamingDataFrame",
    "StreamingQuery",
    "__version__",
    "consume_arrow_batches_with_custom_sink",
    "create_stream_from_custom_source",
    "read_excel",
]

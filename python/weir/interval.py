"""Intervals with months, which datetime.timedelta cannot say."""

from __future__ import annotations

from typing import NamedTuple


class Interval(NamedTuple):
    """A span of calendar time. Its parts are kept apart, as a month has no fixed number of days.

    rows() gives one where an INTERVAL has months, and a datetime.timedelta where it has none. As a parameter it is an
    INTERVAL.
    """

    months: int = 0
    days: int = 0
    microseconds: int = 0

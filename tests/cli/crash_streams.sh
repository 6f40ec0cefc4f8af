#!/bin/sh
# Streams that are killed at a few random moments and at every failpoint of a commit lose nothing and repeat nothing; make
# crash does it at length.
exec python3 tests/crash/streams.py "$WEIR" --short

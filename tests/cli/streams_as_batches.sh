#!/bin/sh
# Random queries come to the same as streams and as batches: see tests/differential_streams.py.
exec python3 "$(dirname "$0")/../differential_streams.py" 50 1

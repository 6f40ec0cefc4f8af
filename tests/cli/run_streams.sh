#!/bin/sh
# weir run and weir tap: see run_streams.py.
exec python3 "$(dirname "$0")/run_streams.py" "$@"

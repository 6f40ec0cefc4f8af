#!/bin/sh
# Command lines as Velaria has them: see runs_velaria.py.
exec python3 "$(dirname "$0")/runs_velaria.py" "$@"

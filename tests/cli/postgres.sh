#!/bin/sh
# postgres.sh - the state of streams in a real PostgreSQL server. 77: there is none to be had.
set -u
cd "$(dirname "$0")/../.."
exec python3 tests/postgres/run.py --quick

#!/bin/sh
# Plans are those written down in tests/plans.
set -eu
exec python3 "$(dirname "$0")/../plans.py"

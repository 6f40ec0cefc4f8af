#!/bin/sh
# Results do not depend on threads and temporary files.
exec python3 tests/cli/threads_agree.py

#!/bin/sh
# The Nexmark queries give as streams what they give as batches, on one thread and with their keys divided among workers.
set -e
bench/nexmark/run.py --check --events 50000
bench/nexmark/run.py --check --events 50000 --workers 3

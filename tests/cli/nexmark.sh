#!/bin/sh
# The Nexmark queries give as streams what they give as batches.
exec python3 bench/nexmark/run.py --check --events 50000

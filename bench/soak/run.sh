#!/bin/sh
# Lets a windowed stream run for long: bench/soak/run.sh --minutes 60 [--rate 50000]. The last line is the figure; exits
# nonzero when memory or file descriptors grow or checkpoints come late.
set -e
cd "$(dirname "$0")/../.."
make -s all
exec python3 bench/soak/soak.py "$@"

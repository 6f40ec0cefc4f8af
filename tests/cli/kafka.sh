#!/bin/sh
# kafka.sh - Kafka as source and sink against a real broker. 77: there is none to be had.
set -u
cd "$(dirname "$0")/../.."
exec python3 tests/kafka/run.py --quick

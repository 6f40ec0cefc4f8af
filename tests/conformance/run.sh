#!/bin/sh
# run.sh - sqllogictest corpora and file cases kept beside the repository (WEIR_SHARED, default ../shared).
# make conformance ARGS="--only df". Last line: figures per corpus and the verdict.
set -u
cd "$(dirname "$0")/../.."
exec python3 tests/conformance/run.py "$@"

#!/bin/sh
# Streams with dead letters that are killed now and then: rows and dead letters are there once each; make crash does it at
# length.
exec python3 tests/crash/dead_letters.py "$WEIR" 10

#!/bin/sh
# TLS, certificates and passwords against the listeners of a real broker. 77: there is none to be had.
exec python3 tests/kafka/security.py

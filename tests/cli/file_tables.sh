#!/bin/sh
# CREATE TABLE .. USING csv: lengths are checked when the file is read, constraints are refused.
set -eu
weir=$(realpath "${WEIR:-build/weir}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf 'a,b,c\nabc,xy  ,1\n' > lengths.csv
run() { "$weir" --color never -o csv -c "$1" 2>&1 || true; }
make="USING csv OPTIONS (path: 'lengths.csv');"
fits=$(run "CREATE TABLE t (a VARCHAR(3), b CHAR(2), c INT) $make SELECT a, length(b) AS n, c FROM t;")
[ "$(echo "$fits" | tail -1)" = "abc,2,1" ] || { echo "fits: $fits"; exit 1; }
tight=$(run "CREATE TABLE t (a VARCHAR(2), b CHAR(2), c INT) $make SELECT a FROM t;")
case $tight in *W2218*'column "a" of t'*) ;; *) echo "tight: $tight"; exit 1 ;; esac
keyed=$(run "CREATE TABLE t (a VARCHAR(3) PRIMARY KEY, b CHAR(2), c INT) $make")
case $keyed in *W0104*) ;; *) echo "keyed: $keyed"; exit 1 ;; esac

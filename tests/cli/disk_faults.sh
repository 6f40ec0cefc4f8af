#!/bin/sh
# A disk that is full or broken: COPY TO leaves what was there before and nothing else, COPY FROM and spilling say what failed.
set -eu
WEIR=$(realpath "$WEIR")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/out" "$work/temp"
source="SELECT range AS a, 'some text ' || range * 7919 AS t FROM range(200000)"
for format in csv json parquet arrow; do
    for fault in write:1:ENOSPC write:3+:ENOSPC write:2:SHORT write:2:EIO sync:1:EIO rename:1:EACCES; do
        echo old >"$work/out/old.$format"
        for target in old new; do
            if said=$(WEIR_FAULT=$fault "$WEIR" -c "COPY ($source) TO '$work/out/$target.$format'" 2>&1); then
                case $fault in # formats that write less often meet fewer faults
                write:1:* | rename:*) echo "$format, $fault: no error"; exit 1 ;;
                *) rm -f "$work/out/new.$format"; echo old >"$work/out/old.$format"; continue ;;
                esac
            fi
            echo "$said" | grep -q "error\[W[0-9]*\]" || { echo "$format, $fault: $said"; exit 1; }
            case $fault in
            *ENOSPC | *SHORT) echo "$said" | grep -qi "space" || { echo "$format, $fault: $said"; exit 1; } ;;
            esac
            [ "$(cat "$work/out/old.$format")" = old ] || { echo "$format, $fault: the old file has changed"; exit 1; }
        done
        rm "$work/out/old.$format"
        [ -z "$(ls -A "$work/out")" ] || { echo "$format, $fault left: $(ls -A "$work/out")"; exit 1; }
    done
    "$WEIR" -q -c "COPY ($source) TO '$work/in.$format'"
    if said=$(WEIR_FAULT=read:3+:EIO "$WEIR" -c "CREATE TABLE t (a BIGINT, t TEXT); COPY t FROM '$work/in.$format'" 2>&1); then
        echo "$format: read although the disk is broken"; exit 1
    fi
    echo "$said" | grep -q "in.$format" || { echo "$format: the error does not name the file: $said"; exit 1; }
done

# Spilling: the disk is full, or what was written cannot be read.
sorted="SELECT max(r) FROM (SELECT row_number() OVER (ORDER BY x) AS r FROM (SELECT hash(range) AS x FROM range(1000000)))"
groups="SELECT count(*) FROM (SELECT range * 7919 % 1000003 AS k FROM range(1000000) GROUP BY 1)"
joined="SELECT count(*) FROM (SELECT range * 7 AS x FROM range(500000)) a JOIN (SELECT range AS x, 'text ' || range AS t FROM range(500000)) b USING (x) WHERE t > ''"
common="SELECT count(*) FROM (SELECT 'text ' || range FROM range(900000) EXCEPT SELECT 'text ' || range * 2 FROM range(500000))"
nearest="SELECT count(*), sum(b.y) FROM (SELECT range * 3 AS k FROM range(900000)) a ASOF JOIN (SELECT range * 5 AS k, range AS y FROM range(900000)) b ON a.k >= b.k"
repeated="WITH RECURSIVE r(n) AS (SELECT range FROM range(600000) UNION SELECT n + 400000 FROM r WHERE n < 1500000) SELECT count(*) FROM r"
for query in "$sorted" "$groups" "$joined" "$common" "$nearest" "$repeated"; do
    "$WEIR" -q --memory 24MB --threads 2 --set temp_directory="$work/temp" -c "$query" >/dev/null || { echo "failed: $query"; exit 1; }
    for fault in write:2+:ENOSPC write:5:SHORT write:3:EIO read:2:EIO; do
        said=$(WEIR_FAULT=$fault "$WEIR" -q --memory 24MB --threads 2 --set temp_directory="$work/temp" -c "$query" 2>&1) &&
            { echo "no error with $fault: $query"; exit 1; }
        case $fault in
        *ENOSPC | *SHORT) words="free space" ;;
        *) words="Input/output error" ;;
        esac
        echo "$said" | grep -q "error\[W[0-9]*\]" || { echo "$fault: $said"; exit 1; }
        echo "$said" | grep -q "$words" || { echo "$fault: $said"; exit 1; }
        [ -z "$(ls -A "$work/temp")" ] || { echo "$fault left: $(ls -A "$work/temp")"; exit 1; }
    done
done

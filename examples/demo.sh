#!/bin/sh
# demo.sh - what weir does, on the files of examples/data. Run by `make demo`; needs nothing but the binary.
set -eu
cd "$(dirname "$0")/data"
weir="${WEIR:-../../build/weir}"

show() { # title, SQL, further flags
    printf '\n\033[1m%s\033[0m\n' "$1"
    printf '%s\n' "$2" | sed '/^$/d; s/^/  weir> /'
    echo
    title=$1 sql=$2
    shift 2
    "$weir" --timer "$@" -c "$sql" || true
}

printf 'Files: a CSV with 20 000 orders, JSON lines with nested events, a Parquet file, and one CSV that is dirty.\n'
show "A file is a table" "FROM 'orders.csv' LIMIT 5"
show "Join CSV with Parquet, group, sort" "
SELECT p.category, count(*) AS orders, sum(o.quantity * p.price * (1 - CAST(o.discount AS DECIMAL(4,2)))) AS revenue
FROM 'orders.csv' o JOIN 'products.parquet' p USING (product_id)
WHERE o.status <> 'returned'
GROUP BY ALL ORDER BY revenue DESC"
show "Nested JSON, without declaring anything" "
SELECT \"user\".agent AS agent, kind, count(*) AS events, round(avg(amount), 2) AS average
FROM 'events.jsonl' WHERE kind IN ('buy', 'cart') GROUP BY ALL ORDER BY agent, kind"
show "Window functions: the best month of each city" "
SELECT city, month, orders FROM (
  SELECT city, date_trunc('month', ordered_at) AS month, count(*) AS orders,
         row_number() OVER (PARTITION BY city ORDER BY count(*) DESC) AS place
  FROM 'orders.csv' GROUP BY 1, 2)
WHERE place = 1 ORDER BY city LIMIT 5"
show "A subquery that looks outside" "
SELECT customer_id, order_id, quantity FROM 'orders.csv' o
WHERE quantity > 3 * (SELECT avg(quantity) FROM 'orders.csv' i WHERE i.customer_id = o.customer_id)
ORDER BY order_id LIMIT 5"
show "Dirty input is never dropped silently: it is an error that says where" "SELECT count(*) FROM 'payments.csv'"
show "... unless you ask to keep such lines aside" "
SELECT count(*) AS good, sum(amount) AS total FROM read_csv('payments.csv', types => {amount: 'DOUBLE'}, rejects => 'bad');
SELECT line, reason, text FROM bad"
show "A typing mistake" "SELECT custmer_id FROM 'orders.csv'"
show "What the engine plans to do" "
EXPLAIN SELECT p.name, count(*) FROM 'orders.csv' o JOIN 'products.parquet' p USING (product_id)
WHERE p.category = 'garden' GROUP BY 1 ORDER BY 2 DESC LIMIT 3"
printf '\nTry it: build/weir examples/data/orders.csv\n'

-- Rows are grouped before a join when few are left then.
CREATE TABLE sale AS SELECT x AS id, x % 500 AS item, x % 7 AS day, (x % 13)::INTEGER AS amount, (x % 9)::DECIMAL(12,2) AS price, x / 7.0::DOUBLE AS weight FROM generate_series(1, 40000) s(x);
CREATE TABLE item AS SELECT x AS id, 'kind ' || x % 5 AS kind, x % 6 AS size FROM generate_series(0, 599) s(x);

EXPLAIN SELECT i.kind, count(*), sum(s.amount), min(s.day), max(s.price) FROM sale s JOIN item i ON s.item = i.id GROUP BY i.kind;
-- NULLs of an outer join: count(*) is 1 for them.
EXPLAIN SELECT i.kind, count(*), count(s.id), sum(s.price) FROM item i LEFT JOIN sale s ON s.item = i.id GROUP BY i.kind;
-- A key of the grouped side stays a key.
EXPLAIN SELECT i.kind, s.day, count(*) FROM sale s JOIN item i ON s.item = i.id GROUP BY i.kind, s.day;
-- Not: sums of doubles, averages, distinct values, calls about the other side, few groups by a number, too many early groups.
EXPLAIN SELECT i.kind, sum(s.weight) FROM sale s JOIN item i ON s.item = i.id GROUP BY i.kind;
EXPLAIN SELECT i.kind, avg(s.amount) FROM sale s JOIN item i ON s.item = i.id GROUP BY i.kind;
EXPLAIN SELECT i.kind, count(DISTINCT s.amount) FROM sale s JOIN item i ON s.item = i.id GROUP BY i.kind;
EXPLAIN SELECT i.kind, sum(s.amount), sum(i.size) FROM sale s JOIN item i ON s.item = i.id GROUP BY i.kind;
EXPLAIN SELECT i.size, count(*) FROM sale s JOIN item i ON s.item = i.id GROUP BY i.size;
EXPLAIN SELECT i.kind, s.id, count(*) FROM sale s JOIN item i ON s.item = i.id GROUP BY i.kind, s.id;
-- Switched off.
SET disabled_rules = 'eager_groups';
EXPLAIN SELECT i.kind, count(*) FROM sale s JOIN item i ON s.item = i.id GROUP BY i.kind;

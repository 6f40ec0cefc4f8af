-- Equal joins and groupings of one query become one shared subplan.
CREATE TABLE sale AS SELECT x AS id, x % 50 AS item, x % 7 AS day, x % 13 AS amount FROM generate_series(1, 20000) s(x);
CREATE TABLE item AS SELECT x AS id, x % 5 AS kind FROM generate_series(0, 49) s(x);

-- Every item against the average of all.
EXPLAIN SELECT a.item, a.total FROM (SELECT item, sum(amount) AS total FROM sale GROUP BY item) a
WHERE a.total > (SELECT avg(total) FROM (SELECT item, sum(amount) AS total FROM sale GROUP BY item) b);

-- A join with a grouping over it, named differently in the two places.
EXPLAIN SELECT p.kind, p.n, q.n FROM
  (SELECT i.kind, count(*) AS n FROM item i JOIN sale s ON s.item = i.id WHERE s.day < 3 GROUP BY i.kind) p LEFT JOIN
  (SELECT k.kind, count(*) AS n FROM item k JOIN sale t ON t.item = k.id WHERE t.day < 3 GROUP BY k.kind) q ON p.kind = q.kind;

-- Different filters: nothing is shared.
EXPLAIN SELECT item, sum(amount) FROM sale WHERE day = 1 GROUP BY item UNION ALL
SELECT item, sum(amount) FROM sale WHERE day = 2 GROUP BY item;

-- Switched off.
SET disabled_rules = 'repeated_subplans';
EXPLAIN SELECT item, sum(amount) FROM sale GROUP BY item UNION ALL SELECT item, sum(amount) FROM sale GROUP BY item;

-- Three times: one part with three readers, which read different columns.
SET disabled_rules = '';
EXPLAIN SELECT a.item, b.n, c.top FROM (SELECT item, sum(amount) AS total FROM sale GROUP BY item) a
JOIN (SELECT item, sum(amount) AS n FROM sale GROUP BY item) b ON a.total = b.n + 1
JOIN (SELECT item, sum(amount) AS top FROM sale GROUP BY item) c ON c.top = a.total + 7;
EXPLAIN SELECT k.kind, k.n, l.n, m.n FROM
  (SELECT i.kind, count(*) AS n FROM item i JOIN sale s ON s.item = i.id WHERE s.day = 2 GROUP BY i.kind) k,
  (SELECT i.kind, sum(s.amount) AS n FROM item i JOIN sale s ON s.item = i.id WHERE s.day = 2 GROUP BY i.kind) l,
  (SELECT i.kind, max(s.id) AS n FROM item i JOIN sale s ON s.item = i.id WHERE s.day = 2 GROUP BY i.kind) m
WHERE k.kind = l.kind AND l.kind = m.kind;

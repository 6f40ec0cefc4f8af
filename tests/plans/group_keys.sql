-- Keys that others decide are carried along.
CREATE TABLE country(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE buyer(id INTEGER PRIMARY KEY, name TEXT, country INTEGER, spare INTEGER UNIQUE);
CREATE TABLE line(sale INTEGER, number INTEGER, buyer INTEGER, text TEXT, PRIMARY KEY (sale, number));
CREATE TABLE loose(id INTEGER, name TEXT, x DOUBLE);

-- A key of one table, through an equality to the key of the next.
EXPLAIN SELECT b.id, b.name, c.name, count(*) FROM buyer b JOIN country c ON b.country = c.id JOIN line l ON l.buyer = b.id GROUP BY b.id, b.name, c.name;
-- The other side of an equality.
EXPLAIN SELECT l.buyer, b.id, b.name, count(*) FROM buyer b JOIN line l ON l.buyer = b.id GROUP BY l.buyer, b.id, b.name;
-- Keys of two columns, whole and in part.
EXPLAIN SELECT sale, number, text, count(*) FROM line GROUP BY sale, number, text;
EXPLAIN SELECT sale, text, count(*) FROM line GROUP BY sale, text;
-- Constants and what is computed from keys.
EXPLAIN SELECT name, sale, sale + 1, count(*) FROM loose, line WHERE name = 'x' GROUP BY name, sale, sale + 1;
-- A grouping decides its aggregates; DISTINCT over it has one key.
EXPLAIN SELECT DISTINCT buyer, n, m FROM (SELECT buyer, count(*) n, max(text) m FROM line GROUP BY buyer);
-- The side an outer join fills up keeps what its key decides, but not what a constant decides.
EXPLAIN SELECT b.id, b.name, c.id, c.name, count(*) FROM buyer b LEFT JOIN country c ON b.country = c.id GROUP BY b.id, b.name, c.id, c.name;
EXPLAIN SELECT c.name, l.sale, count(*) FROM line l LEFT JOIN (SELECT * FROM country WHERE name = 'x') c ON l.buyer = c.id GROUP BY c.name, l.sale;
-- Not certain: a unique column that may be NULL, columns without a key, texts of doubles.
EXPLAIN SELECT spare, name, count(*) FROM buyer GROUP BY spare, name;
EXPLAIN SELECT id, name, count(*) FROM loose GROUP BY id, name;
EXPLAIN SELECT x, x::TEXT, count(*) FROM loose GROUP BY x, x::TEXT;
-- Switched off.
SET disabled_rules = 'group_keys';
EXPLAIN SELECT sale, number, text, count(*) FROM line GROUP BY sale, number, text;

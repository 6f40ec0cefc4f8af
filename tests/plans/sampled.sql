-- What filters let through is found by trying them on some rows of tables that are large enough.
CREATE TABLE visit AS SELECT x AS id, x % 100 AS place, 'note ' || (x * 7 % 1000) AS note, x % 8 AS a, x % 16 AS b FROM generate_series(1, 60000) s(x);
CREATE TABLE place AS SELECT x AS id, 'town ' || x AS town FROM generate_series(0, 99) s(x);
CREATE TABLE few AS SELECT x AS id, 'note ' || x AS note FROM generate_series(1, 5000) s(x);

-- LIKE keeps nearly everything: a guess would have said a twentieth.
EXPLAIN SELECT count(*) FROM visit v JOIN place p ON v.place = p.id WHERE v.note LIKE 'note%';

-- Columns that depend on each other.
EXPLAIN SELECT count(*) FROM visit v JOIN place p ON v.place = p.id WHERE v.a = 3 AND v.b = 3;

-- Functions and OR.
EXPLAIN SELECT count(*) FROM visit v JOIN place p ON v.place = p.id WHERE v.id % 10 = 0 OR length(v.note) > 7;

-- What no row of the sample passes is rarer than one of them.
EXPLAIN SELECT count(*) FROM visit v JOIN place p ON v.place = p.id WHERE v.note LIKE '%nothing%';

-- A filter that would fail is left for the run to report.
EXPLAIN SELECT count(*) FROM visit v JOIN place p ON v.place = p.id WHERE 10 / (v.a - 3) > 2;

-- Rows in the order of a column: its range is believed, the other filter is measured.
EXPLAIN SELECT count(*) FROM visit v JOIN place p ON v.place = p.id WHERE v.id < 300 AND v.note LIKE '%1';

-- Small tables, one column with a known range, no join: nothing is tried.
EXPLAIN SELECT count(*) FROM few f JOIN place p ON f.id = p.id WHERE f.note LIKE 'note%';
EXPLAIN SELECT count(*) FROM visit v JOIN place p ON v.place = p.id WHERE v.id BETWEEN 1 AND 3000;
EXPLAIN SELECT count(*) FROM visit v WHERE v.note LIKE 'note%';

-- Switched off.
SET disabled_rules = 'sampled_filters';
EXPLAIN SELECT count(*) FROM visit v JOIN place p ON v.place = p.id WHERE v.note LIKE 'note%';

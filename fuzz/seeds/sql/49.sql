WITH x AS (SELECT 1) UPDATE t AS u SET a = 1, (b, c) = (1, 2) FROM x WHERE u.a = 2 RETURNING u.a

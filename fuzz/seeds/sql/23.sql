SELECT a NOT IN (1, 2), a IN (SELECT 1), a IN b, a = ANY (b), a < ALL (SELECT 1), a NOT LIKE ANY (b)

SELECT a + b * c - (d - e), -x ^ 2, (a + b) * c, a || b || 'it''s', NOT (a AND b), - -1

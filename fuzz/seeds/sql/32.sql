SELECT $1, $name, x'1f', b'01', 1.5, 1e10, NULL, TRUE, first_value(a) IGNORE NULLS OVER (w ORDER BY b)

SELECT * FROM 'x.csv' AS f, read_csv('y', delimiter => ';') WITH ORDINALITY AS g(a, b), h() AS (a int, b text)

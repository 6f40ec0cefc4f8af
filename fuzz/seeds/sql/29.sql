SELECT [1, 2], {'a': 1, 'b c': [2]}, MAP {'k': 1}, ROW(1), (1, 2), a[1], a[1 : 2], a[ : - : 2], (a).b, (f(x)).* FROM t

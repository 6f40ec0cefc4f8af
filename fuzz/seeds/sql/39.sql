CREATE FUNCTION f(a, b := 1) AS a + b

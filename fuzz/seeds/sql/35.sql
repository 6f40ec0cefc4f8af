CREATE TABLE t (a int) USING csv OPTIONS (path = 'p', delimiter = ';')

SELECT a, t.b AS c FROM s.t AS t WHERE a = 1 AND b <> 2 OR NOT c

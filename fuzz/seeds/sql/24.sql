SELECT a NOT LIKE 'x' ESCAPE '!', a ILIKE b, a SIMILAR TO c, a GLOB d, a ~* 'r', a <-> b, a <=> b, a <#> b, a ^@ b

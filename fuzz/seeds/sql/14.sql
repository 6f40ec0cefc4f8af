PIVOT t ON a IN (1, 2) USING sum(b) AS s GROUP BY c

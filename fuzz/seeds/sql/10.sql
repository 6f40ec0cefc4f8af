SELECT * FROM (a JOIN (b JOIN c ON 1 = 1) ON 2 = 2) AS j

-- Average closing price per category: the best bid within the time of each auction, averaged.
SELECT category, AVG(highest) AS price
FROM (SELECT a.id, a.category, MAX(b.price) AS highest
      FROM auction a JOIN bid b ON a.id = b.auction AND b."dateTime" BETWEEN a."dateTime" AND a.expires
      GROUP BY a.id, a.category)
GROUP BY category

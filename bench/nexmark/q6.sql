-- Average selling price by seller, over the last ten closed auctions of each.
SELECT seller, avg(price) OVER (PARTITION BY seller ORDER BY "dateTime" ROWS BETWEEN 10 PRECEDING AND CURRENT ROW)
FROM (SELECT a.id, a.seller, b.price, b."dateTime",
             row_number() OVER (PARTITION BY a.id, a.seller ORDER BY b.price DESC) AS rank
      FROM auction a JOIN bid b ON a.id = b.auction AND b."dateTime" BETWEEN a."dateTime" AND a.expires)
WHERE rank <= 1

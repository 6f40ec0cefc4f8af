-- The ten highest bids of each auction.
SELECT *
FROM (SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC) AS rank FROM bid)
WHERE rank <= 10

-- The last bid of everybody on each auction.
SELECT auction, bidder, price, channel, url, "dateTime", extra
FROM (SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY "dateTime" DESC) AS rank FROM bid)
WHERE rank <= 1

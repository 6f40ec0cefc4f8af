-- Highest bid of each ten seconds.
SELECT b.auction, b.price, b.bidder, b."dateTime", b.extra
FROM bid b
JOIN (SELECT max(price) AS most, window_end
      FROM tumble(bid, "dateTime", INTERVAL '10 seconds') GROUP BY window_start, window_end) m
  ON b.price = m.most AND b."dateTime" BETWEEN m.window_end - INTERVAL '10 seconds' AND m.window_end

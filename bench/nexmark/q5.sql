-- Hot items: the auctions with most bids in the last ten seconds, every two seconds.
WITH counted AS (
    SELECT auction, window_start, window_end, COUNT(*) AS num
    FROM TABLE(HOP(TABLE bid, DESCRIPTOR("dateTime"), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
    GROUP BY auction, window_start, window_end)
SELECT c.auction, c.num
FROM counted c
JOIN (SELECT MAX(num) AS most, window_start, window_end FROM counted GROUP BY window_start, window_end) m
  ON c.window_start = m.window_start AND c.window_end = m.window_end AND c.num >= m.most

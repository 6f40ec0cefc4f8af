-- User sessions: how many bids somebody made while active.
SELECT bidder, count(*) AS bid_count, window_start AS starttime, window_end AS endtime
FROM session(bid, "dateTime", gap => INTERVAL '10 seconds')
GROUP BY bidder, window_start, window_end

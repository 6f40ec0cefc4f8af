-- Windows of the clock: how many bids somebody made in ten seconds of processing time.
SELECT bidder, count(*) AS bid_count, window_start AS starttime, window_end AS endtime
FROM tumble((SELECT *, proctime() AS p_time FROM bid), p_time, INTERVAL '10 seconds')
GROUP BY bidder, window_start, window_end

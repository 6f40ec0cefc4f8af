-- Bids of a made-up auction house, counted per second as time goes on: weir run examples/bids.sql
CREATE SOURCE bids (WATERMARK FOR dateTime AS dateTime - INTERVAL '100 ms')
WITH (connector = 'nexmark', table = 'bid', rate = 10000);

CREATE SINK totals (second TIMESTAMP, bids BIGINT, dearest BIGINT) WITH (connector = 'console');

INSERT INTO totals
SELECT window_start, count(*), max(price)
FROM tumble(bids, dateTime, INTERVAL '1 second')
GROUP BY window_start
EMIT ON WINDOW CLOSE;

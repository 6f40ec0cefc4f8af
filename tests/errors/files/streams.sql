CREATE SOURCE bid (auction BIGINT, bidder BIGINT, price BIGINT, "dateTime" TIMESTAMP, WATERMARK FOR "dateTime" AS "dateTime" - INTERVAL '4 seconds') WITH (connector = 'nexmark', "table" = 'bid');
CREATE SOURCE timeless (auction BIGINT, price BIGINT, "dateTime" TIMESTAMP) WITH (connector = 'nexmark', "table" = 'bid');
CREATE SINK files (a BIGINT, b BIGINT) WITH (connector = 'files', path = 'nowhere', format = 'csv');
CREATE SINK hole (a BIGINT, b BIGINT) WITH (connector = 'blackhole');
CREATE TABLE names (id BIGINT, name VARCHAR);

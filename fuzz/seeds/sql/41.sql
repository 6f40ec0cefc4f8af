CREATE UNIQUE INDEX i ON t USING hnsw (a DESC, lower(b)) WITH (m = 16) WHERE a > 1

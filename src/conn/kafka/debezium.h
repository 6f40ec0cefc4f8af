/* debezium.h - what changed in a database, as Debezium tells it in JSON. */
#pragma once
#include "spi/connector.h"

/* Takes the envelope apart, with or without its schema: the row as it was and as it is now, both
 * objects; empty: there is none. Both are empty where nothing is said of rows. false: *why it
 * cannot be used, static. Pieces of text; any thread. */
bool wr_debezium_read(wr_str text, wr_str *before, wr_str *after, const char **why);
/* Has a row one of the columns besides those that are marked as its key, and is it not NULL there?
 * A row as it was that has none is only the key of a row. */
bool wr_debezium_is_whole(wr_str row, const wr_schema *columns, const bool *is_key);

/* debezium.c - see debezium.h.
 *
 * {"op": "u", "before": {..}, "after": {..}, "source": {..}, "ts_ms": 1}, or that as "payload"
 * beside "schema". Created (c) and found at the start (r): the row after; deleted (d): the row
 * before; updated (u): both. Rows that are taken back must be those that were told: a database that
 * does not log old rows whole leaves them out, or all but the key, and what is made of that would
 * be wrong in silence. */
#include "conn/kafka/debezium.h"
#include "base/json.h"

#define WANTS_OLD "(the database must log old rows whole: REPLICA IDENTITY FULL)"

static bool is_row(wr_str value) { return wr_json_kind_of(value) == WR_JSON_OBJECT; }

/* A letter between quotes; 0: it is none. */
static char letter_of(wr_str value)
{
    bool is_letter = value.length == 3 && value.data[0] == '"' && value.data[2] == '"';
    return is_letter ? value.data[1] : 0;
}

static bool find(wr_str object, const char *key, wr_str *out)
{
    *out = (wr_str){0};
    return wr_json_find(object, wr_str_of(key), out);
}

bool wr_debezium_read(wr_str text, wr_str *before, wr_str *after, const char **why)
{
    wr_str op, inside, envelope = wr_str_trim(text);
    *before = *after = (wr_str){0};
    *why = "it is not a JSON object";
    if (!wr_json_valid(envelope) || !is_row(envelope)) return false;
    if (!find(envelope, "op", &op) && find(envelope, "payload", &inside)) {
        if (wr_json_kind_of(inside) == WR_JSON_NULL) return true;
        envelope = inside;
        if (!is_row(envelope)) return false;
        find(envelope, "op", &op);
    }
    wr_str old = {0}, new = {0};
    find(envelope, "before", &old);
    find(envelope, "after", &new);
    char letter = letter_of(op);
    *why = letter == 't' ? "its table was emptied (op t), and of which rows it does not say"
                         : "it says no op, or none of c, r, u and d";
    if (letter == 'm') return true; /* a message that is no row */
    if (!letter || !strchr("crud", letter)) return false;
    *why = "it does not have the row as it is now (after)";
    if (letter != 'd' && !is_row(new)) return false;
    *why = "it does not have the row as it was (before) " WANTS_OLD;
    if ((letter == 'u' || letter == 'd') && !is_row(old)) return false;
    if (letter == 'u' || letter == 'd') *before = old;
    if (letter != 'd') *after = new;
    return true;
}

bool wr_debezium_is_whole(wr_str row, const wr_schema *columns, const bool *is_key)
{
    bool has_others = false;
    for (int i = 0; i < columns->count; i++) {
        wr_str value;
        if (is_key[i]) continue;
        has_others = true;
        bool is_there = wr_json_find(row, columns->fields[i].name, &value);
        if (is_there && wr_json_kind_of(value) != WR_JSON_NULL) return true;
    }
    return !has_others;
}

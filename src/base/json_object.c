/* json_object.c - see json_object.h.
 *
 * Whether a comma is due is seen by what stands at the end of the text: after an opening bracket
 * there is none. So writers need no state and may be mixed with texts that were made elsewhere. */
#include "base/json_object.h"

static void put_name(wr_buf *out, const char *name)
{
    if (out->length && !strchr("{[", out->data[out->length - 1])) wr_buf_add_char(out, ',');
    if (!name) return;
    wr_buf_add_json(out, wr_str_of(name));
    wr_buf_add_char(out, ':');
}

void wr_json_put_text(wr_buf *out, const char *name, wr_str value)
{
    put_name(out, name);
    wr_buf_add_json(out, value);
}

void wr_json_put(wr_buf *out, const char *name, wr_str value)
{
    put_name(out, name);
    wr_buf_add_str(out, value.length ? value : WR_STR("null"));
}

void wr_json_put_int(wr_buf *out, const char *name, int64_t value)
{
    put_name(out, name);
    wr_buf_printf(out, "%lld", (long long)value);
}

void wr_json_put_bool(wr_buf *out, const char *name, bool value)
{
    put_name(out, name);
    wr_buf_add_text(out, value ? "true" : "false");
}

wr_str wr_json_member_of(wr_arena *arena, wr_str object, const char *name)
{
    wr_str value;
    if (wr_json_kind_of(object) != WR_JSON_OBJECT) return WR_STR("");
    if (!wr_json_find(object, wr_str_of(name), &value)) return WR_STR("");
    if (wr_json_kind_of(value) == WR_JSON_NULL) return WR_STR("");
    WR_BUF(compact);
    wr_json_write(value, 0, false, &compact);
    return wr_arena_str(arena, wr_buf_str(&compact));
}

wr_str wr_json_text_of(wr_arena *arena, wr_str object, const char *name)
{
    wr_str value = wr_json_member_of(arena, object, name);
    WR_BUF(text);
    if (wr_json_kind_of(value) != WR_JSON_STRING) return value;
    if (!wr_json_unquote(value, &text)) return WR_STR("");
    return wr_arena_str(arena, wr_buf_str(&text));
}

int64_t wr_json_int_of(wr_str object, const char *name, int64_t missing)
{
    WR_ARENA(scratch);
    wr_str text = wr_json_text_of(&scratch, object, name);
    int64_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || value > INT64_MAX / 10 - 1) return missing;
        value = value * 10 + (text.data[i] - '0');
    }
    return text.length ? value : missing;
}

bool wr_json_bool_of(wr_str object, const char *name)
{
    WR_ARENA(scratch);
    return wr_str_is(wr_json_member_of(&scratch, object, name), "true");
}

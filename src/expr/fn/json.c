/* json.c - reading and building JSON.
 *
 * JSON values are text; base/json.h walks them without building trees. Values found are borrowed
 * pieces of the argument. Text arguments are accepted where JSON is wanted and checked as they are
 * walked; a text that is not JSON is an error, a path that leads nowhere gives NULL. -> takes a key
 * or a position from 0, #> a list of keys, json_extract a path. */
#include "base/json.h"
#include "expr/fn/call.h"
#include "expr/fn/pick.h"

static weir_status not_json(wr_call *call, uint32_t i)
{
    wr_str s = wr_arg_str(call, 0, i);
    return wr_bad_row(
        call, i,
        wr_fail(WR_E_BAD_VALUE, "invalid JSON: \"%.*s\"", (int)WR_MIN(s.length, 60), s.data));
}

/* The checked value of argument a. */
static bool json_arg(const wr_call *call, int a, uint32_t i, wr_str *value)
{
    wr_str rest = wr_arg_str(call, a, i);
    return wr_json_take(&rest, value) && wr_str_trim(rest).length == 0;
}

typedef enum as_what { AS_JSON, AS_TEXT } as_what;

/* Writes a found value: as JSON it is borrowed, as text strings lose their quotes and null becomes
 * NULL. */
static void put_found(const wr_call *call, wr_column *out, uint32_t i, wr_str value, as_what what,
                      wr_text_out *text)
{
    if (what == AS_JSON) {
        wr_out_str(out, i, value);
        return;
    }
    wr_json_kind kind = wr_json_kind_of(value);
    if (kind == WR_JSON_NULL) {
        wr_out_null(call, out, i);
    } else if (kind == WR_JSON_STRING) {
        WR_BUF(plain);
        (void)wr_json_unquote(value, &plain);
        WR_OUT(out, wr_view, i) = wr_text_buf(text, &plain);
    } else {
        wr_out_str(out, i, value);
    }
}

static weir_status get_key(wr_call *call, wr_column *out, as_what what)
{
    wr_text_out text = {call->arena, NULL, NULL};
    bool by_position = call->args[1].type->id == WR_T_BIGINT;
    WR_ROWS(i)
    {
        wr_str value;
        if (!json_arg(call, 0, i, &value)) return not_json(call, i);
        bool found = by_position ? wr_json_at(value, WR_ARG(call, 1, int64_t, i), &value)
                                 : wr_json_find(value, wr_arg_str(call, 1, i), &value);
        if (found)
            put_found(call, out, i, value, what, &text);
        else
            wr_out_null(call, out, i);
    }
    return WR_OK;
}
static weir_status fn_get(wr_call *call, wr_column *out) { return get_key(call, out, AS_JSON); }
static weir_status fn_get_text(wr_call *call, wr_column *out)
{
    return get_key(call, out, AS_TEXT);
}

/* One step by a key that may be the position in an array. */
static bool step(wr_str *value, wr_str key)
{
    int64_t index;
    if (wr_json_kind_of(*value) == WR_JSON_ARRAY)
        return wr_i64_read(key, &index, NULL) && wr_json_at(*value, index, value);
    return wr_json_find(*value, key, value);
}
/* Steps from a list (#>) or from the arguments (json_extract_path). */
static weir_status get_steps(wr_call *call, wr_column *out, as_what what)
{
    wr_text_out text = {call->arena, NULL, NULL};
    bool is_list = call->arg_count == 2 && call->args[1].type->id == WR_T_LIST;
    WR_ROWS(i)
    {
        wr_str value;
        if (!json_arg(call, 0, i, &value)) return not_json(call, i);
        uint32_t steps =
            is_list ? wr_list_length(&call->args[1], i) : (uint32_t)call->arg_count - 1;
        bool found = true;
        for (uint32_t k = 0; k < steps && found; k++) {
            wr_pick at =
                is_list ? wr_pick_element(&call->args[1], i, k) : (wr_pick){&call->args[k + 1], i};
            found = !wr_column_is_null(at.column, at.row);
            if (!found) break;
            wr_view key = wr_column_view(at.column, at.row);
            found = step(&value, wr_view_str(&key));
        }
        if (found)
            put_found(call, out, i, value, what, &text);
        else
            wr_out_null(call, out, i);
    }
    return WR_OK;
}
static weir_status fn_steps(wr_call *call, wr_column *out) { return get_steps(call, out, AS_JSON); }
static weir_status fn_steps_text(wr_call *call, wr_column *out)
{
    return get_steps(call, out, AS_TEXT);
}

static weir_status path_of_row(wr_call *call, uint32_t i, wr_str *value, bool *found)
{
    bool bad;
    if (!json_arg(call, 0, i, value)) return not_json(call, i);
    *found = wr_json_path(*value, wr_arg_str(call, 1, i), value, &bad);
    if (!bad) return WR_OK;
    wr_str path = wr_arg_str(call, 1, i);
    return wr_bad_row(
        call, i,
        wr_with_hint(wr_fail(WR_E_BAD_ARGUMENT, "malformed JSON path \"%.*s\"", WR_STR_ARGS(path)),
                     "paths look like $.a.b[0] or /a/b/0"));
}
static weir_status get_path(wr_call *call, wr_column *out, as_what what)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str value;
        bool found;
        WR_TRY(path_of_row(call, i, &value, &found));
        if (found)
            put_found(call, out, i, value, what, &text);
        else
            wr_out_null(call, out, i);
    }
    return WR_OK;
}
static weir_status fn_path(wr_call *call, wr_column *out) { return get_path(call, out, AS_JSON); }
static weir_status fn_path_text(wr_call *call, wr_column *out)
{
    return get_path(call, out, AS_TEXT);
}
static weir_status fn_exists(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str value;
        bool found;
        WR_TRY(path_of_row(call, i, &value, &found));
        WR_OUT(out, uint8_t, i) = found;
    }
    return WR_OK;
}
static weir_status fn_has_key(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str value, ignored;
        if (!json_arg(call, 0, i, &value)) return not_json(call, i);
        WR_OUT(out, uint8_t, i) = wr_json_find(value, wr_arg_str(call, 1, i), &ignored);
    }
    return WR_OK;
}

/* ---- facts ---- */

static weir_status fn_type(wr_call *call, wr_column *out)
{
    static const char *const names[] = {"",       "null",   "boolean", "boolean",
                                        "number", "string", "array",   "object"};
    WR_ROWS(i)
    {
        wr_str value;
        if (!json_arg(call, 0, i, &value)) return not_json(call, i);
        wr_out_str(out, i, wr_str_of(names[wr_json_kind_of(value)]));
    }
    return WR_OK;
}
static weir_status fn_valid(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, uint8_t, i) = wr_json_valid(wr_arg_str(call, 0, i)); }
    return WR_OK;
}
static weir_status fn_array_length(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str value, key, member;
        wr_json_members m;
        int64_t count = 0;
        if (!json_arg(call, 0, i, &value)) return not_json(call, i);
        if (!wr_json_begin(value, &m) || m.is_object)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_BAD_ARGUMENT, "the JSON value is not an array"));
        while (wr_json_next(&m, &key, &member))
            count++;
        WR_OUT(out, int64_t, i) = count;
    }
    return WR_OK;
}
static weir_status fn_keys(wr_call *call, wr_column *out)
{
    WR_LIST(wr_view) keys = {0};
    wr_text_out text = {call->arena, NULL, NULL};
    memset(out->data, 0, sizeof(wr_list_slot) * call->rows);
    WR_ROWS(i)
    {
        wr_str value, key, member;
        wr_json_members m;
        int before = keys.count;
        if (!json_arg(call, 0, i, &value)) return not_json(call, i);
        if (!wr_json_begin(value, &m) || !m.is_object)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_BAD_ARGUMENT, "the JSON value is not an object"));
        while (wr_json_next(&m, &key, &member)) {
            WR_BUF(plain);
            (void)wr_json_unquote(key, &plain);
            wr_push(call->arena, &keys, wr_text_buf(&text, &plain));
        }
        WR_OUT(out, wr_list_slot, i) =
            (wr_list_slot){(uint32_t)before, (uint32_t)(keys.count - before)};
    }
    out->children = wr_new(call->arena, wr_column);
    wr_column_init(out->children, call->arena, WR_VARCHAR, WR_P_VIEW, (uint32_t)keys.count + 1);
    out->children->rows = (uint32_t)keys.count;
    if (keys.count) memcpy(out->children->data, keys.items, sizeof(wr_view) * (size_t)keys.count);
    return WR_OK;
}

/* ---- comparing and merging ---- */

static bool json_equal(wr_str a, wr_str b);

static bool same_scalar(wr_str a, wr_str b)
{
    wr_json_kind kind = wr_json_kind_of(a);
    double x, y;
    if (wr_str_eq(a, b)) return true;
    if (kind == WR_JSON_NUMBER) return wr_f64_read(a, &x) && wr_f64_read(b, &y) && x == y;
    if (kind != WR_JSON_STRING) return true; /* same kind: null, true or false */
    WR_BUF(left);
    WR_BUF(right);
    return wr_json_unquote(a, &left) && wr_json_unquote(b, &right) &&
           wr_str_eq(wr_buf_str(&left), wr_buf_str(&right));
}

/* PostgreSQL's containment: every member of b has its like in a. */
static bool json_contains(wr_str a, wr_str b)
{
    wr_json_members in_b, in_a;
    wr_str key, member, other, other_key;
    wr_json_kind kind = wr_json_kind_of(b);
    if (kind == WR_JSON_OBJECT && wr_json_kind_of(a) == WR_JSON_OBJECT) {
        (void)wr_json_begin(b, &in_b);
        while (wr_json_next(&in_b, &key, &member)) {
            WR_BUF(plain);
            if (!wr_json_unquote(key, &plain) || !wr_json_find(a, wr_buf_str(&plain), &other))
                return false;
            if (!json_contains(other, member)) return false;
        }
        return true;
    }
    if (wr_json_kind_of(a) != WR_JSON_ARRAY) return json_equal(a, b);
    if (kind == WR_JSON_OBJECT) return false;
    if (kind != WR_JSON_ARRAY) {
        (void)wr_json_begin(a, &in_a);
        while (wr_json_next(&in_a, &other_key, &other))
            if (json_equal(other, b)) return true;
        return false;
    }
    (void)wr_json_begin(b, &in_b);
    while (wr_json_next(&in_b, &key, &member)) {
        bool found = false;
        (void)wr_json_begin(a, &in_a);
        while (!found && wr_json_next(&in_a, &other_key, &other))
            found = wr_json_kind_of(member) >= WR_JSON_ARRAY ? json_contains(other, member)
                                                             : json_equal(other, member);
        if (!found) return false;
    }
    return true;
}

static size_t member_count(wr_str value)
{
    wr_json_members m;
    wr_str key, member;
    size_t count = 0;
    (void)wr_json_begin(value, &m);
    while (wr_json_next(&m, &key, &member))
        count++;
    return count;
}
static bool json_equal(wr_str a, wr_str b)
{
    wr_json_kind kind = wr_json_kind_of(a);
    if (kind != wr_json_kind_of(b)) return false;
    if (kind < WR_JSON_ARRAY) return same_scalar(a, b);
    if (member_count(a) != member_count(b)) return false;
    if (kind == WR_JSON_OBJECT) return json_contains(a, b);
    wr_json_members left, right;
    wr_str key, x, y;
    (void)wr_json_begin(a, &left), (void)wr_json_begin(b, &right);
    while (wr_json_next(&left, &key, &x) && wr_json_next(&right, &key, &y))
        if (!json_equal(x, y)) return false;
    return true;
}

static weir_status contains_rows(wr_call *call, wr_column *out, int whole, int part)
{
    WR_ROWS(i)
    {
        wr_str a, b;
        if (!json_arg(call, whole, i, &a) || !json_arg(call, part, i, &b)) return not_json(call, i);
        WR_OUT(out, uint8_t, i) = json_contains(a, b);
    }
    return WR_OK;
}
static weir_status fn_contains(wr_call *call, wr_column *out)
{
    return contains_rows(call, out, 0, 1);
}
static weir_status fn_contained(wr_call *call, wr_column *out)
{
    return contains_rows(call, out, 1, 0);
}

/* RFC 7396: members of the patch replace, null removes. */
static void merge_patch(wr_str value, wr_str patch, wr_buf *out)
{
    wr_json_members m;
    wr_str key, member, other;
    if (wr_json_kind_of(patch) != WR_JSON_OBJECT) {
        wr_json_write(patch, 0, false, out);
        return;
    }
    bool any = false;
    wr_buf_add_char(out, '{');
    if (wr_json_begin(value, &m) && m.is_object) {
        while (wr_json_next(&m, &key, &member)) {
            WR_BUF(plain);
            bool patched =
                wr_json_unquote(key, &plain) && wr_json_find(patch, wr_buf_str(&plain), &other);
            if (patched && wr_json_kind_of(other) == WR_JSON_NULL) continue;
            if (any) wr_buf_add_char(out, ',');
            wr_buf_add_str(out, key), wr_buf_add_char(out, ':');
            if (patched)
                merge_patch(member, other, out);
            else
                wr_json_write(member, 0, false, out);
            any = true;
        }
    }
    (void)wr_json_begin(patch, &m);
    while (wr_json_next(&m, &key, &member)) {
        WR_BUF(plain);
        if (wr_json_kind_of(member) == WR_JSON_NULL) continue;
        if (wr_json_unquote(key, &plain) && wr_json_find(value, wr_buf_str(&plain), &other))
            continue;
        if (any) wr_buf_add_char(out, ',');
        wr_buf_add_str(out, key), wr_buf_add_char(out, ':');
        merge_patch(WR_STR("null"), member, out);
        any = true;
    }
    wr_buf_add_char(out, '}');
}
static weir_status fn_merge_patch(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_BUF(buf);
    WR_ROWS(i)
    {
        wr_str a, b;
        buf.length = 0;
        if (!json_arg(call, 0, i, &a) || !json_arg(call, 1, i, &b)) return not_json(call, i);
        merge_patch(a, b, &buf);
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}

static weir_status rewrite_rows(wr_call *call, wr_column *out, int indent, bool strip_nulls)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_BUF(buf);
    WR_ROWS(i)
    {
        wr_str value;
        buf.length = 0;
        if (!json_arg(call, 0, i, &value)) return not_json(call, i);
        wr_json_write(value, indent, strip_nulls, &buf);
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}
static weir_status fn_json(wr_call *call, wr_column *out)
{
    return rewrite_rows(call, out, 0, false);
}
static weir_status fn_pretty(wr_call *call, wr_column *out)
{
    return rewrite_rows(call, out, 4, false);
}
static weir_status fn_strip_nulls(wr_call *call, wr_column *out)
{
    return rewrite_rows(call, out, 0, true);
}

/* ---- building ---- */

static weir_status fn_to_json(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_BUF(buf);
    WR_ROWS(i)
    {
        buf.length = 0;
        wr_column_print_json(&call->args[0], i, &buf);
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}
static void add_value(const wr_call *call, int a, uint32_t i, wr_buf *buf)
{
    if (wr_column_is_null(&call->args[a], i))
        wr_buf_add_text(buf, "null");
    else
        wr_column_print_json(&call->args[a], i, buf);
}
static weir_status fn_build_array(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_BUF(buf);
    WR_ALL_ROWS(i)
    {
        buf.length = 0;
        wr_buf_add_char(&buf, '[');
        for (int a = 0; a < call->arg_count; a++) {
            if (a) wr_buf_add_text(&buf, ", ");
            add_value(call, a, i, &buf);
        }
        wr_buf_add_char(&buf, ']');
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}
static weir_status fn_build_object(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_BUF(buf);
    WR_ALL_ROWS(i)
    {
        buf.length = 0;
        wr_buf_add_char(&buf, '{');
        for (int a = 0; a + 1 < call->arg_count; a += 2) {
            if (wr_arg_is_null(call, a, i))
                return wr_bad_row(
                    call, i,
                    wr_fail(WR_E_BAD_ARGUMENT, "the key of a JSON object must not be NULL"));
            if (a) wr_buf_add_text(&buf, ", ");
            wr_buf_add_json(&buf, wr_arg_str(call, a, i));
            wr_buf_add_text(&buf, ": ");
            add_value(call, a + 1, i, &buf);
        }
        wr_buf_add_char(&buf, '}');
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}
static weir_status bind_build_object(wr_fn_bind *b)
{
    if (b->arg_count % 2)
        return wr_fail_at(WR_E_BAD_ARGUMENT, b->span,
                          "a JSON object is built of keys and values in turn");
    for (int a = 0; a < b->arg_count; a += 2)
        if (b->args[a]->type->id != WR_T_VARCHAR)
            WR_TRY(wr_bind_cast(b->arena, b->args[a], WR_VARCHAR, false, b->span, &b->args[a]));
    return WR_OK;
}

/* Every row takes JSON and text alike. */
#define JSON_ROW(names, rest, result_type, exec, help, example, result)       \
    {                                                                         \
        names,  "(json" rest ") -> " result_type, exec, help, example,        \
        result, .flags = WR_FN_CAN_FAIL},                                     \
    {                                                                         \
        names, "(text" rest ") -> " result_type, exec, help, example, result, \
            .flags = WR_FN_CAN_FAIL | WR_FN_HIDDEN                            \
    }

const wr_fn wr_fns_json[] = {
    JSON_ROW("->", ", key text", "json", fn_get, "Member of an object.",
             "'{\"a\": [1]}'::json -> 'a'", "[1]"),
    JSON_ROW("->", ", n bigint", "json", fn_get,
             "Element of an array, from 0; negative from the end.", "'[1, 2]'::json -> 1", "2"),
    JSON_ROW("->>", ", key text", "text", fn_get_text, "Member of an object as text.",
             "'{\"a\": \"x\"}'::json ->> 'a'", "x"),
    JSON_ROW("->>", ", n bigint", "text", fn_get_text, "Element of an array as text.",
             "'[\"x\"]'::json ->> 0", "x"),
    JSON_ROW("#>", ", path text[]", "json", fn_steps, "Value at a list of keys.",
             "'{\"a\": [1, 2]}'::json #> ['a', '1']", "2"),
    JSON_ROW("#>>", ", path text[]", "text", fn_steps_text, "Value at a list of keys, as text.",
             "'{\"a\": [\"x\"]}'::json #>> ['a', '0']", "x"),
    JSON_ROW("json_extract_path|jsonb_extract_path", ", key text...", "json", fn_steps,
             "Value at some keys.", "json_extract_path('{\"a\": [1, 2]}', 'a', '1')", "2"),
    JSON_ROW("json_extract_path_text|jsonb_extract_path_text", ", key text...", "text",
             fn_steps_text, "Value at some keys, as text.",
             "json_extract_path_text('{\"a\": \"x\"}', 'a')", "x"),
    JSON_ROW("json_extract|json_query", ", path text", "json", fn_path,
             "Value at a path such as $.a[0] or /a/0.", "json_extract('{\"a\": [1, 2]}', '$.a[1]')",
             "2"),
    JSON_ROW("json_extract_string|json_value|get_json_object", ", path text", "text", fn_path_text,
             "Value at a path, as text.", "json_extract_string('{\"a\": \"x\"}', '$.a')", "x"),
    JSON_ROW("json_exists|json_path_exists|jsonb_path_exists", ", path text", "boolean", fn_exists,
             "True if the path leads to a value.", "json_exists('{\"a\": 1}', '$.b')", "false"),
    JSON_ROW("?|jsonb_exists", ", key text", "boolean", fn_has_key,
             "True if the object has the key.", "'{\"a\": 1}'::json ? 'a'", "true"),
    JSON_ROW("json_type|json_typeof|jsonb_typeof", "", "text", fn_type,
             "object, array, string, number, boolean or null.", "json_type('[1]')", "array"),
    {"json_valid", "(text) -> boolean", fn_valid, "True if the text is valid JSON.",
     "json_valid('{\"a\": 1')", "false"},
    {"json_valid", "(json) -> boolean", fn_valid, "True if the text is valid JSON.",
     "json_valid('{}'::json)", "true", .flags = WR_FN_HIDDEN},
    JSON_ROW("json_array_length|jsonb_array_length", "", "bigint", fn_array_length,
             "Number of elements of an array.", "json_array_length('[1, 2]')", "2"),
    JSON_ROW("json_keys|json_object_keys|jsonb_object_keys", "", "text[]", fn_keys,
             "Keys of an object.", "json_keys('{\"a\": 1, \"b\": 2}')", "[a, b]"),
    {"json_contains|jsonb_contains|@>", "(json, part json) -> boolean", fn_contains,
     "True if every part of the second value is in the first.",
     "json_contains('{\"a\": [1, 2]}', '{\"a\": [2]}')", "true", .flags = WR_FN_CAN_FAIL},
    {"jsonb_contained|<@", "(part json, json) -> boolean", fn_contained,
     "True if every part of the first value is in the second.", "'[1]'::json <@ '[1, 2]'::json",
     "true", .flags = WR_FN_CAN_FAIL},
    {"json_merge_patch", "(json, patch json) -> json", fn_merge_patch,
     "The value with the members of the patch; null removes.",
     "json_merge_patch('{\"a\": 1}', '{\"b\": 2}')", "{\"a\":1,\"b\":2}", .flags = WR_FN_CAN_FAIL},
    JSON_ROW("json_strip_nulls|jsonb_strip_nulls", "", "json", fn_strip_nulls,
             "Without members that are null.", "json_strip_nulls('{\"a\": null, \"b\": 1}')",
             "{\"b\":1}"),
    JSON_ROW("json_pretty|jsonb_pretty", "", "text", fn_pretty, "On several lines, indented.",
             "json_pretty('[]')", "[]"),
    JSON_ROW("json", "", "json", fn_json, "Checked and without blanks.", "json('[1, 2]')", "[1,2]"),
    {"to_json|to_jsonb|row_to_json|array_to_json|json_quote", "(each) -> json", fn_to_json,
     "The value as JSON.", "to_json('a')", "\"a\""},
    {"json_build_array|jsonb_build_array|json_array", "(each...) -> json", fn_build_array,
     "A JSON array of the arguments.", "json_build_array(1, 'a', NULL)", "[1, \"a\", null]",
     .flags = WR_FN_SEES_NULLS},
    {"json_build_object|jsonb_build_object|json_object", "(each...) -> json", fn_build_object,
     "A JSON object of keys and values.", "json_build_object('a', 1)", "{\"a\": 1}",
     .flags = WR_FN_SEES_NULLS | WR_FN_CAN_FAIL, .bind = bind_build_object},
    {0},
};

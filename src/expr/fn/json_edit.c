/* json_edit.c - JSON with something set, inserted or removed; elements and members as lists.
 *
 * An edit walks down one list of steps and copies everything beside the way. A step is a key, or in
 * an array a position from 0, negative from the end. Paths given as text ($.a[0], a.b) are taken
 * apart into steps first. The result has no blanks. Depth is bounded by what the JSON reader
 * accepts. */
#include "base/json.h"
#include "expr/fn/call.h"
#include "expr/fn/pick.h"

typedef enum edit_kind { EDIT_SET, EDIT_INSERT, EDIT_REMOVE } edit_kind;

typedef WR_LIST(wr_str) step_list;

typedef struct edit {
    edit_kind kind;
    const step_list *steps;
    wr_str value;  /* to set or insert */
    bool creates;  /* SET: a missing member or element is added */
    bool replaces; /* SET: one that is there is replaced */
    bool after;    /* INSERT: behind the position, not before it */
    weir_status bad;
    wr_buf *out;
} edit;

static void copy_value(wr_str value, wr_buf *out) { wr_json_write(value, 0, false, out); }

static void add_comma(wr_buf *out, bool *any)
{
    if (*any) wr_buf_add_char(out, ',');
    *any = true;
}

static void edit_value(edit *e, wr_str value, int at);

static void edit_object(edit *e, wr_str value, int at)
{
    wr_json_members m;
    wr_str key, member, wanted = e->steps->items[at];
    bool is_last = at + 1 == e->steps->count, any = false, found = false;
    (void)wr_json_begin(value, &m);
    wr_buf_add_char(e->out, '{');
    while (wr_json_next(&m, &key, &member)) {
        WR_BUF(plain);
        bool hit = wr_json_unquote(key, &plain) && wr_str_eq(wr_buf_str(&plain), wanted);
        found |= hit;
        if (hit && is_last && e->kind == EDIT_REMOVE) continue;
        if (hit && is_last && e->kind == EDIT_INSERT && !e->bad)
            e->bad = wr_with_hint(
                wr_fail(WR_E_BAD_ARGUMENT, "the key \"%.*s\" exists already", WR_STR_ARGS(wanted)),
                "jsonb_set() replaces the value of a key");
        add_comma(e->out, &any);
        wr_buf_add_str(e->out, key), wr_buf_add_char(e->out, ':');
        if (hit)
            edit_value(e, member, at + 1);
        else
            copy_value(member, e->out);
    }
    if (!found && is_last && e->kind != EDIT_REMOVE && e->creates) {
        add_comma(e->out, &any);
        wr_buf_add_json(e->out, wanted), wr_buf_add_char(e->out, ':');
        copy_value(e->value, e->out);
    }
    wr_buf_add_char(e->out, '}');
}

static void add_element(edit *e, bool *any)
{
    add_comma(e->out, any);
    copy_value(e->value, e->out);
}

static void edit_array(edit *e, wr_str value, int at)
{
    wr_json_members m;
    wr_str key, member, wanted = e->steps->items[at];
    bool is_last = at + 1 == e->steps->count, any = false;
    int64_t position, count = 0;
    if (!wr_i64_read(wanted, &position, NULL)) {
        if (!e->bad)
            e->bad = wr_fail(WR_E_BAD_VALUE, "the path element \"%.*s\" is no position in an array",
                             WR_STR_ARGS(wanted));
        position = INT64_MAX;
    }
    (void)wr_json_begin(value, &m);
    while (wr_json_next(&m, &key, &member))
        count++;
    bool in_front = position < -count;
    if (position < 0) position = in_front ? -1 : position + count;
    bool adds = is_last && e->creates && e->kind != EDIT_REMOVE;
    int64_t k = 0;
    (void)wr_json_begin(value, &m);
    wr_buf_add_char(e->out, '[');
    if (adds && in_front) add_element(e, &any);
    for (; wr_json_next(&m, &key, &member); k++) {
        bool hit = k == position;
        if (hit && is_last && e->kind == EDIT_REMOVE) continue;
        if (hit && is_last && e->kind == EDIT_INSERT && !e->after) add_element(e, &any);
        add_comma(e->out, &any);
        if (hit && !(is_last && e->kind == EDIT_INSERT))
            edit_value(e, member, at + 1);
        else
            copy_value(member, e->out);
        if (hit && is_last && e->kind == EDIT_INSERT && e->after) add_element(e, &any);
    }
    if (adds && position >= count) add_element(e, &any);
    wr_buf_add_char(e->out, ']');
}

static void edit_value(edit *e, wr_str value, int at)
{
    wr_json_kind kind = wr_json_kind_of(value);
    if (at == e->steps->count) {
        bool sets = e->kind == EDIT_SET && e->replaces;
        copy_value(sets ? e->value : value, e->out);
    } else if (kind == WR_JSON_OBJECT) {
        edit_object(e, value, at);
    } else if (kind == WR_JSON_ARRAY) {
        edit_array(e, value, at);
    } else {
        if (at == 0 && !e->bad)
            e->bad = wr_fail(WR_E_BAD_ARGUMENT, "a JSON value without members cannot be changed");
        copy_value(value, e->out);
    }
}

/* ---- arguments ---- */

static bool json_arg(const wr_call *call, int a, uint32_t i, wr_str *value)
{
    wr_str rest = wr_arg_str(call, a, i);
    return wr_json_take(&rest, value) && wr_str_trim(rest).length == 0;
}
static weir_status not_json(wr_call *call, int a, uint32_t i)
{
    wr_str s = wr_arg_str(call, a, i);
    return wr_bad_row(
        call, i,
        wr_fail(WR_E_BAD_VALUE, "invalid JSON: \"%.*s\"", (int)WR_MIN(s.length, 60), s.data));
}

static weir_status bad_path(wr_str path)
{
    return wr_with_hint(
        wr_fail(WR_E_BAD_ARGUMENT, "malformed JSON path \"%.*s\"", WR_STR_ARGS(path)),
        "paths look like $.a.b[0]");
}

/* "$.a.\"b c\"[0]" or a plain key. */
static weir_status read_path(wr_arena *arena, wr_str path, step_list *steps)
{
    steps->count = 0;
    if (!path.length || *path.data != '$') {
        wr_push(arena, steps, path);
        return WR_OK;
    }
    for (size_t k = 1; k < path.length;) {
        char opener = path.data[k];
        char closer = opener == '[' ? ']' : 0;
        if (opener != '.' && opener != '[') return bad_path(path);
        size_t from = ++k;
        if (k < path.length && path.data[k] == '"') {
            const char *quote = memchr(path.data + k + 1, '"', path.length - k - 1);
            if (!quote) return bad_path(path);
            from = k + 1;
            k = (size_t)(quote - path.data) + 1;
            wr_push(arena, steps, ((wr_str){path.data + from, k - 1 - from}));
        } else {
            while (k < path.length &&
                   (closer ? path.data[k] != closer : path.data[k] != '.' && path.data[k] != '['))
                k++;
            if (k == from) return bad_path(path);
            wr_push(arena, steps, ((wr_str){path.data + from, k - from}));
        }
        if (!closer) continue;
        if (k >= path.length || path.data[k] != closer) return bad_path(path);
        k++;
    }
    return WR_OK;
}

/* The steps of argument 1: a list of keys, a path, a key or a position. */
static weir_status read_steps(wr_call *call, uint32_t i, bool is_path, char *digits,
                              step_list *steps)
{
    const wr_column *arg = &call->args[1];
    steps->count = 0;
    if (arg->type->id == WR_T_LIST) {
        uint32_t count = wr_list_length(arg, i);
        for (uint32_t k = 0; k < count; k++) {
            wr_pick at = wr_pick_element(arg, i, k);
            if (wr_column_is_null(at.column, at.row))
                return wr_fail(WR_E_BAD_ARGUMENT, "element %u of the path is NULL", k + 1);
            wr_view *view = wr_new(call->arena, wr_view);
            *view = wr_column_view(at.column, at.row);
            wr_push(call->arena, steps, wr_view_str(view));
        }
        return WR_OK;
    }
    if (arg->type->id == WR_T_BIGINT) {
        int n = wr_i64_print(WR_ARG(call, 1, int64_t, i), digits);
        wr_push(call->arena, steps, ((wr_str){digits, (size_t)n}));
        return WR_OK;
    }
    if (is_path) return read_path(call->arena, wr_arg_str(call, 1, i), steps);
    wr_push(call->arena, steps, wr_arg_str(call, 1, i));
    return WR_OK;
}

static weir_status edit_rows(wr_call *call, wr_column *out, edit plan, bool is_path)
{
    wr_text_out text = {call->arena, NULL, NULL};
    step_list steps = {0};
    char digits[24];
    WR_BUF(buf);
    WR_BUF(value);
    WR_ROWS(i)
    {
        wr_str whole;
        buf.length = value.length = 0;
        if (!json_arg(call, 0, i, &whole)) return not_json(call, 0, i);
        weir_status bad = read_steps(call, i, is_path, digits, &steps);
        if (bad) return wr_bad_row(call, i, bad);
        edit e = plan;
        e.steps = &steps;
        e.out = &buf;
        if (plan.kind != EDIT_REMOVE) {
            if (call->args[2].type->id != WR_T_JSON) {
                wr_column_print_json(&call->args[2], i, &value);
                e.value = wr_buf_str(&value);
            } else if (!json_arg(call, 2, i, &e.value)) {
                return not_json(call, 2, i);
            }
        }
        bool flag = call->arg_count > 3 && WR_ARG(call, 3, uint8_t, i);
        if (plan.kind == EDIT_SET && call->arg_count > 3) e.creates = flag;
        if (plan.kind == EDIT_INSERT) e.after = flag;
        if (steps.count == 0)
            copy_value(whole, &buf);
        else
            edit_value(&e, whole, 0);
        if (e.bad) return wr_bad_row(call, i, e.bad);
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}

static weir_status fn_set(wr_call *call, wr_column *out)
{
    edit e = {.kind = EDIT_SET, .creates = true, .replaces = true};
    return edit_rows(call, out, e, true);
}
static weir_status fn_replace(wr_call *call, wr_column *out)
{
    return edit_rows(call, out, (edit){.kind = EDIT_SET, .replaces = true}, true);
}
static weir_status fn_add(wr_call *call, wr_column *out)
{
    return edit_rows(call, out, (edit){.kind = EDIT_SET, .creates = true}, true);
}
static weir_status fn_insert(wr_call *call, wr_column *out)
{
    return edit_rows(call, out, (edit){.kind = EDIT_INSERT, .creates = true}, true);
}
static weir_status fn_remove(wr_call *call, wr_column *out)
{
    return edit_rows(call, out, (edit){.kind = EDIT_REMOVE}, true);
}
/* json - key */
static weir_status fn_without(wr_call *call, wr_column *out)
{
    return edit_rows(call, out, (edit){.kind = EDIT_REMOVE}, false);
}

/* json - keys: the members of an object, or the strings of an array, that a text or a list names.
 */
static bool is_listed(const wr_call *call, uint32_t i, wr_str quoted)
{
    WR_BUF(plain);
    if (!wr_json_unquote(quoted, &plain)) return false;
    if (call->args[1].type->id == WR_T_VARCHAR)
        return wr_str_eq(wr_arg_str(call, 1, i), wr_buf_str(&plain));
    uint32_t count = wr_list_length(&call->args[1], i);
    for (uint32_t k = 0; k < count; k++) {
        wr_pick at = wr_pick_element(&call->args[1], i, k);
        if (wr_column_is_null(at.column, at.row)) continue;
        wr_view view = wr_column_view(at.column, at.row);
        if (wr_str_eq(wr_view_str(&view), wr_buf_str(&plain))) return true;
    }
    return false;
}
static weir_status fn_without_keys(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_BUF(buf);
    WR_ROWS(i)
    {
        wr_str whole, key, member;
        wr_json_members m;
        bool any = false;
        buf.length = 0;
        if (!json_arg(call, 0, i, &whole)) return not_json(call, 0, i);
        if (!wr_json_begin(whole, &m))
            return wr_bad_row(
                call, i,
                wr_fail(WR_E_BAD_ARGUMENT, "a JSON value without members cannot be changed"));
        wr_buf_add_char(&buf, m.is_object ? '{' : '[');
        while (wr_json_next(&m, &key, &member)) {
            bool is_text = m.is_object || wr_json_kind_of(member) == WR_JSON_STRING;
            if (is_text && is_listed(call, i, m.is_object ? key : member)) continue;
            add_comma(&buf, &any);
            if (m.is_object) wr_buf_add_str(&buf, key), wr_buf_add_char(&buf, ':');
            copy_value(member, &buf);
        }
        wr_buf_add_char(&buf, m.is_object ? '}' : ']');
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}

/* ---- elements and members as lists ---- */

typedef WR_LIST(wr_view) view_list;

/* Values as JSON, borrowed, or as text without quotes; the text of a null is NULL. */
static weir_status values_rows(wr_call *call, wr_column *out, bool of_object, bool as_text)
{
    view_list found = {0};
    WR_LIST(uint32_t) nulls = {0};
    wr_text_out text = {call->arena, NULL, NULL};
    memset(out->data, 0, sizeof(wr_list_slot) * call->rows);
    WR_ROWS(i)
    {
        wr_str whole, key, member;
        wr_json_members m;
        uint32_t before = (uint32_t)found.count;
        if (!json_arg(call, 0, i, &whole)) return not_json(call, 0, i);
        if (!wr_json_begin(whole, &m) || m.is_object != of_object)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_BAD_ARGUMENT, "the JSON value is not an %s",
                                      of_object ? "object" : "array"));
        while (wr_json_next(&m, &key, &member)) {
            wr_json_kind kind = wr_json_kind_of(member);
            wr_view view = wr_view_of(member.data, member.length);
            if (as_text && kind == WR_JSON_STRING) {
                WR_BUF(plain);
                (void)wr_json_unquote(member, &plain);
                view = wr_text_buf(&text, &plain);
            }
            if (as_text && kind == WR_JSON_NULL)
                wr_push(call->arena, &nulls, (uint32_t)found.count);
            wr_push(call->arena, &found, view);
        }
        WR_OUT(out, wr_list_slot, i) = (wr_list_slot){before, (uint32_t)found.count - before};
    }
    uint32_t count = (uint32_t)found.count;
    out->children = wr_new(call->arena, wr_column);
    wr_column_init(out->children, call->arena, out->type->child, WR_P_VIEW, count + 1);
    out->children->rows = count;
    if (count) memcpy(out->children->data, found.items, sizeof(wr_view) * count);
    for (int k = 0; k < nulls.count; k++)
        wr_bit_clear(wr_column_need_valid(out->children, call->arena, count), nulls.items[k]);
    return WR_OK;
}
static weir_status fn_array_values(wr_call *call, wr_column *out)
{
    return values_rows(call, out, false, false);
}
static weir_status fn_array_texts(wr_call *call, wr_column *out)
{
    return values_rows(call, out, false, true);
}
static weir_status fn_values(wr_call *call, wr_column *out)
{
    return values_rows(call, out, true, false);
}
static weir_status fn_value_texts(wr_call *call, wr_column *out)
{
    return values_rows(call, out, true, true);
}

#define SET_HELP "The JSON with a value at a path; one that is missing is added."
#define INSERT_HELP "The JSON with a value put before, or behind, the place of a path."
#define FAILS .flags = WR_FN_CAN_FAIL

const wr_fn wr_fns_json_edit[] = {
    {"jsonb_set|json_set", "(json, path text[], value json) -> json", fn_set, SET_HELP,
     "jsonb_set('{\"a\": [1, 2]}', ['a', '0'], '9')", "{\"a\":[9,2]}", FAILS},
    {"jsonb_set|json_set", "(json, path text[], value json, create_if_missing boolean) -> json",
     fn_set, SET_HELP, "jsonb_set('{\"a\": 1}', ['b'], '2', false)", "{\"a\":1}", FAILS},
    {"json_set", "(json, path text, value each) -> json", fn_set, SET_HELP,
     "json_set('{\"a\": 1}', '$.b', 2)", "{\"a\":1,\"b\":2}", FAILS},
    {"json_replace", "(json, path text, value each) -> json", fn_replace,
     "The JSON with the value at a path replaced, if there is one.",
     "json_replace('{\"a\": 1}', '$.a', 'x')", "{\"a\":\"x\"}", FAILS},
    {"json_insert", "(json, path text, value each) -> json", fn_add,
     "The JSON with a value added at a path, unless there is one.",
     "json_insert('{\"a\": 1}', '$.a', 2)", "{\"a\":1}", FAILS},
    {"jsonb_insert", "(json, path text[], value json) -> json", fn_insert, INSERT_HELP,
     "jsonb_insert('[1, 2]', ['1'], '5')", "[1,5,2]", FAILS},
    {"jsonb_insert", "(json, path text[], value json, insert_after boolean) -> json", fn_insert,
     INSERT_HELP, "jsonb_insert('[1, 2]', ['1'], '5', true)", "[1,2,5]", FAILS},
    {"#-|jsonb_delete_path", "(json, path text[]) -> json", fn_remove,
     "The JSON without the value at a list of keys.", "'{\"a\": [1, 2]}'::json #- ['a', '0']",
     "{\"a\":[2]}", FAILS},
    {"json_remove", "(json, path text) -> json", fn_remove, "The JSON without the value at a path.",
     "json_remove('{\"a\": 1, \"b\": 2}', '$.a')", "{\"b\":2}", FAILS},
    {"-", "(json, key text) -> json", fn_without_keys, "The object without a key.",
     "'{\"a\": 1, \"b\": 2}'::json - 'a'", "{\"b\":2}", FAILS},
    {"-", "(json, n bigint) -> json", fn_without, "The array without an element, from 0.",
     "'[1, 2, 3]'::json - 1", "[1,3]", FAILS},
    {"-", "(json, keys text[]) -> json", fn_without_keys, "The object without some keys.",
     "'{\"a\": 1, \"b\": 2}'::json - ['a', 'b']", "{}", FAILS},
    {"json_array_values", "(json) -> json[]", fn_array_values, "Elements of an array.",
     "json_array_values('[1, {\"a\": 2}]')", "[1, {\"a\": 2}]", FAILS},
    {"json_array_texts", "(json) -> text[]", fn_array_texts, "Elements of an array as texts.",
     "json_array_texts('[1, \"a\", null]')", "[1, a, NULL]", FAILS},
    {"json_values", "(json) -> json[]", fn_values, "Values of an object's members.",
     "json_values('{\"a\": 1, \"b\": \"x\"}')", "[1, \"x\"]", FAILS},
    {"json_value_texts", "(json) -> text[]", fn_value_texts,
     "Values of an object's members as texts.", "json_value_texts('{\"a\": 1, \"b\": \"x\"}')",
     "[1, x]", FAILS},
    {0},
};

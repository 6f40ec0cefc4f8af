/* system.c - the session (users, settings, sequences), UUIDs and single bits of bytes.
 *
 * What the session knows comes through wr_env; where a session offers no callback the function
 * fails with UNSUPPORTED. */
#include "expr/fn/call.h"
#include "expr/pg_types.h"
#include "sys/clock.h"

static weir_status put_all(wr_call *call, wr_column *out, wr_str value)
{
    WR_ALL_ROWS(i) { wr_out_str(out, i, value); }
    return WR_OK;
}
static weir_status fn_version(wr_call *call, wr_column *out)
{
    return put_all(call, out, call->env->version);
}
static weir_status fn_user(wr_call *call, wr_column *out)
{
    return put_all(call, out, call->env->user);
}
static weir_status fn_database(wr_call *call, wr_column *out)
{
    return put_all(call, out, call->env->database);
}
static weir_status fn_schema(wr_call *call, wr_column *out)
{
    return put_all(call, out, call->env->schema);
}

/* ---- what tools ask about the tables of pg_catalog ---- */

/* Types that only PostgreSQL tells apart; clients ask for their names by habit. */
static wr_str formatted_text_type(wr_arena *arena, int64_t oid, int64_t modifier)
{
    const char *name = oid == 1043   ? "character varying"
                       : oid == 1042 ? "character"
                       : oid == 19   ? "name"
                       : oid == 26   ? "oid"
                       : oid == 2276 ? "\"any\""
                                     : NULL;
    if (!name) return WR_STR("???");
    if (modifier <= 4 || (oid != 1043 && oid != 1042)) return wr_str_of(name);
    return wr_arena_printf(arena, "%s(%d)", name, (int)(modifier - 4));
}

static wr_str formatted_type(wr_arena *arena, int64_t oid, int64_t modifier, bool has_modifier)
{
    wr_pg_type type;
    for (int i = 0; wr_pg_type_at(i, &type); i++) {
        if (type.oid != oid) continue;
        const char *array = type.is_array ? "[]" : "";
        if (!has_modifier || modifier < 4 || strcmp(type.name, "numeric") != 0)
            return wr_arena_printf(arena, "%s%s", type.formatted, array);
        return wr_arena_printf(arena, "numeric(%d,%d)%s", (int)((modifier - 4) >> 16),
                               (int)((modifier - 4) & 0xffff), array);
    }
    return formatted_text_type(arena, oid, modifier);
}
static weir_status fn_format_type(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i)
    {
        if (wr_arg_is_null(call, 0, i)) {
            wr_out_null(call, out, i);
            continue;
        }
        bool has_modifier = !wr_arg_is_null(call, 1, i);
        int64_t modifier = has_modifier ? WR_ARG(call, 1, int64_t, i) : -1;
        wr_out_str(
            out, i,
            formatted_type(call->arena, WR_ARG(call, 0, int64_t, i), modifier, has_modifier));
    }
    return WR_OK;
}
/* Expressions stand in the catalog as SQL already. */
static weir_status fn_same_text(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { wr_out_str(out, i, wr_arg_str(call, 0, i)); }
    return WR_OK;
}
/* All objects weir lists are visible to their one user. */
static weir_status fn_is_visible(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, uint8_t, i) = true; }
    return WR_OK;
}
static weir_status fn_user_by_id(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { wr_out_str(out, i, call->env->user); }
    return WR_OK;
}

static weir_status sequence_rows(wr_call *call, wr_column *out, bool advance)
{
    if (!call->env->next_value) return wr_fail(WR_E_UNSUPPORTED, "sequences cannot be read here");
    WR_ROWS(i)
    {
        weir_status bad = call->env->next_value(call->env->owner, wr_arg_str(call, 0, i), advance,
                                                &WR_OUT(out, int64_t, i));
        if (bad) return wr_bad_row(call, i, bad);
    }
    return WR_OK;
}
static weir_status fn_nextval(wr_call *call, wr_column *out)
{
    return sequence_rows(call, out, true);
}
static weir_status fn_currval(wr_call *call, wr_column *out)
{
    return sequence_rows(call, out, false);
}

/* setval(sequence, value [, is_called]) */
static weir_status fn_setval(wr_call *call, wr_column *out)
{
    if (!call->env->set_value) return wr_fail(WR_E_UNSUPPORTED, "sequences cannot be set here");
    WR_ROWS(i)
    {
        int64_t value = WR_ARG(call, 1, int64_t, i);
        bool is_called = call->arg_count < 3 || WR_ARG(call, 2, uint8_t, i);
        weir_status bad =
            call->env->set_value(call->env->owner, wr_arg_str(call, 0, i), value, is_called);
        if (bad) return wr_bad_row(call, i, bad);
        WR_OUT(out, int64_t, i) = value;
    }
    return WR_OK;
}
static weir_status fn_lastval(wr_call *call, wr_column *out)
{
    if (!call->env->last_value) return wr_fail(WR_E_UNSUPPORTED, "sequences cannot be read here");
    int64_t value;
    WR_TRY(call->env->last_value(call->env->owner, &value));
    WR_ALL_ROWS(i) { WR_OUT(out, int64_t, i) = value; }
    return WR_OK;
}
static weir_status fn_transaction(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i) { WR_OUT(out, int64_t, i) = (int64_t)call->env->transaction; }
    return WR_OK;
}
static weir_status fn_session(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i) { WR_OUT(out, int32_t, i) = (int32_t)call->env->session; }
    return WR_OK;
}
static weir_status fn_encoding(wr_call *call, wr_column *out)
{
    return put_all(call, out, WR_STR("UTF8"));
}

static weir_status fn_setting(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    if (!call->env->setting) return wr_fail(WR_E_UNSUPPORTED, "settings cannot be read here");
    WR_ROWS(i)
    {
        wr_value value;
        weir_status bad =
            call->env->setting(call->env->owner, wr_arg_str(call, 0, i), call->arena, &value);
        bool missing_ok = call->arg_count > 1 && WR_ARG(call, 1, uint8_t, i);
        if (bad && missing_ok) {
            wr_status_drop(bad);
            wr_out_null(call, out, i);
            continue;
        }
        if (bad) return wr_bad_row(call, i, bad);
        if (value.is_null) {
            wr_out_null(call, out, i);
            continue;
        }
        WR_BUF(buf);
        wr_value_print(&value, &buf);
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}

/* ---- UUIDs ---- */

static void put_uuid(wr_column *out, uint32_t i, uint64_t high, uint64_t low, uint64_t version)
{
    uint8_t bytes[16];
    high = (high & ~UINT64_C(0xf000)) | version << 12;
    low = (low & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;
    high = __builtin_bswap64(high), low = __builtin_bswap64(low);
    memcpy(bytes, &high, 8), memcpy(bytes + 8, &low, 8);
    WR_OUT(out, wr_i128, i) = wr_uuid_of_bytes(bytes);
}
static weir_status fn_uuid(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i) { put_uuid(out, i, wr_random_u64(), wr_random_u64(), 4); }
    return WR_OK;
}
static weir_status fn_uuidv7(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i)
    {
        uint64_t ms = (uint64_t)(wr_clock_unix_us() / 1000);
        put_uuid(out, i, ms << 16 | (wr_random_u64() & 0xffff), wr_random_u64(), 7);
    }
    return WR_OK;
}

/* ---- bits and bytes ---- */

static weir_status outside(wr_call *call, uint32_t i, int64_t n, int64_t count)
{
    return wr_bad_row(call, i,
                      wr_fail(WR_E_BAD_ARGUMENT,
                              "index %lld is outside of the valid range 0 to %lld", (long long)n,
                              (long long)count - 1));
}
static weir_status fn_get_bit(wr_call *call, wr_column *out)
{
    bool whole_byte = call->expr->call.fn->name[5] == 'y'; /* get_byte */
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        int64_t n = WR_ARG(call, 1, int64_t, i), count = (int64_t)s.length * (whole_byte ? 1 : 8);
        if (n < 0 || n >= count) return outside(call, i, n, count);
        WR_OUT(out, int32_t, i) =
            whole_byte ? (uint8_t)s.data[n] : (uint8_t)s.data[n / 8] >> (n % 8) & 1;
    }
    return WR_OK;
}
static weir_status fn_set_bit(wr_call *call, wr_column *out)
{
    bool whole_byte = call->expr->call.fn->name[5] == 'y';
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        int64_t n = WR_ARG(call, 1, int64_t, i), count = (int64_t)s.length * (whole_byte ? 1 : 8);
        int64_t value = WR_ARG(call, 2, int64_t, i);
        if (n < 0 || n >= count) return outside(call, i, n, count);
        if (!whole_byte && value != 0 && value != 1)
            return wr_bad_row(call, i, wr_fail(WR_E_BAD_ARGUMENT, "a bit must be 0 or 1"));
        char *to = wr_text_room(&text, s.length);
        memcpy(to, s.data, s.length);
        if (whole_byte)
            to[n] = (char)value;
        else
            to[n / 8] = (char)((to[n / 8] & ~(1 << (n % 8))) | (int)value << (n % 8));
        WR_OUT(out, wr_view, i) = wr_text_take(&text, s.length);
    }
    return WR_OK;
}

const wr_fn wr_fns_system[] = {
    {"version", "() -> text", fn_version, "Version of the engine.", "length(version()) > 0", "true",
     .flags = WR_FN_STABLE},
    {"current_user|user|session_user|current_role", "() -> text", fn_user, "Name of the user.",
     "current_user = user", "true", .flags = WR_FN_STABLE},
    {"current_database|current_catalog", "() -> text", fn_database, "Name of the database.",
     "current_database() = current_catalog", "true", .flags = WR_FN_STABLE},
    {"current_schema", "() -> text", fn_schema, "Name of the first schema searched.",
     "current_schema()", "main", .flags = WR_FN_STABLE},
    {"nextval", "(sequence text) -> bigint", fn_nextval, "Takes the next value of a sequence.",
     "nextval(NULL)", "NULL", .flags = WR_FN_VOLATILE | WR_FN_CAN_FAIL | WR_FN_IN_TURN},
    {"currval", "(sequence text) -> bigint", fn_currval, "The value last taken from a sequence.",
     "currval(NULL)", "NULL", .flags = WR_FN_VOLATILE | WR_FN_CAN_FAIL},
    {"setval", "(sequence text, value bigint) -> bigint", fn_setval,
     "Makes a value the one last taken from a sequence.", "setval(NULL, 1)", "NULL",
     .flags = WR_FN_VOLATILE | WR_FN_CAN_FAIL | WR_FN_IN_TURN},
    {"setval", "(sequence text, value bigint, is_called boolean) -> bigint", fn_setval,
     "Makes a value the one last taken from a sequence, or the next one.", "setval(NULL, 1, false)",
     "NULL", .flags = WR_FN_VOLATILE | WR_FN_CAN_FAIL | WR_FN_IN_TURN},
    {"lastval", "() -> bigint", fn_lastval,
     "The value last taken from any sequence in this session.", "coalesce(0, lastval())", "0",
     .flags = WR_FN_VOLATILE | WR_FN_CAN_FAIL},
    {"txid_current|pg_current_xact_id", "() -> bigint", fn_transaction,
     "Number of the transaction.", "txid_current() > 0", "true", .flags = WR_FN_STABLE},
    {"pg_backend_pid", "() -> integer", fn_session, "Number of the session.",
     "pg_backend_pid() > 0", "true", .flags = WR_FN_STABLE},
    {"format_type", "(oid bigint, modifier bigint) -> text", fn_format_type,
     "Name of the type with this number in pg_type.", "format_type(1700, 655366)", "numeric(10,2)",
     .flags = WR_FN_SEES_NULLS},
    {"pg_get_expr", "(expression text, relation bigint) -> text", fn_same_text,
     "An expression of pg_catalog as SQL.", "pg_get_expr('a + 1', 0)", "a + 1"},
    {"pg_get_expr", "(expression text, relation bigint, pretty boolean) -> text", fn_same_text,
     "An expression of pg_catalog as SQL.", "pg_get_expr('a + 1', 0, true)", "a + 1"},
    {"pg_table_is_visible|pg_type_is_visible|pg_function_is_visible", "(oid bigint) -> boolean",
     fn_is_visible, "True: every object can be named.", "pg_table_is_visible(1)", "true"},
    {"pg_get_userbyid", "(oid bigint) -> text", fn_user_by_id, "Name of the user with this number.",
     "pg_get_userbyid(10) = current_user()", "true", .flags = WR_FN_STABLE},
    {"pg_client_encoding|getdatabaseencoding", "() -> text", fn_encoding,
     "The encoding of text: always UTF8.", "pg_client_encoding()", "UTF8", .flags = WR_FN_STABLE},
    {"current_setting", "(name text) -> text", fn_setting, "Value of a setting.",
     "current_setting(NULL)", "NULL", .flags = WR_FN_STABLE | WR_FN_CAN_FAIL},
    {"current_setting", "(name text, missing_ok boolean) -> text", fn_setting,
     "Value of a setting, NULL if it is unknown.", "current_setting('no_such_setting', true)",
     "NULL", .flags = WR_FN_STABLE | WR_FN_CAN_FAIL},
    {"gen_random_uuid|uuid|uuidv4", "() -> uuid", fn_uuid, "A random UUID.",
     "length(gen_random_uuid()::text)", "36", .flags = WR_FN_VOLATILE},
    {"uuidv7", "() -> uuid", fn_uuidv7, "A UUID that begins with the time.",
     "length(uuidv7()::text)", "36", .flags = WR_FN_VOLATILE},
    {"get_bit", "(blob, n bigint) -> integer", fn_get_bit, "The n-th bit, from 0.",
     "get_bit('\\x05'::blob, 2)", "1", .flags = WR_FN_CAN_FAIL},
    {"get_byte", "(blob, n bigint) -> integer", fn_get_bit, "The n-th byte, from 0.",
     "get_byte('\\x0507'::blob, 1)", "7", .flags = WR_FN_CAN_FAIL},
    {"set_bit", "(blob, n bigint, value bigint) -> blob", fn_set_bit, "With the n-th bit changed.",
     "set_bit('\\x05'::blob, 1, 1)", "\\x07", .flags = WR_FN_CAN_FAIL},
    {"set_byte", "(blob, n bigint, value bigint) -> blob", fn_set_bit,
     "With the n-th byte changed.", "set_byte('\\x0507'::blob, 0, 9)", "\\x0907",
     .flags = WR_FN_CAN_FAIL},
    {0},
};

/* option_value.c - see option_value.h. Types are read by a small recursive parser, limited in
 * depth. */
#include "fmt/option_value.h"

enum { TYPE_DEPTH_MAX = 32 };

typedef struct type_text {
    wr_str text;
    size_t pos;
    wr_span span;
    wr_arena *arena;
    int depth;
} type_text;

static void skip_blanks(type_text *t)
{
    while (t->pos < t->text.length && (t->text.data[t->pos] == ' ' || t->text.data[t->pos] == '\t'))
        t->pos++;
}

static bool take(type_text *t, char c)
{
    skip_blanks(t);
    if (t->pos >= t->text.length || t->text.data[t->pos] != c) return false;
    t->pos++;
    return true;
}

static weir_status malformed(const type_text *t)
{
    return wr_fail_at(WR_E_UNKNOWN_TYPE, t->span, "\"%.*s\" is not the name of a type",
                      WR_STR_ARGS(t->text));
}

/* A word (letters, digits, _), or anything in double quotes. */
static bool take_word(type_text *t, wr_str *out)
{
    skip_blanks(t);
    size_t start = t->pos;
    if (take(t, '"')) {
        const char *close = memchr(t->text.data + t->pos, '"', t->text.length - t->pos);
        if (!close) return false;
        *out = (wr_str){t->text.data + t->pos, (size_t)(close - t->text.data) - t->pos};
        t->pos += out->length + 1;
        return out->length > 0;
    }
    while (t->pos < t->text.length) {
        unsigned char c = (unsigned char)t->text.data[t->pos];
        bool is_word = c >= 0x80 || c == '_' || (c >= '0' && c <= '9') ||
                       ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!is_word) break;
        t->pos++;
    }
    *out = (wr_str){t->text.data + start, t->pos - start};
    return out->length > 0;
}

static weir_status take_type(type_text *t, const wr_type **out);

static weir_status take_struct(type_text *t, const wr_type **out)
{
    WR_LIST(wr_field) fields = {0};
    do {
        wr_field field;
        if (!take_word(t, &field.name)) return malformed(t);
        field.name = wr_arena_str(t->arena, field.name);
        WR_TRY(take_type(t, &field.type));
        wr_push(t->arena, &fields, field);
    } while (take(t, ','));
    if (!take(t, ')')) return malformed(t);
    *out = wr_type_struct(fields.items, fields.count);
    return WR_OK;
}

static weir_status take_map(type_text *t, const wr_type **out)
{
    const wr_type *key, *value;
    WR_TRY(take_type(t, &key));
    if (!take(t, ',')) return malformed(t);
    WR_TRY(take_type(t, &value));
    if (!take(t, ')')) return malformed(t);
    *out = wr_type_map(key, value);
    return WR_OK;
}

static bool take_integer(type_text *t, int64_t *out)
{
    wr_str word;
    return take_word(t, &word) && wr_i64_read(word, out, NULL) && *out >= 0 && *out < INT32_MAX;
}

/* One word or the names of several words: TIMESTAMP WITH TIME ZONE, DOUBLE PRECISION. */
static weir_status take_simple(type_text *t, wr_str word, const wr_type **out)
{
    int64_t modifiers[2];
    int count = 0;
    size_t begin = (size_t)(word.data - t->text.data), behind = t->pos;
    wr_str more;
    while (take_word(t, &more)) {
        wr_str longer = {t->text.data + begin,
                         (size_t)(more.data + more.length - t->text.data) - begin};
        behind = t->pos;
        word = longer;
    }
    t->pos = behind;
    if (take(t, '(')) {
        do {
            if (count == 2 || !take_integer(t, &modifiers[count++])) return malformed(t);
        } while (take(t, ','));
        if (!take(t, ')')) return malformed(t);
    }
    *out = wr_type_find(word, modifiers, count);
    if (*out) return WR_OK;
    wr_nearest nearest = {.wanted = word};
    wr_type_offer_names(&nearest);
    return wr_with_nearest(
        wr_fail_at(WR_E_UNKNOWN_TYPE, t->span, "there is no type \"%.*s\"", WR_STR_ARGS(word)),
        &nearest);
}

static weir_status take_type(type_text *t, const wr_type **out)
{
    wr_str word;
    if (++t->depth > TYPE_DEPTH_MAX || !take_word(t, &word)) return malformed(t);
    if (wr_str_is(word, "struct") && take(t, '('))
        WR_TRY(take_struct(t, out));
    else if (wr_str_is(word, "map") && take(t, '('))
        WR_TRY(take_map(t, out));
    else
        WR_TRY(take_simple(t, word, out));
    while (take(t, '[')) {
        int64_t length;
        if (take(t, ']')) {
            *out = wr_type_list(*out);
            continue;
        }
        if (!take_integer(t, &length) || length < 1 || !take(t, ']')) return malformed(t);
        *out = wr_type_array(*out, (uint32_t)length);
    }
    t->depth--;
    return WR_OK;
}

weir_status wr_type_of_text(wr_str text, wr_span span, wr_arena *arena, const wr_type **out)
{
    type_text t = {.text = text, .span = span, .arena = arena};
    WR_TRY(take_type(&t, out));
    skip_blanks(&t);
    return t.pos == text.length ? WR_OK : malformed(&t);
}

static weir_status wrong_kind(const wr_given *item, const char *wanted)
{
    return wr_fail_at(WR_E_PARAMETER_VALUE, item->value_span, "the option \"%.*s\" takes %s",
                      WR_STR_ARGS(item->name), wanted);
}

static bool is_text(const wr_type *type)
{
    return type->id == WR_T_VARCHAR || type->id == WR_T_JSON;
}

/* The elements of a list value as texts; false if they are not. */
static bool texts_of_list(const wr_value *value, wr_arena *arena, wr_str **out, int *count)
{
    bool is_list =
        (value->type->id == WR_T_LIST || value->type->id == WR_T_ARRAY) && !value->is_null;
    if (!is_list) return false;
    uint32_t row;
    const wr_column *column = wr_column_at(value->nested, 0, &row);
    uint32_t from = 0, length = value->type->array_length;
    if (value->type->id == WR_T_LIST) {
        wr_list_slot slot = ((const wr_list_slot *)column->data)[row];
        from = slot.offset, length = slot.length;
    } else {
        from = row * length;
    }
    if (length > 0 && !is_text(value->type->child)) return false;
    *out = wr_new_array(arena, wr_str, length ? length : 1);
    *count = (int)length;
    for (uint32_t i = 0; i < length; i++) {
        if (wr_column_is_null(&column->children[0], from + i)) return false;
        wr_view view = wr_column_view(&column->children[0], from + i);
        (*out)[i] = wr_arena_str(arena, wr_view_str(&view));
    }
    return true;
}

weir_status wr_option_texts(const wr_options *given, const wr_opt *rows, const char *name,
                            wr_arena *arena, wr_str **out, int *count)
{
    const wr_given *item = wr_option_find(given, rows, name);
    if (!item) return WR_OK;
    if (is_text(item->value.type) && !item->value.is_null) {
        *out = wr_new(arena, wr_str);
        **out = wr_arena_str(arena, item->value.text);
        *count = 1;
        return WR_OK;
    }
    return texts_of_list(&item->value, arena, out, count)
               ? WR_OK
               : wrong_kind(item, "a text or a list of texts");
}

weir_status wr_option_fields(const wr_options *given, const wr_opt *rows, const char *name,
                             wr_arena *arena, wr_field **out, int *count, bool *is_list)
{
    const wr_given *item = wr_option_find(given, rows, name);
    const char *wanted = "{column: 'TYPE', ...}";
    *count = 0;
    if (is_list) *is_list = false;
    if (!item) return WR_OK;
    const wr_value *value = &item->value;
    wr_str *texts;
    if (is_list && texts_of_list(value, arena, &texts, count)) {
        *is_list = true;
        *out = wr_new_array(arena, wr_field, *count + 1);
        for (int i = 0; i < *count; i++)
            WR_TRY(wr_type_of_text(texts[i], item->value_span, arena, &(*out)[i].type));
        return WR_OK;
    }
    if (value->is_null || value->type->id != WR_T_STRUCT) return wrong_kind(item, wanted);
    uint32_t row;
    const wr_column *column = wr_column_at(value->nested, 0, &row);
    *count = value->type->field_count;
    *out = wr_new_array(arena, wr_field, *count + 1);
    for (int i = 0; i < *count; i++) {
        const wr_column *child = &column->children[i];
        if (!is_text(child->type) || wr_column_is_null(child, row)) return wrong_kind(item, wanted);
        wr_view view = wr_column_view(child, row);
        (*out)[i].name = wr_arena_str(arena, value->type->fields[i].name);
        WR_TRY(wr_type_of_text(wr_view_str(&view), item->value_span, arena, &(*out)[i].type));
    }
    return WR_OK;
}

/* 'a,b' as texts. */
static void texts_of_commas(wr_str text, wr_arena *arena, wr_str **out, int *count)
{
    WR_LIST(wr_str) list = {0};
    for (;;) {
        const char *comma = memchr(text.data, ',', text.length);
        wr_str one = {text.data, comma ? (size_t)(comma - text.data) : text.length};
        wr_push(arena, &list, wr_arena_str(arena, wr_str_trim(one)));
        if (!comma) break;
        text = (wr_str){comma + 1, text.length - one.length - 1};
    }
    *out = list.items;
    *count = list.count;
}

weir_status wr_option_columns(const wr_options *given, const wr_opt *rows, const char *name,
                              wr_arena *arena, wr_field **out, int *count)
{
    const wr_given *item = wr_option_find(given, rows, name);
    wr_str *names;
    if (!item || item->value.is_null || item->value.type->id == WR_T_STRUCT)
        return wr_option_fields(given, rows, name, arena, out, count, NULL);
    if (is_text(item->value.type))
        texts_of_commas(item->value.text, arena, &names, count);
    else if (!texts_of_list(&item->value, arena, &names, count))
        return wrong_kind(item, "'a,b' or {column: 'TYPE', ...}");
    *out = wr_new_array(arena, wr_field, *count + 1);
    for (int i = 0; i < *count; i++) {
        if (names[i].length == 0) return wrong_kind(item, "names of columns");
        (*out)[i] = (wr_field){names[i], NULL};
    }
    return WR_OK;
}

wr_value wr_value_of_fields(const wr_field *fields, int count, wr_arena *arena)
{
    wr_field *names = wr_new_array(arena, wr_field, count + 1);
    wr_column *texts = wr_new_array(arena, wr_column, count + 1);
    for (int i = 0; i < count; i++) {
        names[i] = (wr_field){fields[i].name, WR_VARCHAR};
        wr_column_init(&texts[i], arena, WR_VARCHAR, WR_P_VIEW, 1);
        *(wr_view *)texts[i].data =
            wr_view_of(fields[i].type->sql.data, fields[i].type->sql.length);
    }
    wr_column *row = wr_new(arena, wr_column);
    *row = (wr_column){
        .type = wr_type_struct(names, count), .phys = WR_P_STRUCT, .rows = 1, .children = texts};
    return (wr_value){.type = row->type, .nested = row};
}

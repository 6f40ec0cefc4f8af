/* cast_nested.c - lists, arrays, structs and maps.
 *
 * Conversions are made on compacted columns: the selected rows are gathered, so that the children
 * hold exactly the elements in use, the children are converted as columns of their own, and the
 * result is put back at the original row numbers. Text is split into the texts of the elements
 * ('[1, 2]', '{1,2}', '(1,2)', "{'a': 1}", '{k=v}'), which again are columns to convert: nesting
 * needs no code of its own. */
#include "expr/cast_rows.h"

static bool is_run(const wr_type *t) { return t->id == WR_T_LIST || t->id == WR_T_ARRAY; }

bool wr_cast_nested_exists(const wr_type *from, const wr_type *to)
{
    if (!wr_type_is_nested(to)) return false;
    if (from->id == WR_T_VARCHAR || from->id == WR_T_JSON) {
        if (to->child)
            return wr_cast_exists(WR_VARCHAR,
                                  to->id == WR_T_MAP ? to->child->fields[1].type : to->child);
        for (int i = 0; i < to->field_count; i++)
            if (!wr_cast_exists(WR_VARCHAR, to->fields[i].type)) return false;
        return true;
    }
    if (is_run(from) && is_run(to)) return wr_cast_exists(from->child, to->child);
    if (from->id == WR_T_MAP && to->id == WR_T_MAP) return wr_cast_exists(from->child, to->child);
    if (from->id != WR_T_STRUCT || to->id != WR_T_STRUCT || from->field_count != to->field_count)
        return false;
    for (int i = 0; i < from->field_count; i++)
        if (!wr_cast_exists(from->fields[i].type, to->fields[i].type)) return false;
    return true;
}

static weir_status cast_child(wr_cast_job *job, const wr_column *in, const wr_type *to,
                              wr_column *out)
{
    wr_cast_job child = {.env = job->env,
                         .to = to,
                         .is_try = job->is_try,
                         .sel_count = in->rows,
                         .arena = job->arena};
    return wr_cast_column(&child, in, out);
}

/* ---- lists and arrays ---- */

static uint32_t run_length(const wr_column *in, uint32_t row)
{
    return in->phys == WR_P_ARRAY ? in->type->array_length
                                  : ((const wr_list_slot *)in->data)[row].length;
}

/* A dense list of exactly n elements per row, NULL rows included, as the child of an array. */
static weir_status list_to_array(wr_cast_job *job, const wr_column *in, wr_column *out)
{
    uint32_t n = job->to->array_length;
    wr_column_init(out, job->arena, job->to, WR_P_ARRAY, in->rows);
    uint32_t total = in->rows * n;
    uint32_t *which = wr_new_array(job->arena, uint32_t, total + 1);
    uint32_t *rows = wr_new_array(job->arena, uint32_t, total + 1);
    memset(which, 0xff, sizeof *which * total);
    for (uint32_t i = 0; i < in->rows; i++) {
        bool is_null = wr_column_is_null(in, i), fits = is_null || run_length(in, i) == n;
        if (!fits && !job->is_try) {
            job->bad_row = i;
            return wr_fail(WR_E_BAD_VALUE, "a list of %u elements cannot become %s",
                           run_length(in, i), wr_type_name(job->to));
        }
        if (is_null || !fits) wr_bit_clear(wr_column_need_valid(out, job->arena, in->rows), i);
        for (uint32_t k = 0; k < n && !is_null && fits; k++) {
            which[i * n + k] = 0;
            rows[i * n + k] = ((const wr_list_slot *)in->data)[i].offset + k;
        }
    }
    wr_column converted;
    WR_TRY(cast_child(job, in->children, job->to->child, &converted));
    const wr_column *source = &converted;
    wr_column_stitch(job->to->child, &source, 1, which, rows, total, job->arena, out->children);
    return WR_OK;
}

static weir_status cast_runs(wr_cast_job *job, const wr_column *in, wr_column *out)
{
    if (in->phys == WR_P_LIST && job->to->phys == WR_P_ARRAY) return list_to_array(job, in, out);
    if (in->phys == WR_P_ARRAY && job->to->phys == WR_P_ARRAY &&
        in->type->array_length != job->to->array_length)
        return wr_fail(WR_E_TYPE_MISMATCH, "cannot convert %s to %s", wr_type_name(in->type),
                       wr_type_name(job->to));
    wr_column_init(out, job->arena, job->to, job->to->phys, in->rows);
    out->valid = in->valid;
    WR_TRY(cast_child(job, in->children, job->to->child, out->children));
    for (uint32_t i = 0; i < in->rows && out->phys == WR_P_LIST; i++) {
        uint32_t n = run_length(in, i);
        ((wr_list_slot *)out->data)[i] =
            in->phys == WR_P_LIST ? ((const wr_list_slot *)in->data)[i] : (wr_list_slot){i * n, n};
    }
    return WR_OK;
}

/* ---- structs ---- */

/* The field of from that becomes field i of to: by name when all names are found, else by position.
 */
static int source_field(const wr_type *from, const wr_type *to, int i)
{
    int found = i;
    for (int k = 0; k < to->field_count; k++) {
        int match = -1;
        for (int f = 0; f < from->field_count; f++)
            if (wr_str_ieq(from->fields[f].name, to->fields[k].name)) match = f;
        if (match < 0) return i;
        if (k == i) found = match;
    }
    return found;
}

static weir_status cast_fields(wr_cast_job *job, const wr_column *in, wr_column *out)
{
    wr_column_init(out, job->arena, job->to, WR_P_STRUCT, in->rows);
    out->valid = in->valid;
    for (int i = 0; i < job->to->field_count; i++) {
        wr_column field = in->children[source_field(in->type, job->to, i)];
        wr_cast_job child = {.env = job->env,
                             .to = job->to->fields[i].type,
                             .is_try = job->is_try,
                             .sel_count = in->rows,
                             .arena = job->arena};
        WR_TRY(wr_cast_column(&child, &field, &out->children[i]));
    }
    return WR_OK;
}

/* ---- text ---- */

typedef struct splitter {
    const char *at, *end;
    wr_arena *arena;
} splitter;

static bool is_open(char c) { return c == '[' || c == '{' || c == '('; }
static bool is_close(char c) { return c == ']' || c == '}' || c == ')'; }

static void skip_blanks(splitter *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n'))
        s->at++;
}

/* Past a quoted piece. False if it never ends. */
static bool skip_quoted(splitter *s)
{
    char quote = *s->at++;
    for (; s->at < s->end; s->at++) {
        if (*s->at == '\\') {
            s->at++;
        } else if (*s->at == quote) {
            s->at++;
            if (s->at == s->end || *s->at != quote) return true;
        }
    }
    return false;
}

static wr_str unquoted(wr_str text, wr_arena *arena)
{
    if (text.length < 2 || (text.data[0] != '\'' && text.data[0] != '"')) return text;
    char *to = wr_arena_alloc(arena, text.length);
    size_t n = 0;
    for (size_t i = 1; i + 1 < text.length; i++) {
        if (i + 2 < text.length && (text.data[i] == '\\' || text.data[i] == text.data[0])) i++;
        to[n++] = text.data[i];
    }
    return (wr_str){to, n};
}

/* The next piece up to one of the stops outside of quotes and brackets. A bare NULL gives a NULL
 * pointer. */
static bool next_piece(splitter *s, const char *stops, wr_str *out)
{
    skip_blanks(s);
    const char *start = s->at;
    int depth = 0;
    bool is_quoted = s->at < s->end && (*s->at == '\'' || *s->at == '"');
    while (s->at < s->end && (depth > 0 || !strchr(stops, *s->at))) {
        if (*s->at == '\'' || *s->at == '"') {
            if (!skip_quoted(s)) return false;
            continue;
        }
        depth += is_open(*s->at) - is_close(*s->at);
        if (depth < 0) return false;
        s->at++;
    }
    wr_str piece = wr_str_trim((wr_str){start, (size_t)(s->at - start)});
    bool is_null = !is_quoted && wr_str_is(piece, "null");
    *out = is_null ? (wr_str){NULL, 0} : unquoted(piece, s->arena);
    return is_null || is_quoted || piece.length > 0;
}

/* Takes the brackets off. */
static bool open_text(wr_str text, wr_arena *arena, splitter *s)
{
    text = wr_str_trim(text);
    if (text.length < 2 || !is_open(text.data[0]) || !is_close(text.data[text.length - 1]))
        return false;
    *s = (splitter){text.data + 1, text.data + text.length - 1, arena};
    skip_blanks(s);
    return true;
}

typedef WR_LIST(wr_str) text_list;

static bool next_comma(splitter *s)
{
    skip_blanks(s);
    if (s->at == s->end) return true;
    return *s->at++ == ',' && s->at < s->end;
}

/* '[a, b]' */
static bool split_list(wr_str text, wr_arena *arena, text_list *out)
{
    splitter s;
    if (!open_text(text, arena, &s)) return false;
    while (s.at < s.end) {
        wr_str piece;
        if (!next_piece(&s, ",", &piece) || !next_comma(&s)) return false;
        wr_push(arena, out, piece);
    }
    return true;
}

/* "{k=v, 'k': v}": keys and values alternate. */
static bool split_pairs(wr_str text, wr_arena *arena, text_list *out)
{
    splitter s;
    if (!open_text(text, arena, &s)) return false;
    while (s.at < s.end) {
        wr_str key, value;
        if (!next_piece(&s, ":=,", &key) || s.at == s.end || *s.at++ == ',') return false;
        if (!next_piece(&s, ",", &value) || !next_comma(&s)) return false;
        wr_push(arena, out, key);
        wr_push(arena, out, value);
    }
    return true;
}

static void text_column(const text_list *texts, int from, int step, wr_arena *arena, wr_column *out)
{
    uint32_t count = texts->count > from ? (uint32_t)((texts->count - from + step - 1) / step) : 0;
    wr_column_init(out, arena, WR_VARCHAR, WR_P_VIEW, count);
    for (uint32_t i = 0; i < count; i++) {
        wr_str text = texts->items[from + (int)i * step];
        if (text.data)
            ((wr_view *)out->data)[i] = wr_view_of(text.data, text.length);
        else
            wr_bit_clear(wr_column_need_valid(out, arena, count), i);
    }
}

/* Texts to lists of texts, or to maps of texts. */
static weir_status read_runs(wr_cast_job *job, const wr_column *in, wr_column *out)
{
    bool is_map = job->to->id == WR_T_MAP;
    text_list texts = {0};
    const wr_type *middle = is_map ? wr_type_map(WR_VARCHAR, WR_VARCHAR) : wr_type_list(WR_VARCHAR);
    wr_column split;
    wr_column_init(&split, job->arena, middle, WR_P_LIST, in->rows);
    for (uint32_t i = 0; i < in->rows; i++) {
        bool is_null = wr_column_is_null(in, i), is_bad = false;
        int before = texts.count, per_entry = is_map ? 2 : 1;
        if (!is_null) {
            wr_str text = wr_view_str((const wr_view *)in->data + i);
            is_bad = !(is_map ? split_pairs : split_list)(text, job->arena, &texts);
        }
        if (is_bad && !job->is_try) return wr_cast_failed(job, in, i, WR_CAST_MALFORMED);
        if (is_bad) texts.count = before;
        if (is_bad || is_null) wr_bit_clear(wr_column_need_valid(&split, job->arena, in->rows), i);
        ((wr_list_slot *)split.data)[i] = (wr_list_slot){
            (uint32_t)(before / per_entry), (uint32_t)((texts.count - before) / per_entry)};
    }
    if (is_map) {
        split.children->rows = (uint32_t)texts.count / 2;
        text_column(&texts, 0, 2, job->arena, &split.children->children[0]);
        text_column(&texts, 1, 2, job->arena, &split.children->children[1]);
    } else {
        text_column(&texts, 0, 1, job->arena, split.children);
    }
    return cast_runs(job, &split, out);
}

/* The fields of one struct text: by name from {a: 1}, by position from (1, 2). Missing fields are
 * NULL. */
static bool split_struct(wr_str text, const wr_type *type, wr_arena *arena, wr_str *fields)
{
    text_list pieces = {0};
    memset(fields, 0, sizeof *fields * (size_t)type->field_count);
    if (wr_str_trim(text).length && wr_str_trim(text).data[0] == '(') {
        if (!split_list(text, arena, &pieces) || pieces.count != type->field_count) return false;
        memcpy(fields, pieces.items, sizeof *fields * (size_t)pieces.count);
        return true;
    }
    if (!split_pairs(text, arena, &pieces)) return false;
    for (int i = 0; i < pieces.count; i += 2) {
        int found = -1;
        for (int f = 0; f < type->field_count; f++)
            if (pieces.items[i].data && wr_str_ieq(type->fields[f].name, pieces.items[i]))
                found = f;
        if (found < 0) return false;
        fields[found] = pieces.items[i + 1];
    }
    return true;
}

static weir_status read_structs(wr_cast_job *job, const wr_column *in, wr_column *out)
{
    int count = job->to->field_count;
    text_list texts = {0};
    wr_str *fields = wr_new_array(job->arena, wr_str, count + 1);
    wr_column_init(out, job->arena, job->to, WR_P_STRUCT, in->rows);
    for (uint32_t i = 0; i < in->rows; i++) {
        bool is_null = wr_column_is_null(in, i), is_good = true;
        memset(fields, 0, sizeof *fields * (size_t)count);
        if (!is_null)
            is_good = split_struct(wr_view_str((const wr_view *)in->data + i), job->to, job->arena,
                                   fields);
        if (!is_good && !job->is_try) return wr_cast_failed(job, in, i, WR_CAST_MALFORMED);
        if (!is_good || is_null) wr_bit_clear(wr_column_need_valid(out, job->arena, in->rows), i);
        for (int f = 0; f < count; f++) {
            wr_push(job->arena, &texts, is_good ? fields[f] : ((wr_str){NULL, 0}));
        }
    }
    for (int f = 0; f < count; f++) {
        wr_column column;
        text_column(&texts, f, count, job->arena, &column);
        WR_TRY(cast_child(job, &column, job->to->fields[f].type, &out->children[f]));
    }
    return WR_OK;
}

/* ---- entry ---- */

static weir_status cast_compacted(wr_cast_job *job, const wr_column *in, wr_column *out)
{
    if (wr_type_is_text(in->type)) {
        if (job->to->id == WR_T_STRUCT) return read_structs(job, in, out);
        return read_runs(job, in, out);
    }
    return in->type->id == WR_T_STRUCT ? cast_fields(job, in, out) : cast_runs(job, in, out);
}

weir_status wr_cast_nested(wr_cast_job *job, const wr_column *in, wr_column *out)
{
    wr_column flat, dense, result;
    wr_column_flatten(in, job->sel, job->sel_count, job->arena, &flat);
    uint32_t count = job->sel ? job->sel_count : in->rows;
    wr_column_gather(&flat, job->sel, count, job->arena, &dense);
    WR_TRY(cast_compacted(job, &dense, &result));
    if (!job->sel) {
        *out = result;
        return WR_OK;
    }
    uint32_t *which = wr_new_array(job->arena, uint32_t, in->rows + 1);
    uint32_t *rows = wr_new_array(job->arena, uint32_t, in->rows + 1);
    memset(which, 0xff, sizeof *which * in->rows);
    for (uint32_t i = 0; i < count; i++) {
        which[job->sel[i]] = 0;
        rows[job->sel[i]] = i;
    }
    const wr_column *source = &result;
    wr_column_stitch(job->to, &source, 1, which, rows, in->rows, job->arena, out);
    return WR_OK;
}

/* sniff.c - finds out how a CSV file is written: delimiter, quoting, header, names and types.
 *
 * Idea: read a small piece with every plausible dialect and see which gives the most regular
 * rectangle. A reading that is regular for only half of the lines but has columns still beats the
 * one-column reading that any text has: a ragged file must end in an error that shows the ragged
 * line, never in a guess that hides it. No line is ever left out to make a guess come true, but for
 * notes above the table: lines that begin with #, have another shape, and below which all is
 * regular. Types are guessed by fmt/guess.h. */
#include "fmt/csv/csv.h"
#include "fmt/guess.h"

enum { DIALECT_SAMPLE = 64 << 10, NAME_MAX_BYTES = 256 };
/* A sample cut into records. */
typedef struct sample_table {
    const char *data;
    wr_csv_index index;
    uint32_t *first; /* per record: its first end in index.ends; one more at the end */
    uint32_t *start;
    size_t count; /* records, blank lines left out */
} sample_table;

typedef struct dialect_trial {
    wr_csv_dialect dialect;
    int fields; /* the most frequent number */
    double consistency, score;
    bool is_irregular; /* quotes in odd places */
} dialect_trial;

static wr_str cell_at(const sample_table *t, const wr_csv_dialect *d, size_t record, int field)
{
    uint32_t at = t->first[record] + (uint32_t)field;
    uint32_t end = t->index.ends[at];
    uint32_t start =
        field == 0 ? t->start[record] : t->index.ends[at - 1] + (uint32_t)d->delimiter_size;
    if (end > start && t->data[end] == '\n' && t->data[end - 1] == '\r') end--;
    return (wr_str){t->data + start, end - start};
}

/* Cuts whole records; text behind the last one is ignored unless is_all. */
static weir_status make_table(wr_mem *mem, const wr_csv_dialect *d, const char *data, size_t size,
                              bool is_all, wr_arena *arena, sample_table *t)
{
    wr_csv_extent extent;
    *t = (sample_table){.data = data};
    WR_TRY(wr_csv_scan(mem, d, data, size, is_all, &t->index, &extent));
    size_t most = t->index.count + 1, record = 0;
    t->first = wr_new_array(arena, uint32_t, most + 1);
    t->start = wr_new_array(arena, uint32_t, most);
    uint32_t start = 0;
    for (size_t i = 0; i < t->index.count; record++) {
        size_t last = i;
        while (last + 1 < t->index.count && data[t->index.ends[last]] != d->newline)
            last++;
        if (t->index.has_starts) start = t->index.starts[record];
        uint32_t end = t->index.ends[last];
        bool is_blank = last == i && (end == start || (end == start + 1 && data[start] == '\r'));
        if (!is_blank) {
            t->first[t->count] = (uint32_t)i;
            t->start[t->count++] = start;
        }
        start = end + 1;
        i = last + 1;
        t->first[t->count] = (uint32_t)i;
    }
    return WR_OK;
}

/* Counted to the record end: a blank line may lie between a record and the next one's first[]. */
static int true_fields(const sample_table *t, const wr_csv_dialect *d, size_t record)
{
    uint32_t at = t->first[record];
    int fields = 1;
    while (at + 1 < t->index.count && t->data[t->index.ends[at]] != d->newline)
        at++, fields++;
    return fields;
}

static bool has_quote_trouble(const sample_table *t, const wr_csv_dialect *d, size_t record,
                              int fields, wr_arena *arena)
{
    for (int k = 0; k < fields; k++) {
        wr_str out;
        bool was_quoted;
        if (wr_csv_unquote(d, cell_at(t, d, record, k), arena, &out, &was_quoted) != CSV_CELL_OK)
            return true;
    }
    return false;
}

static weir_status try_dialect(wr_mem *mem, const char *data, size_t size, bool is_all,
                               dialect_trial *trial)
{
    WR_ARENA(scratch);
    sample_table t;
    weir_status bad = make_table(mem, &trial->dialect, data, size, is_all, &scratch, &t);
    int *counts = wr_new_array(&scratch, int, t.count + 1);
    size_t good = 0, best = 0;
    trial->fields = 1;
    for (size_t r = 0; !bad && r < t.count; r++) {
        counts[r] = true_fields(&t, &trial->dialect, r);
        if (has_quote_trouble(&t, &trial->dialect, r, counts[r], &scratch)) {
            trial->is_irregular = true;
            counts[r] = -1;
        }
    }
    for (size_t r = 0; !bad && r < t.count && r < 64;
         r++) { /* the most frequent count; the earliest wins a tie */
        good = 0;
        for (size_t k = 0; k < t.count; k++)
            good += counts[k] == counts[r];
        if (counts[r] > 0 && good > best) best = good, trial->fields = counts[r];
    }
    trial->consistency = t.count ? (double)best / (double)t.count : 0;
    trial->score = trial->consistency * (trial->fields > 1 ? 1.0 : 0.45);
    if (t.count > 0 && counts[0] != trial->fields) trial->score *= 0.8;
    if (trial->is_irregular) trial->score *= 0.9;
    wr_csv_index_clear(mem, &t.index);
    return bad;
}

static bool is_better(const dialect_trial *a, const dialect_trial *b)
{
    if (a->score > b->score + 1e-9) return true;
    return a->score > b->score - 1e-9 && a->fields > b->fields;
}

/* The best delimiter for one way of quoting. */
static weir_status try_delimiters(wr_mem *mem, const wr_csv_config *config, int quote, int escape,
                                  const char *data, size_t size, bool is_all, dialect_trial *best)
{
    static const char delimiters[] = {',', '\t', ';', '|'};
    size_t count = config->has_delimiter ? 1 : sizeof delimiters;
    for (size_t i = 0; i < count; i++) {
        dialect_trial trial = {.dialect = config->dialect};
        trial.dialect.quote = quote;
        trial.dialect.escape = escape;
        if (!config->has_delimiter) {
            trial.dialect.delimiter[0] = delimiters[i];
            trial.dialect.delimiter_size = 1;
        }
        WR_TRY(try_dialect(mem, data, size, is_all, &trial));
        if (i == 0 && best->score < 0)
            *best = trial;
        else if (is_better(&trial, best))
            *best = trial;
    }
    return WR_OK;
}

static weir_status find_dialect(wr_mem *mem, const wr_csv_config *config, const char *data,
                                size_t size, bool is_all, dialect_trial *best)
{
    *best = (dialect_trial){.score = -1};
    int quote = config->has_quote ? config->dialect.quote : '"';
    int escape = config->has_escape ? config->dialect.escape : quote;
    WR_TRY(try_delimiters(mem, config, quote, escape, data, size, is_all, best));
    bool is_free = !config->has_quote && !config->has_escape;
    bool has_double = memchr(data, '"', size) != NULL;
    if (is_free && best->is_irregular && memchr(data, '\\', size))
        WR_TRY(try_delimiters(mem, config, '"', '\\', data, size, is_all, best));
    if (is_free && best->is_irregular)
        WR_TRY(try_delimiters(mem, config, -1, -1, data, size, is_all, best));
    if (is_free && !has_double && memchr(data, '\'', size)) {
        dialect_trial single = {.score = -1};
        WR_TRY(try_delimiters(mem, config, '\'', '\'', data, size, is_all, &single));
        if (!single.is_irregular && is_better(&single, best)) *best = single;
    }
    return WR_OK;
}

/* ---- types ---- */
typedef struct sniff_state {
    const wr_csv_config *config;
    const wr_csv_dialect *dialect;
    sample_table table;
    int head_fields; /* of the first record; 0: there is none */
    int fields;
    int *body_masks, *head_masks; /* of the records after the first; of the first */
    bool *head_empty;
} sniff_state;

static void look_at_cell(const sniff_state *s, wr_str raw, wr_arena *arena, int *mask,
                         bool *is_empty)
{
    wr_str text;
    bool was_quoted;
    *is_empty = false;
    if (wr_csv_unquote(s->dialect, raw, arena, &text, &was_quoted) != CSV_CELL_OK) {
        *mask = 0;
        return;
    }
    if (wr_csv_is_null(s->config, text) || (was_quoted && text.length == 0)) {
        *is_empty = true;
        if (was_quoted) *mask &= WR_GUESS_ANY; /* "" fits everything: NULL in a typed column */
        return;
    }
    *mask &= wr_guess_cell(&s->config->rules, text);
}

static void look_at_cells(sniff_state *s, size_t records)
{
    WR_ARENA(scratch);
    bool is_empty;
    for (int k = 0; k < s->fields; k++) {
        s->body_masks[k] = s->head_masks[k] = WR_GUESS_ANY;
        s->head_empty[k] = true;
    }
    for (size_t r = 0; r < records; r++) {
        int fields = WR_MIN(true_fields(&s->table, s->dialect, r), s->fields);
        for (int k = 0; k < fields; k++) {
            wr_str raw = cell_at(&s->table, s->dialect, r, k);
            if (r == 0)
                look_at_cell(s, raw, &scratch, &s->head_masks[k], &s->head_empty[k]);
            else if (s->body_masks[k])
                look_at_cell(s, raw, &scratch, &s->body_masks[k], &is_empty);
        }
        if (r % 256 == 0) wr_arena_reset(&scratch);
    }
}

static wr_str head_text(const sniff_state *s, int field, wr_arena *arena)
{
    wr_str text = {"", 0};
    bool was_quoted;
    if (field >= s->head_fields) return text;
    if (wr_csv_unquote(s->dialect, cell_at(&s->table, s->dialect, 0, field), arena, &text,
                       &was_quoted) != CSV_CELL_OK)
        return cell_at(&s->table, s->dialect, 0, field);
    return text;
}

/* Could a record that has no others below it be names? Letters in each field, no control bytes. */
static bool may_be_name(wr_str text)
{
    bool has_letter = false;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        if (byte < 0x20) return false;
        has_letter |= byte >= 0x80 || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
    }
    return has_letter;
}

/* The first record is the header if a typed column's first cell does not fit its type, or if all is
 * text and the first record looks like names. */
static bool guess_header(const sniff_state *s, wr_arena *arena)
{
    const wr_csv_config *config = s->config;
    if (s->table.count == 0) return false;
    if (config->name_count > 0) {
        bool are_names = true;
        for (int k = 0; k < config->name_count && k < s->fields; k++)
            are_names &= wr_str_ieq(wr_str_trim(head_text(s, k, arena)), config->names[k]);
        if (are_names) return true;
    }
    if (config->types_are_all) {
        for (int k = 0; k < s->fields && k < config->type_count; k++) {
            _Alignas(16) char slot[16];
            bool fits = s->head_empty[k] || wr_cell_read(&config->rules, config->types[k].type,
                                                         head_text(s, k, arena), slot);
            if (!fits) return true;
        }
        return false;
    }
    bool is_typed = false, for_header = false, looks_like_names = true;
    for (int k = 0; k < s->fields; k++) {
        bool column_typed =
            s->table.count > 1 && s->body_masks[k] != 0 && s->body_masks[k] != WR_GUESS_ANY;
        is_typed |= column_typed;
        if (s->head_empty[k]) {
            looks_like_names = false;
            continue;
        }
        for_header |= column_typed && (s->head_masks[k] & s->body_masks[k]) == 0;
        looks_like_names &= s->head_masks[k] == 0 && head_text(s, k, arena).length < NAME_MAX_BYTES;
        if (s->table.count == 1) looks_like_names &= may_be_name(head_text(s, k, arena));
    }
    for (int k = 0; looks_like_names && k < s->fields; k++)
        for (int j = 0; j < k && s->fields < 1000; j++)
            looks_like_names &= !wr_str_eq(head_text(s, k, arena), head_text(s, j, arena));
    return for_header || (!is_typed && looks_like_names);
}

static void name_columns(const sniff_state *s, bool header, wr_arena *arena, wr_field *fields)
{
    int digits = wr_i128_digits(s->fields - 1);
    for (int k = 0; k < s->fields; k++) {
        wr_str name = {"", 0};
        if (k < s->config->name_count)
            name = s->config->names[k];
        else if (header)
            name = wr_arena_str(arena, wr_str_trim(head_text(s, k, arena)));
        if (name.length == 0 || !wr_utf8_valid(name.data, name.length))
            name = wr_arena_printf(arena, "column%0*d", digits, k);
        fields[k].name = name;
    }
    wr_fields_tell_apart(fields, s->fields, arena);
}

static weir_status type_columns(const sniff_state *s, bool header, wr_str path, wr_csv_sniffed *out)
{
    const wr_csv_config *config = s->config;
    for (int k = 0; k < s->fields; k++) {
        int mask = s->body_masks[k];
        if (!header) mask &= s->head_masks[k];
        out->fields[k].type =
            config->all_varchar ? WR_VARCHAR : wr_guessed_type(mask, &out->formats[k]);
        out->is_guessed[k] = !config->all_varchar;
        if (k < config->position_type_count && config->position_types[k]) {
            out->fields[k].type = config->position_types[k];
            out->is_guessed[k] = false;
            out->formats[k] = (wr_str){0};
        }
    }
    for (int i = 0; i < config->type_count; i++) {
        int found = -1;
        for (int k = 0; k < s->fields; k++)
            if (wr_str_ieq(out->fields[k].name, config->types[i].name)) found = k;
        if (found < 0 && config->types_are_all) continue;
        if (found < 0) {
            wr_nearest nearest = {.wanted = config->types[i].name};
            for (int k = 0; k < s->fields; k++)
                wr_nearest_offer(&nearest, out->fields[k].name);
            return wr_with_nearest(wr_fail(WR_E_UNKNOWN_COLUMN, "no column \"%.*s\" in %.*s",
                                           WR_STR_ARGS(config->types[i].name), WR_STR_ARGS(path)),
                                   &nearest);
        }
        out->fields[found].type = config->types[i].type;
        out->is_guessed[found] = false;
        out->formats[found] = (wr_str){0};
    }
    return WR_OK;
}

/* Offset and number of the line behind the skipped ones. */
static size_t skip_lines(const char *data, size_t size, int64_t lines, char newline)
{
    size_t at = 0;
    while (lines-- > 0 && at < size) {
        const char *end = memchr(data + at, newline, size - at);
        at = end ? (size_t)(end - data) + 1 : size;
    }
    return at;
}

static uint64_t count_lines(const char *data, size_t size, char newline)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == newline;
    return lines;
}

/* Lines before the first record of the right length, if there are some and all records behind it
 * have that length: titles and notes above the table. */
static int64_t find_lead(const sniff_state *s, const char *data)
{
    size_t first = 0;
    while (first < s->table.count && true_fields(&s->table, s->dialect, first) < s->fields)
        first++;
    for (size_t r = first; r < s->table.count; r++)
        if (true_fields(&s->table, s->dialect, r) != s->fields) return 0;
    if (first == 0 || first == s->table.count) return 0;
    return (int64_t)count_lines(data, s->table.start[first], s->dialect->newline);
}

static weir_status describe(sniff_state *s, wr_str path, size_t skipped, const char *sample,
                            wr_arena *arena, wr_csv_sniffed *out)
{
    const wr_csv_config *config = s->config;
    size_t records = s->table.count;
    if (config->sample_lines >= 0) records = WR_MIN(records, (size_t)config->sample_lines + 1);
    out->sample_is_all &= records == s->table.count;
    s->body_masks = wr_new_array(arena, int, s->fields + 1);
    s->head_masks = wr_new_array(arena, int, s->fields + 1);
    s->head_empty = wr_new_array(arena, bool, s->fields + 1);
    out->fields = wr_new_array(arena, wr_field, s->fields + 1);
    out->is_guessed = wr_new_array(arena, bool, s->fields + 1);
    out->formats = wr_new_array(arena, wr_str, s->fields + 1);
    out->field_count = s->fields;
    look_at_cells(s, records);
    out->header = config->has_header ? config->header : guess_header(s, arena);
    name_columns(s, out->header, arena, out->fields);
    WR_TRY(type_columns(s, out->header, path, out));
    out->sample_rows = records - (out->header && records > 0);
    out->rows_within = s->table.count - (out->header && s->table.count > 0);
    out->body = skipped;
    if (out->header && s->table.count > 0) {
        uint32_t at = s->table.first[0] + (uint32_t)true_fields(&s->table, s->dialect, 0) - 1;
        out->body = skipped + s->table.index.ends[at] + 1;
    }
    int64_t lead = out->consistency < 1 ? find_lead(s, sample + skipped) : 0;
    out->skip_wanted =
        lead > 0 ? lead + (int64_t)count_lines(sample, skipped, s->dialect->newline) : 0;
    out->body_line = 1 + count_lines(sample, out->body, s->dialect->newline);
    if (out->consistency < 1 && out->consistency > 0)
        wr_buf_printf(&out->warnings,
                      "%.0f %% of the lines looked at have %d fields, the others do not\n",
                      out->consistency * 100, s->fields);
    return WR_OK;
}

/* Bytes of the lines at the start that begin with #. */
static size_t note_size(const char *data, size_t size, char newline)
{
    size_t at = 0;
    while (at < size && data[at] == '#') {
        const char *end = memchr(data + at, newline, size - at);
        at = end ? (size_t)(end - data) + 1 : size;
    }
    return at;
}

/* Moves *at and *size behind notes above a table. */
static weir_status leave_notes_out(wr_mem *mem, const wr_csv_config *config, bool is_all, char **at,
                                   size_t *size, dialect_trial *trial)
{
    size_t notes = note_size(*at, *size, config->dialect.newline);
    bool is_regular = trial->consistency >= 1 && trial->fields > 1;
    if (notes == 0 || notes == *size || is_regular || config->dialect.comment >= 0) return WR_OK;
    dialect_trial below;
    size_t piece = WR_MIN(*size - notes, (size_t)DIALECT_SAMPLE);
    WR_TRY(find_dialect(mem, config, *at + notes, piece, is_all && piece == *size - notes, &below));
    if (below.consistency < 1 || below.fields < 2) return WR_OK;
    *trial = below;
    *at += notes;
    *size -= notes;
    return WR_OK;
}

weir_status wr_csv_sniff(wr_mem *mem, const wr_csv_config *config_, wr_str path, char *sample,
                         size_t size, bool is_all, wr_arena *arena, wr_csv_sniffed *out)
{
    wr_csv_config config = *config_;
    *out = (wr_csv_sniffed){.sample_is_all = is_all};
    if (!config.has_newline && memchr(sample, '\r', size) && !memchr(sample, '\n', size))
        config.dialect.newline = '\r';
    size_t skipped = skip_lines(sample, size, config.skip, config.dialect.newline);
    char *data = sample + skipped;
    size_t length = size - skipped;
    if (is_all && length > 0 && data[length - 1] != config.dialect.newline)
        data[length++] = config.dialect.newline;
    size_t piece = WR_MIN(length, (size_t)DIALECT_SAMPLE);
    dialect_trial trial;
    WR_TRY(find_dialect(mem, &config, data, piece, is_all && piece == length, &trial));
    if (trial.consistency == 0 && piece < length) /* not one whole record in the piece */
        WR_TRY(find_dialect(mem, &config, data, length, is_all, &trial));
    WR_TRY(leave_notes_out(mem, &config, is_all, &data, &length, &trial));
    skipped = (size_t)(data - sample);
    out->dialect = trial.dialect;
    out->consistency = trial.consistency;
    out->score = trial.score;
    sniff_state s = {.config = &config, .dialect = &out->dialect, .fields = trial.fields};
    if (config.types_are_all) s.fields = config.name_count;
    if (s.fields > CSV_COLUMNS_MAX)
        return wr_fail(WR_E_TOO_BIG, "%.*s has more than %d columns", WR_STR_ARGS(path),
                       CSV_COLUMNS_MAX);
    weir_status bad = make_table(mem, &out->dialect, data, length, is_all, arena, &s.table);
    if (!bad && s.table.count > 0) s.head_fields = true_fields(&s.table, s.dialect, 0);
    if (!bad && s.table.count == 0 && config.name_count == 0)
        bad = wr_with_hint(
            wr_fail(WR_E_FILE_FORMAT, "%.*s has no lines to find columns in", WR_STR_ARGS(path)),
            "say what the columns are: columns => {name: 'TYPE'}");
    if (!bad && s.table.count == 0) s.fields = config.name_count;
    if (!bad) bad = describe(&s, path, skipped, sample, arena, out);
    wr_csv_index_clear(mem, &s.table.index);
    return bad;
}

/* error.c - messages about lines: which file and line, the line itself with a caret, what was not
 * done, what to type. */
#include "fmt/csv/csv.h"

enum { SHOWN_MAX = 100, BEFORE_CARET = 60 };

/* Appends text with everything that would spoil a line of output replaced; returns the columns it
 * takes. */
static int add_shown(wr_buf *out, wr_str text)
{
    int width = 0;
    for (size_t i = 0; i < text.length;) {
        uint32_t code = 0;
        int length = wr_utf8_decode(text.data + i, text.length - i, &code);
        if (length == 0 || code < 0x20 || code == 0x7f) {
            wr_buf_add_char(out, length == 0 ? '?' : ' ');
            width++;
            i += length ? (size_t)length : 1;
            continue;
        }
        wr_buf_add(out, text.data + i, (size_t)length);
        width += wr_utf8_width(code);
        i += (size_t)length;
    }
    return width;
}

/* " 12 | the line\n    |     ^^^ note\n" */
static void add_line(wr_buf *out, const wr_csv_place *place, const char *note)
{
    size_t from = place->caret > BEFORE_CARET ? place->caret - BEFORE_CARET : 0;
    while (from > 0 && from < place->record.length &&
           ((unsigned char)place->record.data[from] & 0xc0) == 0x80)
        from--;
    size_t caret = WR_MIN(place->caret, place->record.length);
    size_t shown = WR_MIN(place->record.length - from, (size_t)SHOWN_MAX);
    char number[24];
    int digits = wr_u64_print(place->line, number);
    wr_buf_printf(out, "%.*s | %s", digits, number, from > 0 ? "..." : "");
    int before = from > 0 ? 3 : 0;
    before += add_shown(out, (wr_str){place->record.data + from, WR_MIN(caret - from, shown)});
    size_t done = WR_MIN(caret - from, shown);
    size_t marked = WR_MIN(place->caret_size, shown - done);
    int marks = add_shown(out, (wr_str){place->record.data + from + done, marked});
    add_shown(out, (wr_str){place->record.data + from + done + marked, shown - done - marked});
    if (from + shown < place->record.length) wr_buf_add_text(out, "...");
    wr_buf_printf(out, "\n%*s | %*s", digits, "", before, "");
    for (int i = 0; i < WR_MAX(marks, 1); i++)
        wr_buf_add_char(out, '^');
    if (note[0]) wr_buf_printf(out, " %s", note);
    wr_buf_add_char(out, '\n');
}

static void add_names(wr_buf *out, const wr_schema *schema, int count)
{
    for (int i = 0; i < count && i < 12; i++)
        wr_buf_printf(out, "%s%.*s", i ? ", " : "", WR_STR_ARGS(schema->fields[i].name));
    if (count > 12) wr_buf_add_text(out, ", ...");
}

weir_status wr_csv_fail_shape(const wr_csv_place *place, int got, const wr_schema *schema,
                              int wanted, bool has_header)
{
    WR_BUF(names);
    WR_BUF(detail);
    WR_BUF(note);
    add_names(&names, schema, wanted);
    if (got < wanted)
        wr_buf_printf(&note, "%.*s is missing here", WR_STR_ARGS(schema->fields[got].name));
    else
        wr_buf_printf(&note, "field %d is one too many", wanted + 1);
    add_line(&detail, place, note.data);
    wr_buf_add_text(&detail, "nothing was loaded");
    weir_status bad = wr_fail(WR_E_ROW_SHAPE, "%.*s line %llu has %d field%s, the %s %d (%s)",
                              WR_STR_ARGS(place->path), (unsigned long long)place->line, got,
                              got == 1 ? "" : "s", has_header ? "header has" : "other lines have",
                              wanted, names.data ? names.data : "");
    bad = wr_with_detail(bad, "%s", detail.data);
    wr_str path = place->path;
    if (place->skip_wanted > 0)
        return wr_with_fix(bad, "read_csv('%.*s', skip => %lld)   if the table begins at line %lld",
                           WR_STR_ARGS(path), (long long)place->skip_wanted,
                           (long long)place->skip_wanted + 1);
    if (got < wanted)
        return wr_with_fix(bad,
                           "read_csv('%.*s', short_rows => 'null')   or   rejects => 'bad_rows' to "
                           "keep such lines in a table",
                           WR_STR_ARGS(path));
    return wr_with_fix(bad,
                       "read_csv('%.*s', rejects => 'bad_rows')   to keep such lines in a table",
                       WR_STR_ARGS(path));
}

weir_status wr_csv_fail_cell(const wr_csv_place *place, wr_csv_cell_fault fault, wr_str text,
                             const wr_field *field, bool is_guessed, uint64_t sample_rows)
{
    WR_BUF(detail);
    WR_BUF(shown);
    add_line(&detail, place, "");
    wr_buf_add_text(&detail, "nothing was loaded");
    add_shown(&shown, (wr_str){text.data, WR_MIN(text.length, (size_t)80)});
    unsigned long long line = place->line;
    weir_status bad;
    if (fault == CSV_CELL_OPEN) {
        bad = wr_fail(WR_E_ROW_VALUE,
                      "a quoted field that begins in %.*s line %llu is never closed (column %.*s)",
                      WR_STR_ARGS(place->path), line, WR_STR_ARGS(field->name));
        bad = wr_with_fix(bad, "read_csv('%.*s', quote => '')   if quotes are ordinary text",
                          WR_STR_ARGS(place->path));
    } else if (fault == CSV_CELL_QUOTE) {
        bad =
            wr_fail(WR_E_ROW_VALUE, "text follows a closing quote in %.*s line %llu (column %.*s)",
                    WR_STR_ARGS(place->path), line, WR_STR_ARGS(field->name));
        bad = wr_with_fix(
            bad, "read_csv('%.*s', escape => '\\')   or   quote => ''   or   rejects => 'bad_rows'",
            WR_STR_ARGS(place->path));
    } else if (fault == CSV_CELL_ENCODING) {
        bad = wr_fail(WR_E_BAD_ENCODING, "%.*s line %llu is not valid UTF-8 (column %.*s)",
                      WR_STR_ARGS(place->path), line, WR_STR_ARGS(field->name));
        bad =
            wr_with_fix(bad, "read_csv('%.*s', encoding => 'latin-1')   or   rejects => 'bad_rows'",
                        WR_STR_ARGS(place->path));
    } else {
        WR_BUF(how);
        if (is_guessed)
            wr_buf_printf(&how, "; type guessed from the first %llu lines",
                          (unsigned long long)sample_rows);
        bad = wr_fail(WR_E_ROW_VALUE, "cannot read \"%s\" as %s (column %.*s, %.*s line %llu%s)",
                      shown.data ? shown.data : "", wr_type_name(field->type),
                      WR_STR_ARGS(field->name), WR_STR_ARGS(place->path), line,
                      how.data ? how.data : "");
        bad = wr_with_fix(
            bad, "read_csv('%.*s', types => {\"%.*s\": 'VARCHAR'})   or   rejects => 'bad_rows'",
            WR_STR_ARGS(place->path), WR_STR_ARGS(field->name));
    }
    return wr_with_detail(bad, "%s", detail.data);
}

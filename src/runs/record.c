/* record.c - run.json, artifacts as JSON, identifiers and times.
 *
 * One table of fields reads and writes run.json, so that what is written is what is read. Unknown
 * members are ignored, missing ones are empty: records of other versions, and those that Velaria
 * wrote, can be read. */
#include "base/date.h"
#include "runs/runs.h"
#include "sys/clock.h"
#include <stddef.h>
#include <stdio.h>

typedef enum kind { TEXT, JSON } kind;
typedef enum place { EVERYWHERE, FILE_ONLY } place;

typedef struct field {
    const char *name;
    size_t offset;
    kind kind;
    place place;
    const char *empty; /* JSON: what stands for nothing; NULL: null */
} field;

#define AT(member) offsetof(wr_run_record, member)
static const field fields[] = {
    {"run_id", AT(id), TEXT, EVERYWHERE, NULL},
    {"parent_run_id", AT(parent_id), TEXT, EVERYWHERE, NULL},
    {"run_name", AT(name), TEXT, EVERYWHERE, NULL},
    {"description", AT(description), TEXT, EVERYWHERE, NULL},
    {"tags", AT(tags), JSON, EVERYWHERE, "[]"},
    {"action", AT(action), TEXT, EVERYWHERE, NULL},
    {"cli_args", AT(cli_args), JSON, EVERYWHERE, "[]"},
    {"status", AT(status), TEXT, EVERYWHERE, NULL},
    {"created_at", AT(created_at), TEXT, EVERYWHERE, NULL},
    {"finished_at", AT(finished_at), TEXT, EVERYWHERE, NULL},
    {"run_dir", AT(dir), TEXT, EVERYWHERE, NULL},
    {"weir_version", AT(version), TEXT, EVERYWHERE, NULL},
    {"error", AT(error), TEXT, EVERYWHERE, NULL},
    {"error_type", AT(error_type), TEXT, EVERYWHERE, NULL},
    {"phase", AT(phase), TEXT, EVERYWHERE, NULL},
    {"details", AT(details), JSON, EVERYWHERE, "{}"},
    {"writer", AT(writer), TEXT, FILE_ONLY, NULL},
    {"artifacts", AT(artifacts), JSON, FILE_ONLY, "[]"},
};
#undef AT

static wr_str *member_of(wr_run_record *record, const field *f)
{
    return (wr_str *)(void *)((char *)record + f->offset);
}

bool wr_run_has_text(wr_str array, wr_str text)
{
    wr_json_members members;
    wr_str key, value;
    WR_BUF(one);
    if (!wr_json_begin(array, &members)) return false;
    while (wr_json_next(&members, &key, &value)) {
        one.length = 0;
        if (wr_json_kind_of(value) == WR_JSON_STRING && wr_json_unquote(value, &one) &&
            wr_str_eq(wr_buf_str(&one), text))
            return true;
    }
    return false;
}

/* ---- records ---- */

static void put_field(wr_buf *out, const field *f, wr_str value)
{
    if (!value.length && f->kind == JSON && f->empty) value = wr_str_of(f->empty);
    if (f->kind == JSON || !value.length)
        wr_json_put(out, f->name, value);
    else
        wr_json_put_text(out, f->name, value);
}

void wr_run_record_write(const wr_run_record *record, bool for_file, wr_buf *out)
{
    wr_run_record copy = *record;
    wr_buf_add_char(out, '{');
    for (size_t i = 0; i < WR_COUNT(fields); i++)
        if (for_file || fields[i].place == EVERYWHERE)
            put_field(out, &fields[i], *member_of(&copy, &fields[i]));
    wr_buf_add_char(out, '}');
}

bool wr_run_record_read(wr_arena *arena, wr_str json, wr_run_record *out)
{
    *out = (wr_run_record){0};
    if (!wr_json_valid(json)) return false;
    json = wr_str_trim(json);
    for (size_t i = 0; i < WR_COUNT(fields); i++)
        *member_of(out, &fields[i]) = fields[i].kind == TEXT
                                          ? wr_json_text_of(arena, json, fields[i].name)
                                          : wr_json_member_of(arena, json, fields[i].name);
    if (!out->version.length) out->version = wr_json_text_of(arena, json, "velaria_version");
    return wr_run_id_is(out->id) && out->status.length > 0;
}

void wr_run_record_show(const wr_run_record *record, int64_t artifact_count, wr_buf *out)
{
    int64_t duration_ms = wr_run_duration_ms(record);
    wr_run_record_write(record, false, out);
    out->length--; /* the brace */
    wr_json_put_int(out, "artifact_count", artifact_count);
    if (duration_ms >= 0)
        wr_json_put_int(out, "duration_ms", duration_ms);
    else
        wr_json_put(out, "duration_ms", WR_STR(""));
    wr_buf_add_char(out, '}');
}

static void put_artifact(const wr_run_artifact *artifact, wr_buf *out)
{
    wr_json_put_text(out, "artifact_id", artifact->id);
    wr_json_put_text(out, "run_id", artifact->run_id);
    wr_json_put_text(out, "created_at", artifact->created_at);
    wr_json_put_text(out, "type", artifact->type);
    wr_json_put_text(out, "uri", artifact->uri);
    wr_json_put_text(out, "format", artifact->format);
    wr_json_put(out, "row_count", artifact->row_count);
    wr_json_put(out, "schema", artifact->schema);
    wr_json_put(out, "tags", artifact->tags.length ? artifact->tags : WR_STR("[]"));
}

void wr_run_artifact_write(const wr_run_artifact *artifact, wr_buf *out)
{
    wr_buf_add_char(out, '{');
    put_artifact(artifact, out);
    wr_buf_add_char(out, '}');
}

void wr_run_artifacts_read(wr_arena *arena, wr_str run_id, wr_str json, wr_artifact_list *out)
{
    wr_json_members members;
    wr_str key, value;
    if (!wr_json_begin(json, &members)) return;
    while (wr_json_next(&members, &key, &value)) {
        wr_run_artifact one = {.id = wr_json_text_of(arena, value, "artifact_id"),
                               .run_id = wr_arena_str(arena, run_id),
                               .created_at = wr_json_text_of(arena, value, "created_at"),
                               .type = wr_json_text_of(arena, value, "type"),
                               .uri = wr_json_text_of(arena, value, "uri"),
                               .format = wr_json_text_of(arena, value, "format"),
                               .row_count = wr_json_member_of(arena, value, "row_count"),
                               .schema = wr_json_member_of(arena, value, "schema"),
                               .tags = wr_json_member_of(arena, value, "tags")};
        if (one.id.length && one.uri.length) wr_push(arena, out, one);
    }
}

/* ---- times and identifiers ---- */

wr_str wr_run_time_text(wr_arena *arena, int64_t unix_us)
{
    wr_civil t;
    wr_ts_split(unix_us, &t);
    return wr_arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", t.year, t.month, t.day,
                           t.hour, t.minute, t.second, t.usec);
}

int64_t wr_run_time_us(wr_str text)
{
    int64_t time;
    bool has_zone, range;
    wr_str zone;
    return text.length && wr_ts_read(text, &time, &has_zone, &zone, &range) ? time : -1;
}

int64_t wr_run_duration_ms(const wr_run_record *record)
{
    int64_t from = wr_run_time_us(record->created_at), to = wr_run_time_us(record->finished_at);
    if (wr_str_is(record->status, "running")) to = wr_clock_unix_us();
    return from < 0 || to < 0 ? -1 : WR_MAX(to - from, 0) / 1000;
}

bool wr_run_id_is(wr_str name)
{
    static const char pattern[] = "99999999T999999Z_xxxxxxxx";
    if (name.length != sizeof pattern - 1) return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        bool is_digit = c >= '0' && c <= '9', is_hex = is_digit || (c >= 'a' && c <= 'f');
        if (pattern[i] == '9' ? !is_digit : pattern[i] == 'x' ? !is_hex : c != pattern[i])
            return false;
    }
    return true;
}

wr_str wr_run_id_new(wr_arena *arena, int64_t unix_us)
{
    wr_civil t;
    wr_ts_split(unix_us, &t);
    return wr_arena_printf(arena, "%04d%02d%02dT%02d%02d%02dZ_%08x", t.year, t.month, t.day, t.hour,
                           t.minute, t.second, (unsigned)wr_random_u64());
}

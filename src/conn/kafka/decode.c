/* decode.c - messages made rows, many at a time, by the readers of text files.
 *
 * The payloads of a batch are put one behind the other, one line each, on a disk in memory, and
 * read like a file of JSON lines or CSV. The reader numbers its records, so each row is known by
 * its message: columns of keys, offsets and times come from there, and what the reader rejects is
 * told with topic, partition and offset. Avro becomes JSON first (avro_read.c). Raw
 * payloads are columns as they stand.
 *
 * One bad message must not take others along, so each payload has to be exactly one record of its
 * own: line ends between tokens of JSON become blanks (inside a text they become a control
 * character, which JSON refuses as it refuses the line end); CSV with quotes or line ends is looked
 * at by the scanner of CSV and rejected here if it is none or several records.
 *
 * Changes of a database are up to two records of a message, with a sign each; one batch has both,
 * and where one cannot be read both are left out. So fewer messages are taken at once.
 *
 * Trap: bad messages are found for a whole batch at once, but a position lies behind the rows that
 * were handed out. So a bad message is told when the position passes it and not before, or it would
 * be told again after a crash. */
#include "base/json.h"
#include "conn/kafka/debezium.h"
#include "conn/kafka/decode.h"
#include "fmt/csv/csv.h"
#include "fmt/files.h"
#include "fmt/option_value.h"

static const wr_str NAME = {"payload", 7};

typedef struct bad_message {
    uint32_t number;
    wr_str reason;
} bad_message;

struct kafka_decoder {
    kafka_source *source;
    const kafka_api *api;
    wr_dead_letters *dead; /* NULL: a bad message is an error */
    wr_rejects rejects;
    wr_mem *mem;
    const wr_cancel *cancel;
    const int *asked; /* columns of the source */
    int asked_count;
    int *text_columns, *places; /* of the relation, its row number last; asked column -> there */
    int text_count;
    wr_csv_config csv;
    wr_csv_index csv_index;
    kafka_registry *registry; /* NULL: all payloads have the schema of the source */
    wr_arena arena, batch_arena;
    wr_fs *memory;
    wr_relation *relation;
    wr_scan *scan;
    wr_scan_worker *worker;
    bool in_morsel;
    wr_buf text;
    size_t charged;
    rd_kafka_message_t *const *messages;
    uint32_t count, record_count;
    uint32_t *order;            /* record -> message */
    int8_t *signs;              /* record -> +1, -1 */
    int8_t *changes;            /* by row of the last batch; NULL: all appear */
    uint16_t *kept;             /* rows of messages that are good as a whole */
    uint32_t *lines;            /* record -> line it begins in, from 1 */
    const uint32_t *message_of; /* row of the last batch -> message */
    WR_LIST(bad_message) bad;   /* found and not told; in bad_arena */
    wr_arena bad_arena;
    uint32_t line;
    bool is_given; /* raw: the rows were handed out */
    wr_column *columns;
};

/* ---- bad messages ---- */
static void print_place(const kafka_decoder *d, uint32_t number, wr_buf *out)
{
    const rd_kafka_message_t *message = d->messages[number];
    wr_buf_printf(out, "topic %s partition %d offset %lld", d->source->config.topic.data,
                  (int)message->partition, (long long)message->offset);
}

static wr_str raw_of(const kafka_decoder *d, uint32_t number)
{
    const rd_kafka_message_t *message = d->messages[number];
    return (wr_str){message->payload ? message->payload : "", message->len};
}

/* Those of the first done messages. */
static weir_status tell_bad(kafka_decoder *d, uint32_t done)
{
    int left = 0;
    for (int i = 0; i < d->bad.count; i++) {
        bad_message bad = d->bad.items[i];
        if (bad.number >= done) {
            d->bad.items[left++] = bad;
            continue;
        }
        WR_BUF(position);
        print_place(d, bad.number, &position);
        WR_TRY(d->dead->add(d->dead, wr_buf_str(&position), bad.reason, raw_of(d, bad.number)));
    }
    d->bad.count = left;
    return WR_OK;
}

static bool is_bad(const kafka_decoder *d, uint32_t number)
{
    for (int i = 0; i < d->bad.count; i++)
        if (d->bad.items[i].number == number) return true;
    return false;
}

static weir_status reject(kafka_decoder *d, uint32_t number, wr_str reason)
{
    wr_str raw = raw_of(d, number);
    WR_BUF(position);
    if (d->dead) {
        if (is_bad(d, number)) return WR_OK;
        wr_push(&d->bad_arena, &d->bad,
                ((bad_message){number, wr_arena_str(&d->bad_arena, reason)}));
        return WR_OK;
    }
    print_place(d, number, &position);
    weir_status bad = wr_fail(WR_E_ROW_VALUE, "%.*s: %.*s", WR_STR_ARGS(wr_buf_str(&position)),
                              WR_STR_ARGS(reason));
    size_t shown = WR_MIN(raw.length, (size_t)1000);
    return wr_utf8_valid(raw.data, shown) ? wr_with_detail(bad, "%.*s", (int)shown, raw.data) : bad;
}

void wr_kafka_locate(const kafka_decoder *d, uint32_t row, wr_buf *out)
{
    if (d->message_of && d->messages) print_place(d, d->message_of[row], out);
}

static uint32_t record_at_line(const kafka_decoder *d, uint64_t line)
{
    uint32_t low = 0, high = d->record_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (d->lines[middle] <= line)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Readers of files say in which line; there is only one that anybody can see. */
static weir_status take_reject(wr_rejects *base, wr_str file, uint64_t line, uint64_t offset,
                               wr_str column, wr_str reason, wr_str text)
{
    kafka_decoder *d = (kafka_decoder *)(void *)((char *)base - offsetof(kafka_decoder, rejects));
    (void)file, (void)offset, (void)text;
    WR_BUF(why);
    char place[32];
    int length = snprintf(place, sizeof place, " line %llu", (unsigned long long)line);
    ptrdiff_t at = wr_str_find(reason, (wr_str){place, (size_t)length});
    if (column.length) wr_buf_printf(&why, "column %.*s: ", WR_STR_ARGS(column));
    wr_buf_add(&why, reason.data, at < 0 ? reason.length : (size_t)at);
    if (at >= 0)
        wr_buf_add(&why, reason.data + at + length, reason.length - (size_t)at - (size_t)length);
    wr_assert(d->record_count > 0);
    return reject(d, d->order[record_at_line(d, line)], wr_buf_str(&why));
}

/* ---- one payload as one line ---- */
static bool is_blank(wr_str text) { return wr_str_trim(text).length == 0; }

static void add_json(wr_buf *out, wr_str text)
{
    size_t begin = out->length;
    wr_buf_add_str(out, text);
    if (!memchr(text.data, '\n', text.length)) return;
    bool in_text = false;
    for (char *at = out->data + begin, *end = out->data + out->length; at < end; at++) {
        if (in_text && *at == '\\' && at + 1 < end && at[1] != '\n')
            at++;
        else if (*at == '"')
            in_text = !in_text;
        else if (*at == '\n')
            *at = in_text ? '\x01' : ' ';
    }
}

static wr_str without_line_end(wr_str text)
{
    if (text.length && text.data[text.length - 1] == '\n') text.length--;
    if (text.length && text.data[text.length - 1] == '\r') text.length--;
    return text;
}

/* *why: it is not one record. */
static weir_status add_csv(kafka_decoder *d, wr_str text, const char **why)
{
    enum { SCANNED_BEHIND = 64 };
    const wr_csv_dialect *dialect = &d->csv.dialect;
    text = without_line_end(text);
    size_t begin = d->text.length;
    wr_buf_add_str(&d->text, text);
    bool may_be_several = memchr(text.data, '\n', text.length) ||
                          memchr(text.data, '\r', text.length) ||
                          (dialect->quote >= 0 && memchr(text.data, dialect->quote, text.length));
    if (!may_be_several) return WR_OK;
    wr_csv_extent extent;
    wr_buf_add_char(&d->text, '\n');
    wr_buf_reserve(&d->text, SCANNED_BEHIND);
    WR_TRY(wr_csv_scan(d->mem, dialect, d->text.data + begin, text.length + 1, true, &d->csv_index,
                       &extent));
    if (d->csv_index.is_open || extent.is_open)
        *why = "a quote is never closed";
    else if ((d->csv_index.has_starts ? d->csv_index.record_count : extent.records) != 1)
        *why = "it is more than one record";
    d->text.length--;
    return WR_OK;
}

/* With a registry: a zero byte, the number of the schema, the value. */
static weir_status add_avro(kafka_decoder *d, wr_str bytes, const char **why)
{
    enum { HEAD = 5 };
    const avro_node *schema = d->source->avro.schema;
    if (d->registry) {
        uint32_t number;
        *why = "it does not begin as messages with a schema registry do";
        if (bytes.length < HEAD || bytes.data[0] != 0) return WR_OK;
        memcpy(&number, bytes.data + 1, sizeof number);
        WR_TRY(wr_kafka_registry_find(d->registry, __builtin_bswap32(number), &schema));
        *why = "the schema registry does not know its schema";
        if (!schema) return WR_OK;
        *why = "its schema is not a record";
        if (schema->kind != AVRO_RECORD) return WR_OK;
        bytes = (wr_str){bytes.data + HEAD, bytes.length - HEAD};
    }
    if (wr_avro_to_json(schema, bytes, &d->text, why)) *why = NULL;
    return WR_OK;
}

static weir_status add_payload(kafka_decoder *d, uint32_t number, wr_str text, bool is_made_up)
{
    const char *why = NULL;
    size_t begin = d->text.length;
    bool may_be_empty = d->source->format == KAFKA_CSV && d->relation->visible_count == 1;
    if (d->source->format == KAFKA_AVRO && !is_made_up)
        WR_TRY(add_avro(d, text, &why));
    else if (!may_be_empty && is_blank(text))
        why = "it is empty";
    else if (d->source->format != KAFKA_CSV)
        add_json(&d->text, text);
    else
        WR_TRY(add_csv(d, text, &why));
    if (why) {
        d->text.length = begin;
        return reject(d, number, wr_str_of(why));
    }
    d->order[d->record_count] = number;
    d->lines[d->record_count++] = d->line;
    wr_buf_add_char(&d->text, '\n');
    for (const char *at = d->text.data + begin, *end = d->text.data + d->text.length;
         (at = memchr(at, '\n', (size_t)(end - at))); at++)
        d->line++;
    return WR_OK;
}

static void add_record(kafka_decoder *d, uint32_t number, wr_str row, int8_t sign)
{
    size_t begin = d->text.length;
    add_json(&d->text, row);
    d->order[d->record_count] = number;
    d->signs[d->record_count] = sign;
    d->lines[d->record_count++] = d->line++;
    wr_buf_add_char(&d->text, '\n');
    wr_assert(!memchr(d->text.data + begin, '\n', d->text.length - begin - 1));
}

static weir_status add_changes(kafka_decoder *d, uint32_t number, wr_str text)
{
    const char *why = NULL;
    wr_str before, after;
    const wr_schema *schema = &d->source->base.schema;
    if (!wr_debezium_read(text, &before, &after, &why)) return reject(d, number, wr_str_of(why));
    if (before.length && !wr_debezium_is_whole(before, schema, d->source->is_key))
        return reject(d, number,
                      WR_STR("it has only the key of the row as it was (the database must log old "
                             "rows whole: REPLICA IDENTITY FULL)"));
    if (before.length) add_record(d, number, before, -1);
    if (after.length) add_record(d, number, after, 1);
    return WR_OK;
}

static bool key_is_text(const kafka_decoder *d)
{
    for (int i = 0; i < d->asked_count; i++)
        if (d->source->fields[d->asked[i]] == KAFKA_KEY &&
            d->source->base.schema.fields[d->asked[i]].type->id != WR_T_BLOB)
            return true;
    return false;
}

static weir_status add_message(kafka_decoder *d, uint32_t number, bool check_key)
{
    const rd_kafka_message_t *message = d->messages[number];
    kafka_source *source = d->source;
    if (message->len > UINT32_MAX - 64) return reject(d, number, WR_STR("it is too long"));
    if (check_key && message->key && !wr_utf8_valid(message->key, message->key_len))
        return reject(d, number, WR_STR("the key is not valid UTF-8"));
    if (!message->payload && source->tombstones == KAFKA_SKIP) return WR_OK;
    if (!message->payload && source->tombstones == KAFKA_BAD)
        return reject(d, number, WR_STR("it has no payload"));
    if (source->format == KAFKA_DEBEZIUM)
        return add_changes(d, number, (wr_str){message->payload, message->len});
    if (source->format != KAFKA_RAW && message->payload)
        return add_payload(d, number, (wr_str){message->payload, message->len}, false);
    if (source->format != KAFKA_RAW) return add_payload(d, number, WR_STR("{}"), true);
    bool is_text =
        d->text_count && source->base.schema.fields[d->text_columns[0]].type->id != WR_T_BLOB;
    if (is_text && message->payload && !wr_utf8_valid(message->payload, message->len))
        return reject(d, number, WR_STR("it is not valid UTF-8"));
    d->order[d->record_count++] = number;
    return WR_OK;
}

/* ---- the reader of the text ---- */
static void close_scan(kafka_decoder *d)
{
    if (d->worker) d->relation->def->worker_drop(d->worker);
    if (d->scan) d->relation->def->close(d->scan);
    d->worker = NULL;
    d->scan = NULL;
    d->in_morsel = false;
}

static weir_status put_text(kafka_decoder *d, wr_str text)
{
    WR_AUTO(wr_file) *file = NULL;
    WR_TRY(wr_file_open(d->memory, NAME, WR_FILE_REPLACE, &file));
    return text.length ? wr_file_append(file, text.data, text.length) : WR_OK;
}

/* Text and its copy on the disk in memory are counted, whatever their size. */
static void count_memory(kafka_decoder *d)
{
    size_t size = d->text.cap * 2;
    if (size > d->charged)
        wr_mem_charge(d->mem, size - d->charged);
    else
        wr_mem_release(d->mem, d->charged - size);
    d->charged = size;
}

static weir_status open_scan(kafka_decoder *d)
{
    const wr_scan_request request = {.columns = d->text_columns,
                                     .column_count = d->text_count,
                                     .limit = -1,
                                     .worker_count = 1,
                                     .mem = d->mem,
                                     .cancel = d->cancel};
    WR_TRY(put_text(d, wr_buf_str(&d->text)));
    WR_TRY(d->relation->def->open(d->relation, &request, &d->scan));
    return d->relation->def->worker_new(d->scan, 0, &d->worker);
}

weir_status wr_kafka_decode(kafka_decoder *d, rd_kafka_message_t *const *messages, uint32_t count)
{
    enum { KEPT_BYTES = 4 << 20 };
    bool check_key = key_is_text(d);
    close_scan(d);
    if (d->text.cap > KEPT_BYTES) wr_buf_clear(&d->text);
    d->text.length = 0;
    wr_arena_reset(&d->bad_arena);
    memset(&d->bad, 0, sizeof d->bad);
    d->messages = messages;
    d->count = count;
    d->record_count = 0;
    d->line = 1;
    d->is_given = false;
    for (uint32_t i = 0; i < count; i++)
        WR_TRY(add_message(d, i, check_key));
    count_memory(d);
    return d->source->format == KAFKA_RAW || d->record_count == 0 ? WR_OK : open_scan(d);
}

/* ---- columns of what stands beside the payload ---- */
static void add_header_value(wr_buf *out, const void *value, size_t size)
{
    if (!value) {
        wr_buf_add_text(out, "null");
    } else if (wr_utf8_valid(value, size)) {
        wr_buf_add_json(out, (wr_str){value, size});
    } else {
        wr_buf_add_text(out, "\"\\\\x");
        for (size_t i = 0; i < size; i++)
            wr_buf_printf(out, "%02x", ((const uint8_t *)value)[i]);
        wr_buf_add_char(out, '"');
    }
}

/* {"name": "value", ..}; empty: no headers. */
static wr_str headers_of(kafka_decoder *d, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size;
    WR_BUF(out);
    if (d->api->rd_kafka_message_headers(message, &headers)) return (wr_str){0};
    for (size_t i = 0; !d->api->rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
        wr_buf_add_char(&out, i ? ',' : '{');
        add_header_value(&out, name, strlen(name));
        wr_buf_add_char(&out, ':');
        add_header_value(&out, value, size);
    }
    if (out.length) wr_buf_add_char(&out, '}');
    return wr_arena_str(&d->batch_arena, wr_buf_str(&out));
}

static void set_null(kafka_decoder *d, wr_column *column, uint32_t row, uint32_t rows)
{
    wr_bit_clear(wr_column_need_valid(column, &d->batch_arena, rows), row);
}

static void set_bytes(kafka_decoder *d, wr_column *column, uint32_t row, uint32_t rows,
                      wr_str bytes)
{
    ((wr_view *)column->data)[row] = wr_view_of(bytes.data, bytes.length);
    if (!bytes.data) set_null(d, column, row, rows);
}

static void set_field(kafka_decoder *d, kafka_field field, wr_column *column, uint32_t row,
                      uint32_t rows, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t kind;
    int64_t milliseconds;
    switch (field) {
    case KAFKA_PARTITION:
        wr_column_put_i128(column, row, message->partition);
        break;
    case KAFKA_OFFSET:
        wr_column_put_i128(column, row, message->offset);
        break;
    case KAFKA_TIMESTAMP:
        milliseconds = d->api->rd_kafka_message_timestamp(message, &kind);
        wr_column_put_i128(column, row, (wr_i128)milliseconds * 1000);
        if (kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || milliseconds > INT64_MAX / 1000)
            set_null(d, column, row, rows);
        break;
    case KAFKA_KEY:
        set_bytes(d, column, row, rows, (wr_str){message->key, message->key_len});
        break;
    case KAFKA_TOPIC:
        set_bytes(d, column, row, rows, d->source->config.topic);
        break;
    case KAFKA_HEADERS:
        set_bytes(d, column, row, rows, headers_of(d, message));
        break;
    default: /* KAFKA_PAYLOAD, raw */
        set_bytes(d, column, row, rows, (wr_str){message->payload, message->len});
    }
}

/* The asked columns that do not come from text; message_of: per physical row that counts. */
static void fill_columns(kafka_decoder *d, const wr_batch *shape, const uint32_t *message_of)
{
    for (int i = 0; i < d->asked_count; i++) {
        if (d->places[i] >= 0) continue;
        kafka_field field = d->source->fields[d->asked[i]];
        const wr_type *type = d->source->base.schema.fields[d->asked[i]].type;
        wr_column *column = &d->columns[i];
        wr_column_init(column, &d->batch_arena, type, type->phys, shape->rows);
        column->rows = shape->rows;
        for (uint32_t k = 0; k < wr_batch_count(shape); k++) {
            uint32_t row = wr_batch_row(shape, k);
            set_field(d, field, column, row, shape->rows, d->messages[message_of[row]]);
        }
    }
}

/* Avro's bytes came as text whose characters are the bytes. */
static void restore_bytes(kafka_decoder *d, const wr_batch *batch)
{
    for (int i = 0; i < d->asked_count; i++) {
        if (d->places[i] < 0 || d->columns[i].type->id != WR_T_BLOB) continue;
        wr_column bytes;
        wr_column_flatten(&d->columns[i], batch->sel, wr_batch_count(batch), &d->batch_arena,
                          &bytes);
        for (uint32_t k = 0; k < wr_batch_count(batch); k++) {
            uint32_t row = wr_batch_row(batch, k);
            if (wr_column_is_null(&bytes, row)) continue;
            wr_view *slot = &((wr_view *)bytes.data)[row];
            wr_str text = wr_arena_str(&d->batch_arena, wr_view_str(slot));
            char *out = (char *)(uintptr_t)text.data;
            size_t length = 0;
            uint32_t code;
            for (size_t at = 0; at < text.length;) {
                int used = wr_utf8_decode(text.data + at, text.length - at, &code);
                if (used <= 0) break;
                out[length++] = (char)code;
                at += (size_t)used;
            }
            *slot = wr_view_of(out, length);
        }
        d->columns[i] = bytes;
    }
}

static weir_status raw_rows(kafka_decoder *d, wr_batch *out, uint32_t *done, bool *has)
{
    *done = d->count;
    *has = !d->is_given && d->record_count > 0;
    d->is_given = true;
    if (!*has) return WR_OK;
    *out =
        (wr_batch){.columns = d->columns, .column_count = d->asked_count, .rows = d->record_count};
    d->message_of = d->order;
    fill_columns(d, out, d->order);
    return WR_OK;
}

/* Both records of a message or none of them. */
static void leave_out_bad(kafka_decoder *d, wr_batch *batch, const wr_column *numbers)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < wr_batch_count(batch); k++) {
        uint32_t row = wr_batch_row(batch, k);
        if (!is_bad(d, d->order[wr_column_int(numbers, row)])) d->kept[count++] = (uint16_t)row;
    }
    batch->sel = d->kept;
    batch->sel_count = count;
}

static weir_status text_rows(kafka_decoder *d, wr_batch *out, uint32_t *done)
{
    wr_batch batch = *out;
    if (d->changes && d->bad.count) leave_out_bad(d, &batch, &batch.columns[d->text_count - 1]);
    *done = 0;
    const wr_column *numbers = &batch.columns[d->text_count - 1];
    uint32_t *message_of = wr_new_array(&d->batch_arena, uint32_t, batch.rows + 1);
    for (uint32_t k = 0; k < wr_batch_count(&batch); k++) {
        uint32_t row = wr_batch_row(&batch, k);
        int64_t record = wr_column_int(numbers, row);
        wr_assert(record >= 0 && record < d->record_count);
        message_of[row] = d->order[record];
        *done = message_of[row] + 1;
        if (!d->changes) continue;
        d->changes[row] = d->signs[record];
        bool is_half = record + 1 < d->record_count && d->order[record + 1] == d->order[record];
        if (is_half && k + 1 == wr_batch_count(&batch))
            return wr_fail(WR_E_TOO_BIG, "the rows of one change do not fit into one batch");
    }
    for (int i = 0; i < d->asked_count; i++)
        if (d->places[i] >= 0) d->columns[i] = batch.columns[d->places[i]];
    d->message_of = message_of;
    fill_columns(d, &batch, message_of);
    if (d->source->format == KAFKA_AVRO) restore_bytes(d, &batch);
    out->columns = d->columns;
    out->column_count = d->asked_count;
    out->sel = batch.sel;
    out->sel_count = batch.sel_count;
    return WR_OK;
}

static weir_status next_rows(kafka_decoder *d, wr_batch *out, uint32_t *done, bool *has)
{
    wr_arena_reset(&d->batch_arena);
    d->message_of = NULL;
    *has = false;
    *done = d->count;
    if (d->source->format == KAFKA_RAW) return raw_rows(d, out, done, has);
    while (d->worker) {
        const wr_relation_def *def = d->relation->def;
        bool more;
        WR_TRY(wr_cancel_check(d->cancel));
        if (!d->in_morsel) {
            WR_TRY(def->next_morsel(d->worker, &d->in_morsel));
            if (!d->in_morsel) break;
        }
        *out = (wr_batch){0};
        WR_TRY(def->next_batch(d->worker, out, &more));
        if (!more) d->in_morsel = false;
        if (!more || wr_batch_count(out) == 0) continue;
        WR_TRY(text_rows(d, out, done));
        *has = wr_batch_count(out) > 0;
        if (*has) return WR_OK;
    }
    close_scan(d);
    return WR_OK;
}

weir_status wr_kafka_decoded(kafka_decoder *d, wr_batch *out, uint32_t *done, bool *has)
{
    WR_TRY(next_rows(d, out, done, has));
    return tell_bad(d, *done);
}

const int8_t *wr_kafka_changes(const kafka_decoder *d) { return d->changes; }

uint32_t wr_kafka_decode_max(const kafka_source *source)
{
    return source->format == KAFKA_DEBEZIUM ? WR_MAX(WR_BATCH_ROWS / 2, 1) : WR_BATCH_ROWS;
}

/* ---- making one ---- */
/* The reader of the text and which of its columns are wanted. */
static weir_status bind_text(kafka_decoder *d)
{
    kafka_source *source = d->source;
    wr_field *fields = wr_new_array(&d->arena, wr_field, source->base.schema.count + 1);
    int count = 0, *number = wr_new_array(&d->arena, int, source->base.schema.count + 1);
    for (int k = 0; k < source->base.schema.count; k++) {
        number[k] = count;
        if (source->fields[k] == KAFKA_PAYLOAD) fields[count++] = source->base.schema.fields[k];
    }
    WR_TRY(put_text(d, WR_STR("")));
    WR_TRY(wr_kafka_text_reader(source, fields, count, d->memory, d->mem, d->cancel, &d->rejects,
                                &d->arena, &d->relation));
    for (int i = 0; i < d->asked_count; i++) {
        bool is_text = source->fields[d->asked[i]] == KAFKA_PAYLOAD;
        d->places[i] = is_text ? d->text_count : -1;
        if (is_text) d->text_columns[d->text_count++] = number[d->asked[i]];
    }
    d->text_columns[d->text_count++] = count; /* the number of the record */
    return WR_OK;
}

static weir_status fill_decoder(kafka_decoder *d)
{
    kafka_source *source = d->source;
    d->columns = wr_new_array(&d->arena, wr_column, d->asked_count + 1);
    d->places = wr_new_array(&d->arena, int, d->asked_count + 1);
    d->text_columns = wr_new_array(&d->arena, int, d->asked_count + 2);
    bool has_changes = source->format == KAFKA_DEBEZIUM;
    uint32_t records = wr_kafka_decode_max(source) << has_changes;
    d->order = wr_new_array(&d->arena, uint32_t, records);
    d->lines = wr_new_array(&d->arena, uint32_t, records);
    d->signs = wr_new_array(&d->arena, int8_t, records);
    if (has_changes) d->changes = wr_new_array(&d->arena, int8_t, WR_BATCH_ROWS);
    d->kept = wr_new_array(&d->arena, uint16_t, WR_BATCH_ROWS);
    if (source->format == KAFKA_RAW) {
        for (int i = 0; i < d->asked_count; i++) {
            d->places[i] = -1;
            if (source->fields[d->asked[i]] == KAFKA_PAYLOAD)
                d->text_columns[d->text_count++] = d->asked[i];
        }
        return WR_OK;
    }
    if (source->format == KAFKA_AVRO && source->avro.registry.url.length)
        WR_TRY(wr_kafka_registry_new(&source->avro.registry, d->cancel, &d->registry));
    if (source->format == KAFKA_CSV)
        WR_TRY(wr_csv_config_read(&source->format_options, NAME, &d->arena, &d->csv));
    return bind_text(d);
}

weir_status wr_kafka_decoder_new(kafka_source *source, const wr_reader_request *request,
                                 kafka_decoder **out)
{
    WR_AUTO(kafka_decoder) *d = wr_heap_new(sizeof *d);
    d->source = source;
    d->dead = request->dead;
    d->rejects.add = take_reject;
    d->mem = d->batch_arena.mem = request->mem;
    d->cancel = request->cancel;
    d->asked = request->columns;
    d->asked_count = request->column_count;
    d->memory = wr_fs_sim_new(0);
    WR_TRY(wr_kafka_api(&d->api));
    int *asked = wr_new_array(&d->arena, int, d->asked_count + 1);
    if (d->asked_count > 0) memcpy(asked, d->asked, sizeof *asked * (size_t)d->asked_count);
    d->asked = asked;
    WR_TRY(fill_decoder(d));
    *out = WR_TAKE(d);
    return WR_OK;
}

void wr_kafka_decoder_drop(kafka_decoder *d)
{
    if (!d) return;
    close_scan(d);
    wr_relation_release(d->relation);
    wr_kafka_registry_drop(d->registry);
    wr_csv_index_clear(d->mem, &d->csv_index);
    wr_buf_clear(&d->text);
    if (d->charged) wr_mem_release(d->mem, d->charged);
    wr_fs_drop(d->memory);
    wr_arena_clear(&d->batch_arena);
    wr_arena_clear(&d->bad_arena);
    wr_arena_clear(&d->arena);
    wr_heap_drop(d);
}

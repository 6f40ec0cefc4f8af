/* encode.c - rows made messages, a batch at a time, by the writers of text files.
 *
 * The writer of JSON lines or CSV writes a batch into a file in memory; its records are found again
 * by their line ends (of which JSON has no other, and CSV others only inside quotes, which the
 * writer always closes). The key is the text of one column, or a JSON object of several.
 *
 * Messages are kept as bytes (a sign, key and payload with their lengths), which is what the token
 * of a commit holds. In tables by key, a row that changes is a row taken back and a row that
 * appears: the message without payload of the first is dropped when the second comes. */
#include "conn/kafka/encode.h"
#include "fmt/files.h"

static const uint32_t NONE = UINT32_MAX;
static const char SENT = '+', DROPPED = 'x';
static const wr_str NAME = {"payload", 7};

void wr_kafka_encoder_init(kafka_encoder *e, const kafka_target *target, wr_mem *mem)
{
    *e = (kafka_encoder){.target = target, .mem = mem, .memory = wr_fs_sim_new(0)};
}

void wr_kafka_encoder_reset(kafka_encoder *e)
{
    enum { KEPT_BYTES = 1 << 20 };
    if (e->messages.cap > KEPT_BYTES) wr_buf_clear(&e->messages);
    e->messages.length = 0;
    e->count = 0;
    if (e->charged) wr_mem_release(e->mem, e->charged);
    e->charged = 0;
    wr_map_clear(&e->tombstones);
    wr_arena_reset(&e->keys);
}

void wr_kafka_encoder_clear(kafka_encoder *e)
{
    wr_kafka_encoder_reset(e);
    wr_buf_clear(&e->messages);
    wr_buf_clear(&e->text);
    wr_buf_clear(&e->key);
    wr_arena_clear(&e->keys);
    if (e->memory) wr_fs_drop(e->memory);
}

/* ---- bytes ---- */
static void add_bytes(wr_buf *out, wr_str bytes)
{
    uint32_t length = bytes.data ? (uint32_t)bytes.length : NONE;
    wr_buf_add(out, &length, sizeof length);
    if (bytes.data) wr_buf_add_str(out, bytes);
}

static bool take_bytes(wr_str *from, wr_str *out)
{
    uint32_t length;
    *out = (wr_str){0};
    if (from->length < sizeof length) return false;
    memcpy(&length, from->data, sizeof length);
    *from = (wr_str){from->data + sizeof length, from->length - sizeof length};
    if (length == NONE) return true;
    if (length > from->length) return false;
    *out = (wr_str){from->data, length};
    *from = (wr_str){from->data + length, from->length - length};
    return true;
}

bool wr_kafka_take_encoded(wr_str *from, kafka_encoded *out)
{
    if (from->length == 0 || (from->data[0] != SENT && from->data[0] != DROPPED)) return false;
    out->is_dropped = from->data[0] == DROPPED;
    *from = (wr_str){from->data + 1, from->length - 1};
    return take_bytes(from, &out->key) && take_bytes(from, &out->payload);
}

/* ---- keys ---- */
static wr_str bytes_of(kafka_encoder *e, const wr_column *column, uint32_t row, wr_view *room)
{
    if (wr_column_is_null(column, row)) return (wr_str){0};
    wr_buf_clear(&e->key);
    if (column->type->id == WR_T_VARCHAR || column->type->id == WR_T_BLOB ||
        column->type->id == WR_T_JSON) {
        *room = wr_column_view(column, row);
        return wr_view_str(room);
    }
    wr_column_print(column, row, &e->key);
    return wr_buf_str(&e->key);
}

static wr_str key_of(kafka_encoder *e, const wr_batch *batch, uint32_t row, wr_view *room)
{
    const kafka_target *target = e->target;
    if (target->key_count == 0) return (wr_str){0};
    if (target->key_count == 1)
        return bytes_of(e, &batch->columns[target->key_columns[0]], row, room);
    wr_buf_clear(&e->key);
    for (int i = 0; i < target->key_count; i++) {
        int k = target->key_columns[i];
        wr_buf_add_char(&e->key, i ? ',' : '{');
        wr_buf_add_json(&e->key, target->base.schema.fields[k].name);
        wr_buf_add_char(&e->key, ':');
        if (wr_column_is_null(&batch->columns[k], row))
            wr_buf_add_text(&e->key, "null");
        else
            wr_column_print_json(&batch->columns[k], row, &e->key);
    }
    wr_buf_add_char(&e->key, '}');
    return wr_buf_str(&e->key);
}

/* ---- payloads ---- */
/* All rows of the batch as text, each with its line end. */
static weir_status write_text(kafka_encoder *e, const wr_batch *batch)
{
    const kafka_target *target = e->target;
    const wr_format *format =
        wr_format_find(target->format == KAFKA_CSV ? WR_STR("csv") : WR_STR("json"));
    WR_ARENA(scratch);
    WR_AUTO(wr_file) *file = NULL;
    wr_writer *writer = NULL;
    wr_file_stat stat;
    wr_format_context context = {.fs = e->memory, .mem = e->mem, .thread_count = 1};
    wr_batch value = *batch;
    value.columns = wr_new_array(&scratch, wr_column, target->value.count + 1);
    value.column_count = target->value.count;
    for (int i = 0; i < target->value.count; i++)
        value.columns[i] = batch->columns[target->value_columns[i]];
    WR_TRY(wr_file_open(e->memory, NAME, WR_FILE_REPLACE, &file));
    WR_TRY(format->writer_new(&context, file, &target->value, &target->format_options, &writer));
    weir_status bad = writer->def->write(writer, &value);
    if (!bad) bad = writer->def->finish(writer);
    writer->def->drop(writer);
    WR_TRY(bad);
    WR_TRY(wr_file_stat_of(file, &stat));
    e->text.length = 0;
    wr_buf_reserve(&e->text, stat.size + 1);
    WR_TRY(wr_file_read_exact(file, 0, e->text.data, stat.size));
    e->text.length = stat.size;
    return WR_OK;
}

/* The row as Avro; valid until the next one. */
static weir_status write_avro(kafka_encoder *e, const wr_batch *batch, uint32_t row, wr_str *out)
{
    const kafka_target *target = e->target;
    WR_ARENA(scratch);
    wr_batch value = *batch;
    value.columns = wr_new_array(&scratch, wr_column, target->value.count + 1);
    for (int i = 0; i < target->value.count; i++)
        value.columns[i] = batch->columns[target->value_columns[i]];
    e->text.length = 0;
    if (e->has_number) {
        uint32_t number = __builtin_bswap32(e->number);
        wr_buf_add_char(&e->text, 0);
        wr_buf_add(&e->text, &number, sizeof number);
    }
    wr_buf_reserve(&e->text, 1); /* a record without fields has an address, too */
    WR_TRY(wr_avro_write(target->avro.schema, target->avro_columns, &value, row, &e->text));
    *out = wr_buf_str(&e->text);
    return WR_OK;
}

/* The next record of the text, without its line end. */
static wr_str take_record(wr_str *text, int quote)
{
    bool is_open = false;
    size_t end = 0;
    for (; end < text->length && (is_open || text->data[end] != '\n'); end++)
        is_open ^= (unsigned char)text->data[end] == quote;
    wr_assert(end < text->length);
    wr_str record = {text->data, end};
    *text = (wr_str){text->data + end + 1, text->length - end - 1};
    return record;
}

static weir_status csv_quote(const kafka_target *target, int *out)
{
    const wr_format *csv = wr_format_find(WR_STR("csv"));
    *out = -1;
    return target->format == KAFKA_CSV
               ? wr_option_char(&target->format_options, csv->write_options, "quote", out, NULL)
               : WR_OK;
}

/* ---- messages ---- */
static weir_status count_memory(kafka_encoder *e)
{
    if (!e->mem || e->messages.cap <= e->charged) return WR_OK;
    WR_TRY(wr_mem_reserve(e->mem, e->messages.cap - e->charged));
    e->charged = e->messages.cap;
    return WR_OK;
}

static void add_message(kafka_encoder *e, wr_str key, wr_str payload)
{
    size_t place = e->messages.length;
    wr_buf_add_char(&e->messages, SENT);
    add_bytes(&e->messages, key);
    add_bytes(&e->messages, payload);
    e->count++;
    if (!e->target->base.takes_back || !key.data) return;
    void *before = wr_map_remove(&e->tombstones, key);
    if (before) e->messages.data[(uintptr_t)before - 1] = DROPPED;
    if (!payload.data)
        wr_map_put(&e->tombstones, wr_arena_str(&e->keys, key), (void *)(uintptr_t)(place + 1));
}

weir_status wr_kafka_encode(kafka_encoder *e, const wr_delta *delta)
{
    const wr_batch *batch = &delta->batch;
    const kafka_target *target = e->target;
    bool is_text = target->format == KAFKA_JSON || target->format == KAFKA_CSV;
    int quote;
    WR_TRY(csv_quote(target, &quote));
    if (is_text && wr_batch_count(batch) > 0) WR_TRY(write_text(e, batch));
    wr_str text = wr_buf_str(&e->text);
    for (uint32_t i = 0; i < wr_batch_count(batch); i++) {
        uint32_t row = wr_batch_row(batch, i);
        bool is_back = delta->changes && delta->changes[row] < 0;
        wr_view key_room, room;
        wr_str payload = {0};
        if (is_back && !target->base.takes_back)
            return wr_fail(WR_E_UNSUPPORTED, "messages cannot be taken back without a key");
        if (is_text)
            payload = take_record(&text, quote);
        else if (target->format == KAFKA_AVRO)
            WR_TRY(write_avro(e, batch, row, &payload));
        else if (target->value.count)
            payload = bytes_of(e, &batch->columns[target->value_columns[0]], row, &room);
        wr_str key = key_of(e, batch, row, &key_room);
        if (is_back && !key.data)
            return wr_fail(WR_E_NOT_NULL_VIOLATION, "a row whose key is NULL cannot be taken back");
        if (key.length >= NONE || payload.length >= NONE)
            return wr_fail(WR_E_TOO_BIG, "a message is longer than 4 GiB");
        add_message(e, key, is_back ? (wr_str){0} : payload);
    }
    return count_memory(e);
}

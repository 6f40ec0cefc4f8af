/* index.c - finding the batches of an Arrow file.
 *
 * The file format has a footer that lists them; a stream is walked from message to message, reading
 * the metadata and stepping over the bodies. Both give the same list, so that everything after that
 * is random access. What cannot be sought in (pipes, whole-file compression) goes to a temporary
 * file first.
 *
 * A stream may be followed by another one with the same schema, as when a program writes one result
 * after the other into a pipe: its batches are read on. Anything else behind the end is an error,
 * because silence would lose rows. The dictionaries of a stream end with it.
 *
 * Traps: messages of old writers lack the continuation mark before their size; a stream may end
 * without an end mark; in a stream a dictionary may be replaced later, in a file it may not. */
#include "fmt/arrow/reader.h"
#include "fmt/text_source.h"

enum { SPOOL_BYTES = 1 << 20, FOOTER_TAIL = 4 + WR_IPC_MAGIC_SIZE, FILE_BLOCK_BYTES = 24 };

typedef struct message {
    wr_ipc_block block;
    wr_flat flat;
    wr_flat_table header;
    int64_t kind; /* wr_ipc_header */
    bool is_end;
    uint64_t end_at; /* behind the end mark */
} message;

static weir_status corrupt(const char *what)
{
    return wr_fail(WR_E_CORRUPT, "malformed Arrow file: %s", what);
}

/* ---- messages */

/* The message at a place of the file; bytes from scratch. */
static weir_status read_message(const wr_ipc_relation *rel, uint64_t at, wr_arena *scratch,
                                message *out)
{
    int32_t words[2] = {0, 0};
    size_t got = 0;
    *out = (message){0};
    WR_TRY(wr_file_read(rel->file, at, words, 8, &got));
    if (got == 0) out->is_end = true;
    if (got > 0 && got < 4) return corrupt("it ends within a message");
    bool has_mark = words[0] == -1;
    int32_t size = has_mark ? words[1] : words[0];
    uint64_t prefix = has_mark ? 8 : 4;
    if (out->is_end || (size == 0 && got >= prefix)) {
        out->is_end = true;
        out->end_at = at + (got ? prefix : 0);
        return WR_OK;
    }
    if (size < 8 || got < prefix || (uint64_t)size > rel->file_size - at - prefix)
        return corrupt("it ends within a message");
    WR_TRY(wr_arena_admit(scratch, (size_t)size));
    uint8_t *bytes = wr_arena_alloc(scratch, (size_t)size);
    out->block.meta_at = at + prefix;
    out->block.meta_size = (uint32_t)size;
    WR_TRY(wr_file_read_exact(rel->file, out->block.meta_at, bytes, (size_t)size));
    out->flat = (wr_flat){bytes, (size_t)size, false};
    wr_flat_table root = wr_flat_root(&out->flat);
    int64_t version = wr_flat_int(root, 0, 2, 0), body = wr_flat_int(root, 3, 8, 0);
    out->kind = wr_flat_int(root, 1, 1, 0);
    out->header = wr_flat_sub(root, 2);
    out->block.body_at = out->block.meta_at + (uint64_t)size;
    if (out->flat.bad || !out->header.at) return corrupt("a message");
    if (version != WR_IPC_VERSION_4 && version != WR_IPC_VERSION_5)
        return wr_fail(WR_E_UNSUPPORTED, "version %lld of Arrow's metadata cannot be read",
                       (long long)version + 1);
    if (body < 0 || (uint64_t)body > rel->file_size - out->block.body_at)
        return corrupt("it ends within a batch");
    out->block.body_size = (uint64_t)body;
    return WR_OK;
}

static weir_status add_batch(wr_ipc_relation *rel, message *m)
{
    m->block.rows = wr_flat_int(m->header, 0, 8, 0);
    m->block.first_row = rel->rows;
    if (m->flat.bad || m->block.rows < 0 ||
        __builtin_add_overflow(rel->rows, m->block.rows, &rel->rows))
        return corrupt("the number of rows of a batch");
    wr_push(&rel->arena, &rel->batches, m->block);
    return WR_OK;
}

static wr_ipc_version *last_version(wr_ipc_relation *rel, int dictionary)
{
    for (int i = rel->versions.count - 1; i >= 0; i--)
        if (rel->versions.items[i].dictionary == dictionary) return &rel->versions.items[i];
    return NULL;
}

/* ids: the dictionaries of the schema the message belongs to. */
static weir_status add_dictionary(wr_ipc_relation *rel, const wr_ipc_schema *ids, message *m)
{
    int64_t id = wr_flat_int(m->header, 0, 8, 0);
    bool is_delta = wr_flat_int(m->header, 2, 1, 0) != 0;
    m->block.rows = wr_flat_int(wr_flat_sub(m->header, 1), 0, 8, 0);
    if (m->flat.bad || m->block.rows < 0) return corrupt("a dictionary");
    int number = 0;
    while (number < ids->dictionaries.count && ids->dictionaries.items[number].id != id)
        number++;
    if (number == ids->dictionaries.count) return corrupt("a dictionary that no column has");
    wr_ipc_version *last = last_version(rel, number);
    if (is_delta && (!last || !last->parts.count))
        return corrupt("an addition to a dictionary that is not there");
    if (!is_delta && last && !rel->is_stream) return corrupt("a dictionary that is there twice");
    if (!is_delta) {
        wr_ipc_version fresh = {.dictionary = number, .from_batch = rel->batches.count};
        wr_push(&rel->arena, &rel->versions, fresh);
        last = &rel->versions.items[rel->versions.count - 1];
    }
    wr_push(&rel->arena, &last->parts, m->block);
    return WR_OK;
}

/* ---- the two layouts */

/* The batches of the stream whose schema m is; m becomes its end. */
static weir_status index_batches(wr_ipc_relation *rel, const wr_ipc_schema *schema, message *m)
{
    WR_ARENA(scratch);
    scratch.mem = rel->mem;
    for (;;) {
        wr_arena_reset(&scratch);
        WR_TRY(read_message(rel, m->block.body_at + m->block.body_size, &scratch, m));
        if (m->is_end) return WR_OK;
        if (m->kind == WR_IPC_BATCH)
            WR_TRY(add_batch(rel, m));
        else if (m->kind == WR_IPC_DICTIONARY)
            WR_TRY(add_dictionary(rel, schema, m));
        else
            return corrupt("a message that does not belong into a stream of batches");
    }
}

/* A stream that begins where another one ended; *m becomes its end. */
static weir_status index_following(wr_ipc_relation *rel, uint64_t at, message *m)
{
    WR_ARENA(schema_bytes);
    wr_ipc_schema schema;
    weir_status bad = read_message(rel, at, &schema_bytes, m);
    if (!bad && (m->is_end || m->kind != WR_IPC_SCHEMA)) bad = corrupt("no schema");
    if (!bad) bad = wr_ipc_schema_read(m->header, &schema_bytes, &schema);
    if (bad) {
        if (bad->code != WR_E_CORRUPT && bad->code != WR_E_UNSUPPORTED) return bad;
        wr_status_drop(bad);
        return wr_fail(WR_E_CORRUPT,
                       "malformed Arrow file: the bytes from offset %llu on, behind the end of a "
                       "stream, are no other stream",
                       (unsigned long long)at);
    }
    if (!wr_ipc_schema_equal(&rel->schema, &schema))
        return wr_fail(WR_E_FILE_SCHEMA,
                       "the Arrow stream from offset %llu on has other columns than the one before",
                       (unsigned long long)at);
    for (int i = 0; i < schema.dictionaries.count; i++) {
        wr_ipc_version none = {.dictionary = i, .from_batch = rel->batches.count};
        wr_push(&rel->arena, &rel->versions, none);
    }
    return index_batches(rel, &schema, m);
}

static weir_status index_stream(wr_ipc_relation *rel)
{
    WR_ARENA(schema_bytes);
    message m;
    WR_TRY(read_message(rel, 0, &schema_bytes, &m));
    if (m.is_end || m.kind != WR_IPC_SCHEMA) return corrupt("a stream that has no schema");
    WR_TRY(wr_ipc_schema_read(m.header, &rel->arena, &rel->schema));
    WR_TRY(index_batches(rel, &rel->schema, &m));
    while (m.end_at < rel->file_size)
        WR_TRY(index_following(rel, m.end_at, &m));
    return WR_OK;
}

static weir_status index_blocks(wr_ipc_relation *rel, wr_flat_vector blocks, wr_ipc_header kind)
{
    WR_ARENA(scratch);
    scratch.mem = rel->mem;
    for (uint32_t i = 0; i < blocks.count; i++) {
        int64_t at = wr_flat_list_int(blocks, i, 0, 8);
        message m;
        if (at < 0 || (uint64_t)at > rel->file_size) return corrupt("the place of a batch");
        wr_arena_reset(&scratch);
        WR_TRY(read_message(rel, (uint64_t)at, &scratch, &m));
        if (m.is_end || m.kind != (int64_t)kind) return corrupt("the place of a batch");
        WR_TRY(kind == WR_IPC_BATCH ? add_batch(rel, &m) : add_dictionary(rel, &rel->schema, &m));
    }
    return WR_OK;
}

static weir_status index_file(wr_ipc_relation *rel)
{
    WR_ARENA(scratch);
    scratch.mem = rel->mem;
    struct {
        int32_t size;
        char magic[WR_IPC_MAGIC_SIZE];
    } tail;
    if (rel->file_size < 8 + FOOTER_TAIL) return corrupt("it is too short");
    WR_TRY(wr_file_read_exact(rel->file, rel->file_size - FOOTER_TAIL, &tail, FOOTER_TAIL));
    if (memcmp(tail.magic, WR_IPC_MAGIC, WR_IPC_MAGIC_SIZE) != 0)
        return wr_with_hint(corrupt("it has no footer"), "its writer may not have finished");
    if (tail.size < 8 || (uint64_t)tail.size > rel->file_size - FOOTER_TAIL - 8)
        return corrupt("the size of the footer");
    WR_TRY(wr_arena_admit(&scratch, (size_t)tail.size));
    uint8_t *bytes = wr_arena_alloc(&scratch, (size_t)tail.size);
    wr_flat flat = {bytes, (size_t)tail.size, false};
    WR_TRY(wr_file_read_exact(rel->file, rel->file_size - FOOTER_TAIL - (uint64_t)tail.size, bytes,
                              flat.size));
    wr_flat_table footer = wr_flat_root(&flat);
    WR_TRY(wr_ipc_schema_read(wr_flat_sub(footer, 1), &rel->arena, &rel->schema));
    wr_flat_vector dictionaries = wr_flat_list(footer, 2, FILE_BLOCK_BYTES);
    wr_flat_vector batches = wr_flat_list(footer, 3, FILE_BLOCK_BYTES);
    if (flat.bad) return corrupt("the footer");
    WR_TRY(index_blocks(rel, dictionaries, WR_IPC_DICTIONARY));
    return index_blocks(rel, batches, WR_IPC_BATCH);
}

/* ---- opening */

/* Copies what cannot be sought in to a temporary file. */
static weir_status spool(wr_ipc_relation *rel, wr_text_source *source)
{
    void *bytes;
    WR_TRY(wr_file_open(rel->fs, wr_path_temp_dir(), WR_FILE_TEMP, &rel->file));
    WR_TRY(wr_mem_alloc(rel->mem, SPOOL_BYTES, &bytes));
    weir_status bad = WR_OK;
    for (size_t got = SPOOL_BYTES; !bad && got == SPOOL_BYTES;) {
        bad = wr_text_source_read(source, bytes, SPOOL_BYTES, &got);
        if (!bad && got) bad = wr_file_append(rel->file, bytes, got);
    }
    wr_mem_free(rel->mem, bytes, SPOOL_BYTES);
    return bad;
}

static weir_status open_bytes(wr_ipc_relation *rel, wr_str path)
{
    WR_AUTO(wr_text_source) *source = NULL;
    wr_text_coding coding = {.detect = true};
    wr_file_stat stat;
    WR_TRY(wr_text_source_open(rel->fs, rel->mem, path, &coding, false, &source));
    if (wr_text_source_is_plain(source))
        WR_TRY(wr_file_open(rel->fs, path, WR_FILE_READ, &rel->file));
    else
        WR_TRY(spool(rel, source));
    WR_TRY(wr_file_stat_of(rel->file, &stat));
    rel->file_size = stat.size;
    return WR_OK;
}

weir_status wr_ipc_open(wr_ipc_relation *rel, wr_str path)
{
    char head[8] = {0};
    size_t got;
    WR_TRY(open_bytes(rel, path));
    WR_TRY(wr_file_read(rel->file, 0, head, sizeof head, &got));
    if (got >= 4 && memcmp(head, "FEA1", 4) == 0)
        return wr_fail(WR_E_UNSUPPORTED, "version 1 of Feather cannot be read");
    rel->is_stream = memcmp(head, WR_IPC_MAGIC, WR_IPC_MAGIC_SIZE) != 0;
    WR_TRY(rel->is_stream ? index_stream(rel) : index_file(rel));
    return wr_mem_reserve(rel->mem, 0);
}

bool wr_ipc_is_stream_head(wr_str head)
{
    int32_t words[2];
    if (head.length < 16) return false;
    memcpy(words, head.data, 8);
    size_t prefix = words[0] == -1 ? 8 : 4;
    int32_t size = words[0] == -1 ? words[1] : words[0];
    if (size < 8) return false;
    wr_flat flat = {(const uint8_t *)head.data + prefix, WR_MIN((size_t)size, head.length - prefix),
                    false};
    wr_flat_table root = wr_flat_root(&flat);
    int64_t version = wr_flat_int(root, 0, 2, 0);
    return !flat.bad && wr_flat_int(root, 1, 1, 0) == WR_IPC_SCHEMA &&
           (version == WR_IPC_VERSION_4 || version == WR_IPC_VERSION_5);
}

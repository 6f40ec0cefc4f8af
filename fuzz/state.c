/* state.c - fuzzes what is read of a state: the pages of its file, keys, packed rows.
 *
 * The first byte chooses among them, the second the type. Files are read by the walk alone, as the
 * check of a state does before LMDB sees them; keys and rows stand in memory of exactly their
 * size. */
#include "store/keys.h"
#include "store/packed.h"
#include "store/state_pages.h"
#include "sys/file.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static weir_status see(void *arg, wr_str key, wr_str value, uint64_t page)
{
    volatile char *sum = arg;
    for (size_t i = 0; i < key.length; i++)
        *sum ^= key.data[i];
    for (size_t i = 0; i < value.length; i++)
        *sum ^= value.data[i];
    return page ? WR_OK : wr_fail(WR_E_INTERNAL, "a pair on a head");
}

static void read_file(const uint8_t *data, size_t size)
{
    char path[64], sum = 0;
    bool is_cut = false, is_over;
    snprintf(path, sizeof path, "/dev/shm/weir-fuzz-%d", (int)getpid());
    FILE *f = fopen(path, "w");
    if (!f) abort();
    if (fwrite(data, 1, size, f) != size) abort();
    fclose(f);
    wr_mem *mem = wr_mem_new(NULL, "fuzz", 64 << 20);
    wr_status_drop(wr_state_heads_check(wr_str_of(path), &is_cut));
    for (uint64_t txn = 0; txn < 8; txn++)
        wr_status_drop(wr_state_pages_walk(wr_str_of(path), txn, mem, see, &sum, &is_over));
    wr_mem_drop(mem);
    remove(path);
}

static const wr_type *type_of(uint8_t choice)
{
    static const wr_str labels[] = {{"a", 1}, {"b", 1}};
    wr_field fields[] = {{WR_STR("a"), WR_VARCHAR}, {WR_STR("b"), wr_type_list(WR_INTEGER)}};
    choice %= WR_T_COUNT;
    switch (choice) {
    case WR_T_DECIMAL:
        return wr_type_decimal(38, 2);
    case WR_T_ENUM:
        return wr_type_enum(labels, 2);
    case WR_T_LIST:
        return wr_type_list(wr_type_struct(fields, 2));
    case WR_T_ARRAY:
        return wr_type_array(WR_DOUBLE, 3);
    case WR_T_STRUCT:
        return wr_type_struct(fields, 2);
    case WR_T_MAP:
        return wr_type_map(WR_VARCHAR, wr_type_of(WR_T_INTERVAL));
    default:
        return wr_type_of((wr_type_id)choice);
    }
}

/* What could be read is printed, and written again. */
static void read_values(const uint8_t *data, size_t size, uint8_t choice, bool is_key)
{
    char *exact = wr_heap_copy((const char *)data, size);
    wr_str rest = {exact, size};
    wr_mem *mem = wr_mem_new(NULL, "fuzz", 64 << 20);
    wr_arena arena = {.mem = mem};
    wr_column column;
    wr_growing g;
    WR_BUF(text);
    wr_growing_init(&g, &column, type_of(choice), &arena);
    unsigned flags = choice >> 6;
    weir_status bad =
        is_key ? wr_key_read(&rest, flags, &g, &arena) : wr_row_read(&rest, &g, 1, &arena);
    if (!bad) {
        if (!wr_column_is_null(&column, 0)) wr_column_print(&column, 0, &text);
        wr_key_append(&text, &column, 0, flags);
        wr_row_append(&text, &column, 1, 0);
    }
    wr_status_drop(bad);
    wr_arena_clear(&arena);
    wr_mem_drop(mem);
    wr_heap_drop(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    if (data[0] % 3 == 0)
        read_file(data + 2, size - 2);
    else
        read_values(data + 2, size - 2, data[1], data[0] % 3 == 1);
    return 0;
}

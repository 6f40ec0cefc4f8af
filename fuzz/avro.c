/* avro.c - a schema and a value of Avro, both from strangers: the first line is the schema, the
 * rest the value. What is read must be JSON on one line. */
#include "base/json.h"
#include "conn/kafka/avro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WR_ARENA(arena);
    WR_BUF(json);
    wr_schema columns;
    const avro_node *node;
    const char *why;
    const uint8_t *line = memchr(data, '\n', size);
    size_t length = line ? (size_t)(line - data) : size;
    wr_str value = {(const char *)data + length + (line != NULL), size - length - (line != NULL)};
    weir_status bad = wr_avro_schema((wr_str){(const char *)data, length}, &arena, &node);
    if (bad) {
        wr_status_drop(bad);
        return 0;
    }
    if (node->kind == AVRO_RECORD) wr_avro_columns(node, &arena, &columns);
    if (wr_avro_to_json(node, value, &json, &why)) {
        wr_assert(wr_json_valid(wr_buf_str(&json)));
        wr_assert(json.length == 0 || !memchr(json.data, '\n', json.length));
    }
    return 0;
}

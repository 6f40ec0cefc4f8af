/* json.c - the JSON format as the registry sees it. */
#include "fmt/json/json.h"

const wr_format wr_format_json = {
    .name = "json",
    .extensions = "json|jsonl|ndjson",
    .help = "JSON: a record per line, an array of records, or values in a row",
    .read_options = wr_json_read_options,
    .write_options = wr_json_write_options,
    .probe = wr_json_probe,
    .bind = wr_json_bind,
    .writer_new = wr_json_writer_new};

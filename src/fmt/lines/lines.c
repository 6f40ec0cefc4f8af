/* lines.c - the format of lines as the registry sees it. */
#include "fmt/lines/lines.h"

static weir_status lines_probe(wr_format_context *context, wr_str path, wr_str head,
                               bool head_is_all, wr_arena *arena, wr_probe *out)
{
    (void)context, (void)head_is_all;
    *out = (wr_probe){.reason = WR_STR("not text")};
    if (memchr(head.data, 0, head.length)) return WR_OK;
    bool is_named = wr_str_ihas_suffix(path, ".log") || wr_str_ihas_suffix(path, ".txt") ||
                    wr_str_ihas_suffix(path, ".lines");
    out->score = is_named ? 0.40 : 0.15;
    out->reason = WR_STR("any text has lines");
    out->schema.fields = wr_new(arena, wr_field);
    out->schema.fields[0] = (wr_field){WR_STR("line"), WR_VARCHAR};
    out->schema.count = 1;
    return WR_OK;
}

const wr_format wr_format_lines = {.name = "lines",
                                   .extensions = "log|lines",
                                   .help = "any text, one row per line",
                                   .read_options = wr_lines_read_options,
                                   .probe = lines_probe,
                                   .bind = wr_lines_bind};

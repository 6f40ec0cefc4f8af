/* token.c - names of hidden files, and tokens that remember them: what sinks of files share. */
#include "conn/files/files.h"

weir_status wr_files_only_new(const wr_delta *delta)
{
    for (uint32_t i = 0; delta->changes && i < wr_batch_count(&delta->batch); i++)
        if (delta->changes[wr_batch_row(&delta->batch, i)] < 0)
            return wr_fail(WR_E_UNSUPPORTED, "rows of files cannot be taken back");
    return WR_OK;
}

wr_str wr_files_word(wr_str text, wr_arena *arena)
{
    WR_BUF(out);
    bool is_changed = text.length > WR_FILES_WORD_MAX;
    for (size_t i = 0; i < WR_MIN(text.length, (size_t)WR_FILES_WORD_MAX); i++) {
        char c = text.data[i];
        bool is_plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        is_changed |= !is_plain;
        wr_buf_add_char(&out, is_plain ? c : '_');
    }
    if (is_changed) wr_buf_printf(&out, "_%08x", (unsigned)wr_hash_bytes(text.data, text.length));
    if (out.length == 0) wr_buf_add_text(&out, "query");
    return wr_arena_str(arena, wr_buf_str(&out));
}

bool wr_files_is_part_number(wr_str text)
{
    size_t i = 0, digits = 0;
    while (i < text.length && i < 8 && strchr("0123456789abcdef", text.data[i]))
        i++;
    if (i != 8 || i >= text.length || text.data[i++] != '-') return false;
    for (; i < text.length && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        digits++;
    return digits > 0 && i < text.length && text.data[i] == '.' &&
           wr_str_has_suffix(text, WR_STR(".part"));
}

void wr_files_add_u64(wr_buf *out, uint64_t value) { wr_buf_add(out, &value, sizeof value); }

void wr_files_add_text(wr_buf *out, wr_str text)
{
    wr_files_add_u64(out, text.length);
    wr_buf_add_str(out, text);
}

bool wr_files_take_u64(wr_str *from, uint64_t *out)
{
    if (from->length < sizeof *out) return false;
    memcpy(out, from->data, sizeof *out);
    *from = (wr_str){from->data + sizeof *out, from->length - sizeof *out};
    return true;
}

bool wr_files_take_name(wr_str *from, wr_str *out)
{
    uint64_t length;
    if (!wr_files_take_u64(from, &length) || length == 0 || length > from->length) return false;
    *out = (wr_str){from->data, length};
    *from = (wr_str){from->data + length, from->length - length};
    return !memchr(out->data, '/', length) && !memchr(out->data, 0, length);
}

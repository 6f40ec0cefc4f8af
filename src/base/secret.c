/* secret.c - finding passwords in addresses. See secret.h.
 *
 * Meant for texts that may hold an address somewhere, such as a statement with an error in it, so
 * nothing is known of where one begins but "://". Whatever is doubtful counts as a part of the
 * password: a password with '@' in it ends at the last '@' of the authority, not at the first. */
#include "base/secret.h"

static bool ends_word(char c) { return (unsigned char)c <= ' ' || c == '\'' || c == '"'; }
static bool ends_authority(char c) { return ends_word(c) || c == '/' || c == '?' || c == '#'; }

/* Is this a port and not the beginning of a password? */
static bool is_port(wr_str text, size_t pos)
{
    while (pos < text.length && text.data[pos] >= '0' && text.data[pos] <= '9')
        pos++;
    return pos == text.length || ends_authority(text.data[pos]);
}

/* Of the authority that begins at pos; false: it has none. Without an '@' it may be that the
 * password has a '/' in it that was to be an escape. */
static bool password_of(wr_str text, size_t pos, wr_str *out)
{
    size_t colon = 0, at = 0, i = pos;
    for (; i < text.length && !ends_authority(text.data[i]); i++) {
        if (text.data[i] == ':' && !colon) colon = i;
        if (text.data[i] == '@') at = i;
    }
    if (!colon) return false;
    bool is_cut = !at && !is_port(text, colon + 1);
    for (; is_cut && i < text.length && !ends_word(text.data[i]); i++)
        if (text.data[i] == '@') at = i;
    if (at <= colon + 1) return false;
    *out = (wr_str){text.data + colon + 1, at - colon - 1};
    return true;
}

/* "?password=", "&sslpassword=" at pos: where the value begins, or 0. */
static size_t parameter_at(wr_str text, size_t pos)
{
    static const wr_str names[] = {{"password=", 9}, {"sslpassword=", 12}};
    if (text.data[pos] != '?' && text.data[pos] != '&') return 0;
    wr_str rest = {text.data + pos + 1, text.length - pos - 1};
    for (size_t i = 0; i < WR_COUNT(names); i++)
        if (wr_str_has_prefix(rest, names[i])) return pos + 1 + names[i].length;
    return 0;
}

bool wr_password_next(wr_str text, size_t *pos, wr_str *out)
{
    for (size_t i = *pos; i < text.length; i++) {
        size_t value = parameter_at(text, i), end = value;
        while (value && end < text.length && text.data[end] != '&' &&
               !ends_authority(text.data[end]))
            end++;
        if (value && end > value) {
            *out = (wr_str){text.data + value, end - value};
            *pos = end;
            return true;
        }
        wr_str rest = {text.data + i, text.length - i};
        if (!wr_str_has_prefix(rest, WR_STR("://"))) continue;
        if (!password_of(text, i + 3, out)) continue;
        *pos = (size_t)(out->data - text.data) + out->length;
        return true;
    }
    *pos = text.length;
    return false;
}

void wr_passwords_hide(wr_str text, wr_buf *out)
{
    size_t pos = 0, from = 0;
    for (wr_str found; wr_password_next(text, &pos, &found); from = pos) {
        wr_buf_add(out, text.data + from, (size_t)(found.data - text.data) - from);
        wr_buf_add_text(out, "***");
    }
    wr_buf_add(out, text.data + from, text.length - from);
}

void wr_passwords_mask(char *text, size_t length)
{
    size_t pos = 0;
    for (wr_str found; wr_password_next((wr_str){text, length}, &pos, &found);)
        memset(text + (found.data - text), '*', found.length);
}

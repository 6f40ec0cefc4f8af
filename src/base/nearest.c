/* nearest.c - "did you mean": edit distance and the three best names. See text.h.
 *
 * The distance counts insertions, deletions, replacements and swaps of neighbours, ASCII letters
 * compared without case. Only names up to NAME_MAX bytes are measured; longer ones are never near.
 */
#include "base/text.h"

enum { NAME_MAX_BYTES = 128, FAR = 1000 };

static inline char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

int wr_edit_distance(wr_str a, wr_str b)
{
    if (a.length > NAME_MAX_BYTES || b.length > NAME_MAX_BYTES) return wr_str_ieq(a, b) ? 0 : FAR;
    int rows[3][NAME_MAX_BYTES + 1];
    int *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.length; j++)
        above[j] = before[j] = (int)j;
    for (size_t i = 1; i <= a.length; i++) {
        row[0] = (int)i;
        char at = lower(a.data[i - 1]);
        for (size_t j = 1; j <= b.length; j++) {
            char bt = lower(b.data[j - 1]);
            int best = WR_MIN(WR_MIN(above[j], row[j - 1]) + 1, above[j - 1] + (at != bt));
            bool swapped =
                i > 1 && j > 1 && at == lower(b.data[j - 2]) && bt == lower(a.data[i - 2]);
            if (swapped) best = WR_MIN(best, before[j - 2] + 1);
            row[j] = best;
        }
        int *oldest = before;
        before = above, above = row, row = oldest;
    }
    return above[b.length];
}

void wr_nearest_offer(wr_nearest *nearest, wr_str name)
{
    int limit = (int)WR_MAX(nearest->wanted.length / 3, (size_t)1);
    int distance = wr_edit_distance(nearest->wanted, name);
    /* A name of one or two letters that shares none of them is a guess, not a suggestion. */
    if (distance > limit || (size_t)distance >= WR_MAX(nearest->wanted.length, name.length)) return;
    for (int i = 0; i < nearest->count; i++)
        if (wr_str_ieq(nearest->name[i], name)) return;
    int at = nearest->count < 3 ? nearest->count++ : 3;
    size_t shared = WR_MIN(nearest->wanted.length, name.length);
    bool begins = wr_str_ieq((wr_str){nearest->wanted.data, shared}, (wr_str){name.data, shared});
    while (at > 0 && (nearest->distance[at - 1] > distance ||
                      (begins && nearest->distance[at - 1] == distance))) {
        if (at < 3) {
            nearest->distance[at] = nearest->distance[at - 1];
            nearest->name[at] = nearest->name[at - 1];
        }
        at--;
    }
    if (at == 3) return;
    nearest->distance[at] = distance;
    nearest->name[at] = name;
}

weir_status wr_with_nearest(weir_status s, const wr_nearest *nearest)
{
    if (!s || nearest->count == 0) return s;
    WR_BUF(names);
    for (int i = 0; i < nearest->count; i++)
        wr_buf_printf(&names, "%s%.*s", i ? ", " : "", WR_STR_ARGS(nearest->name[i]));
    s = wr_with_candidates(s, names.data);
    return wr_with_hint(s, "did you mean %.*s?", WR_STR_ARGS(nearest->name[0]));
}

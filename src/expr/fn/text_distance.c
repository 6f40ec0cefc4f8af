/* text_distance.c - how alike two texts are.
 *
 * Texts are decoded to code points once per row. Edit distances keep two or three rows of the
 * classic table; the product of the lengths is limited, because the time grows with it. */
#include "expr/fn/call.h"
#include "expr/fn/characters.h"

enum { CELLS_MAX = 100000000 };

typedef struct code_points {
    uint32_t *at;
    size_t count;
} code_points;

static code_points decode(wr_arena *arena, wr_str s)
{
    code_points c = {wr_new_array(arena, uint32_t, s.length + 1), 0};
    for (size_t at = 0, used; at < s.length; at += used)
        c.at[c.count++] = wr_char_at(s.data + at, s.length - at, &used);
    return c;
}

/* Edits (insert, delete, replace; swap of neighbours if asked) that turn a into b. */
static int64_t edits(wr_arena *arena, code_points a, code_points b, bool swaps)
{
    uint32_t *rows = wr_new_array(arena, uint32_t, 3 * (b.count + 1));
    uint32_t *last2 = rows, *last = rows + b.count + 1, *now = last + b.count + 1;
    for (size_t k = 0; k <= b.count; k++)
        last[k] = (uint32_t)k;
    for (size_t i = 1; i <= a.count; i++) {
        now[0] = (uint32_t)i;
        for (size_t k = 1; k <= b.count; k++) {
            uint32_t cost = last[k - 1] + (a.at[i - 1] != b.at[k - 1]);
            cost = WR_MIN(cost, last[k] + 1);
            cost = WR_MIN(cost, now[k - 1] + 1);
            if (swaps && i > 1 && k > 1 && a.at[i - 1] == b.at[k - 2] && a.at[i - 2] == b.at[k - 1])
                cost = WR_MIN(cost, last2[k - 2] + 1);
            now[k] = cost;
        }
        uint32_t *spare = last2;
        last2 = last, last = now, now = spare;
    }
    return last[b.count];
}

static weir_status edit_rows(wr_call *call, wr_column *out, bool swaps)
{
    WR_ROWS(i)
    {
        WR_ARENA(scratch);
        code_points a = decode(&scratch, wr_arg_str(call, 0, i)),
                    b = decode(&scratch, wr_arg_str(call, 1, i));
        if (a.count && b.count > CELLS_MAX / a.count)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_TOO_BIG, "the texts are too long for an edit distance"));
        WR_OUT(out, int64_t, i) = edits(&scratch, a, b, swaps);
    }
    return WR_OK;
}
static weir_status fn_levenshtein(wr_call *call, wr_column *out)
{
    return edit_rows(call, out, false);
}
static weir_status fn_damerau(wr_call *call, wr_column *out) { return edit_rows(call, out, true); }

static weir_status fn_hamming(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_ARENA(scratch);
        code_points a = decode(&scratch, wr_arg_str(call, 0, i)),
                    b = decode(&scratch, wr_arg_str(call, 1, i));
        if (a.count != b.count)
            return wr_bad_row(
                call, i,
                wr_fail(WR_E_BAD_ARGUMENT, "the Hamming distance needs texts of equal length"));
        int64_t different = 0;
        for (size_t k = 0; k < a.count; k++)
            different += a.at[k] != b.at[k];
        WR_OUT(out, int64_t, i) = different;
    }
    return WR_OK;
}

static bool has_char(code_points text, size_t until, uint32_t c)
{
    for (size_t k = 0; k < until; k++)
        if (text.at[k] == c) return true;
    return false;
}
/* Characters both texts have, as a share of all that occur. */
static weir_status fn_jaccard(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_ARENA(scratch);
        code_points a = decode(&scratch, wr_arg_str(call, 0, i)),
                    b = decode(&scratch, wr_arg_str(call, 1, i));
        if (a.count && b.count > CELLS_MAX / a.count)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_TOO_BIG, "the texts are too long to be compared"));
        size_t shared = 0, all = 0;
        for (size_t k = 0; k < a.count; k++) {
            if (has_char(a, k, a.at[k])) continue;
            all++;
            shared += has_char(b, b.count, a.at[k]);
        }
        for (size_t k = 0; k < b.count; k++)
            all += !has_char(b, k, b.at[k]) && !has_char(a, a.count, b.at[k]);
        WR_OUT(out, double, i) = all ? (double)shared / (double)all : 1;
    }
    return WR_OK;
}

static double jaro(wr_arena *arena, code_points a, code_points b)
{
    if (!a.count || !b.count) return a.count == b.count;
    size_t longest = WR_MAX(a.count, b.count), window = longest / 2 > 0 ? longest / 2 - 1 : 0,
           matches = 0, crossed = 0;
    uint8_t *in_a = wr_arena_alloc(arena, a.count), *in_b = wr_arena_alloc(arena, b.count);
    for (size_t i = 0; i < a.count; i++) {
        size_t from = i > window ? i - window : 0, to = WR_MIN(i + window + 1, b.count);
        for (size_t k = from; k < to; k++) {
            if (in_b[k] || a.at[i] != b.at[k]) continue;
            in_a[i] = in_b[k] = 1;
            matches++;
            break;
        }
    }
    if (!matches) return 0;
    for (size_t i = 0, k = 0; i < a.count; i++) {
        if (!in_a[i]) continue;
        while (!in_b[k])
            k++;
        crossed += a.at[i] != b.at[k++];
    }
    double m = (double)matches;
    return (m / (double)a.count + m / (double)b.count + (m - (double)crossed / 2) / m) / 3;
}

static weir_status jaro_rows(wr_call *call, wr_column *out, bool winkler)
{
    WR_ROWS(i)
    {
        WR_ARENA(scratch);
        code_points a = decode(&scratch, wr_arg_str(call, 0, i)),
                    b = decode(&scratch, wr_arg_str(call, 1, i));
        if (a.count && b.count > CELLS_MAX / a.count)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_TOO_BIG, "the texts are too long to be compared"));
        double similarity = jaro(&scratch, a, b);
        size_t prefix = 0;
        while (prefix < 4 && prefix < a.count && prefix < b.count && a.at[prefix] == b.at[prefix])
            prefix++;
        if (winkler && similarity > 0.7) similarity += (double)prefix * 0.1 * (1 - similarity);
        WR_OUT(out, double, i) = similarity;
    }
    return WR_OK;
}
static weir_status fn_jaro(wr_call *call, wr_column *out) { return jaro_rows(call, out, false); }
static weir_status fn_jaro_winkler(wr_call *call, wr_column *out)
{
    return jaro_rows(call, out, true);
}

const wr_fn wr_fns_text_distance[] = {
    {"levenshtein|editdist3", "(text, text) -> bigint", fn_levenshtein,
     "How many characters must be inserted, deleted or replaced.", "levenshtein('duck', 'db')", "3",
     .flags = WR_FN_CAN_FAIL},
    {"damerau_levenshtein", "(text, text) -> bigint", fn_damerau,
     "Levenshtein distance that also swaps neighbours.", "damerau_levenshtein('weir', 'wier')", "1",
     .flags = WR_FN_CAN_FAIL},
    {"hamming|mismatches", "(text, text) -> bigint", fn_hamming,
     "At how many positions two texts of equal length differ.", "hamming('duck', 'luck')", "1",
     .flags = WR_FN_CAN_FAIL},
    {"jaccard", "(text, text) -> double", fn_jaccard,
     "Share of the characters that occur in both texts.", "jaccard('ab', 'bc')",
     "0.3333333333333333", .flags = WR_FN_CAN_FAIL},
    {"jaro_similarity", "(text, text) -> double", fn_jaro, "Jaro similarity, from 0 to 1.",
     "jaro_similarity('ab', 'ab')", "1", .flags = WR_FN_CAN_FAIL},
    {"jaro_winkler_similarity", "(text, text) -> double", fn_jaro_winkler,
     "Jaro similarity that favours a common start.", "jaro_winkler_similarity('ab', 'ab')", "1",
     .flags = WR_FN_CAN_FAIL},
    {0},
};

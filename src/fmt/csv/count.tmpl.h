/* count.tmpl.h - counting records without noting where fields end; part of scan.tmpl.h, whose
 * parameters it uses, and
 *   JUDGES_GROUPS  judge, which judges whole words [0, words) of a stretch, is there already */

TARGET static void NAME(find_masks)(const wr_csv_dialect *d, csv_count *count, size_t words)
{
    const char newline = d->newline, delimiter = d->delimiter[0], quote = (char)d->quote;
    for (size_t w = 0; w < words; w++) {
        const char *at = count->data + 64 * w;
        count->newlines[w] = EQ(at, newline);
        count->delimiters[w] = EQ(at, delimiter);
        if (d->quote >= 0) count->quotes[w] = EQ(at, quote);
    }
}

TARGET static void NAME(judge_word)(csv_count *count, size_t word, uint64_t live)
{
    uint64_t newlines = count->newlines[word], delimiters = count->delimiters[word];
    uint64_t quotes = count->quotes[word];
    count->lines += (uint64_t)__builtin_popcountll(newlines);
    count->any_quote |= quotes;
    if (count->any_quote) {
        uint64_t inside = 0;
        count->wrong |= NAME(quoted_block)(count->data + 64 * word, newlines | delimiters, quotes,
                                           live, &count->state, &inside);
        newlines &= ~inside;
        delimiters &= ~inside;
        count->newlines[word] = newlines;
    } else {
        count->state.may_open = (newlines | delimiters) >> 63;
    }
    for (uint64_t left = newlines; left; left &= left - 1) {
        int before = __builtin_popcountll(delimiters & (left ^ (left - 1)));
        count->wrong |= (uint64_t)((count->field + before) ^ count->last_field);
        count->field -= count->last_field;
        count->records++;
    }
    count->field += __builtin_popcountll(delimiters);
}

#ifndef JUDGES_GROUPS
TARGET static void NAME(judge)(csv_count *count, size_t words)
{
    for (size_t word = 0; word < words; word++)
        NAME(judge_word)(count, word, ~UINT64_C(0));
}
#endif

/* Counts the records of text that begins at a record start. False, and nothing in *out, as soon as
 * a record does not have exactly fields fields or a quote stands where none should. */
TARGET static bool NAME(count)(const wr_csv_dialect *d, const char *data, size_t size, int fields,
                               wr_csv_extent *out)
{
    csv_count count = {.state.may_open = 1, .last_field = fields - 1};
    size_t cut = 0;
    for (size_t place = 0; place < size; place += 64 * COUNT_WORDS) {
        size_t whole = WR_MIN((size - place) / 64, (size_t)COUNT_WORDS), rest = 0;
        if (whole < COUNT_WORDS) rest = (size - place) % 64;
        size_t words = whole + (rest > 0);
        count.data = data + place;
        NAME(find_masks)(d, &count, words);
        NAME(judge)(&count, whole);
        if (rest > 0) {
            uint64_t live = (UINT64_C(1) << rest) - 1;
            count.newlines[whole] &= live;
            count.delimiters[whole] &= live;
            count.quotes[whole] &= live;
            NAME(judge_word)(&count, whole, live);
        }
        if (count.wrong) return false;
        while (words > 0 && !count.newlines[words - 1])
            words--;
        if (words > 0)
            cut = place + 64 * words - (size_t)__builtin_clzll(count.newlines[words - 1]);
    }
    *out =
        (wr_csv_extent){.cut = cut,
                        .records = count.records,
                        .lines = count.lines - NAME(count_byte)(data + cut, size - cut, d->newline),
                        .has_quotes = count.any_quote != 0,
                        .is_plain = true,
                        .is_open = count.state.inside != 0};
    return true;
}

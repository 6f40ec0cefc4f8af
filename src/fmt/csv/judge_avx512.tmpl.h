/* judge_avx512.tmpl.h - the judging of count.tmpl.h for eight words of masks, 512 bytes of text, at
 * a time; part of scan.c.
 *
 * Parity of quotes: one carry-less multiplication per word; the bits that leave the words at the
 * top are eight bits of a register, whose own running parity says which words begin inside. Fields:
 * every word adds its delimiters and takes off a record's worth for its line end; the running sum
 * at a line end must be the last field. That holds for words with one line end at most; groups with
 * others, and with anything odd about quotes, are judged word by word. */
typedef struct judge_carry {
    __m512i openers; /* of the group before: field ends and closing quotes */
    __m512i closes;  /* closing quotes */
    __m512i field;   /* in all lanes */
    uint32_t inside; /* 0xff inside quotes */
} judge_carry;

CSV_AVX512_TARGET static inline judge_carry carry_of(const csv_count *count)
{
    return (judge_carry){_mm512_set1_epi64((int64_t)(count->state.may_open << 63)),
                         _mm512_set1_epi64((int64_t)(count->state.closed << 63)),
                         _mm512_set1_epi64(count->field), count->state.inside & 0xff};
}

CSV_AVX512_TARGET static inline void put_carry(csv_count *count, const judge_carry *carry)
{
    count->state.may_open = _mm512_movepi64_mask(carry->openers) >> 7;
    count->state.closed = _mm512_movepi64_mask(carry->closes) >> 7;
    count->state.inside = carry->inside ? ~UINT64_C(0) : 0;
    count->field = _mm_cvtsi128_si64(_mm512_castsi512_si128(carry->field));
}

/* Every bit moves to the next higher one, from word to word. */
CSV_AVX512_TARGET static inline __m512i next_bits(__m512i words, __m512i before)
{
    return _mm512_shldi_epi64(words, _mm512_alignr_epi64(words, before, 7), 1);
}

CSV_AVX512_TARGET static inline __m512i running_sum(__m512i lanes)
{
    const __m512i zero = _mm512_setzero_si512();
    lanes = _mm512_add_epi64(lanes, _mm512_alignr_epi64(lanes, zero, 7));
    lanes = _mm512_add_epi64(lanes, _mm512_alignr_epi64(lanes, zero, 6));
    return _mm512_add_epi64(lanes, _mm512_alignr_epi64(lanes, zero, 4));
}

/* What quotes make of a group: *inside are the bytes in quotes. False: something is odd. */
CSV_AVX512_TARGET static inline bool judge_quotes(judge_carry *carry, __m512i separators,
                                                  __m512i quotes, __m512i *inside)
{
    const __m512i ones = _mm512_set1_epi64(-1);
    __m512i parity = _mm512_unpacklo_epi64(_mm512_clmulepi64_epi128(quotes, ones, 0x00),
                                           _mm512_clmulepi64_epi128(quotes, ones, 0x01));
    uint32_t odd = _mm512_movepi64_mask(parity);
    odd ^= odd << 1;
    odd ^= odd << 2;
    odd ^= odd << 4;
    __mmask8 begins_inside = (__mmask8)(odd << 1 ^ carry->inside);
    parity = _mm512_mask_xor_epi64(parity, begins_inside, parity, ones);
    __m512i opens = _mm512_and_si512(quotes, parity), closes = _mm512_andnot_si512(parity, quotes);
    __m512i ends = _mm512_andnot_si512(parity, separators);
    __m512i openers = _mm512_or_si512(ends, closes);
    __m512i early = _mm512_andnot_si512(next_bits(openers, carry->openers), opens);
    __m512i stray =
        _mm512_andnot_si512(_mm512_or_si512(ends, opens), next_bits(closes, carry->closes));
    __m512i wrong = _mm512_or_si512(early, stray);
    if (_mm512_test_epi64_mask(wrong, wrong)) return false;
    carry->openers = openers;
    carry->closes = closes;
    carry->inside ^= (odd >> 7 & 1) * 0xff;
    *inside = parity;
    return true;
}

/* False, and nothing done: the group is to be judged word by word. */
CSV_AVX512_TARGET static inline bool judge_group(csv_count *count, size_t word, judge_carry *carry)
{
    const __m512i ones = _mm512_set1_epi64(-1), last = _mm512_set1_epi64(count->last_field);
    __m512i newlines = _mm512_loadu_si512(count->newlines + word);
    __m512i delimiters = _mm512_loadu_si512(count->delimiters + word);
    __m512i quotes = _mm512_loadu_si512(count->quotes + word);
    __m512i separators = _mm512_or_si512(newlines, delimiters);
    if (_mm512_test_epi64_mask(newlines, _mm512_add_epi64(newlines, ones))) return false;
    __mmask8 lines = _mm512_test_epi64_mask(newlines, newlines), records = lines;
    __mmask8 quoted = _mm512_test_epi64_mask(quotes, quotes);
    if (quoted | (count->any_quote != 0)) {
        __m512i inside;
        if (!judge_quotes(carry, separators, quotes, &inside)) return false;
        count->any_quote = 1;
        newlines = _mm512_andnot_si512(inside, newlines);
        delimiters = _mm512_andnot_si512(inside, delimiters);
        records = _mm512_test_epi64_mask(newlines, newlines);
        _mm512_storeu_si512(count->newlines + word, newlines);
    } else {
        carry->openers = separators;
    }
    __m512i fields = _mm512_popcnt_epi64(delimiters);
    fields = _mm512_mask_sub_epi64(fields, records, fields, last);
    __m512i sums = running_sum(fields);
    __m512i before = _mm512_add_epi64(_mm512_sub_epi64(sums, fields), carry->field);
    __m512i upto = _mm512_xor_si512(newlines, _mm512_add_epi64(newlines, ones));
    __m512i at_end =
        _mm512_add_epi64(before, _mm512_popcnt_epi64(_mm512_and_si512(delimiters, upto)));
    count->wrong |= _mm512_mask_cmpneq_epi64_mask(records, at_end, last);
    /* "before" has the record's worth of fields taken off only behind its line end. */
    carry->field =
        _mm512_add_epi64(carry->field, _mm512_permutexvar_epi64(_mm512_set1_epi64(7), sums));
    count->lines += (uint64_t)__builtin_popcount(lines);
    count->records += (uint64_t)__builtin_popcount(records);
    return true;
}

CSV_AVX512_TARGET static void judge_word_avx512(csv_count *count, size_t word, uint64_t live);

CSV_AVX512_TARGET static void judge_avx512(csv_count *count, size_t words)
{
    judge_carry carry = carry_of(count);
    size_t word = 0;
    for (; word + 8 <= words; word += 8) {
        if (__builtin_expect(judge_group(count, word, &carry), 1)) continue;
        put_carry(count, &carry);
        for (size_t w = word; w < word + 8; w++)
            judge_word_avx512(count, w, ~UINT64_C(0));
        carry = carry_of(count);
    }
    put_carry(count, &carry);
    for (; word < words; word++)
        judge_word_avx512(count, word, ~UINT64_C(0));
}

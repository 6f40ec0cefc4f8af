/* sieve.c - see sieve.h.
 *
 * A batch that fails is tried in halves, and the half that fails in halves again, until the rows
 * that fail alone are known; what is left is evaluated together once more. So batches without bad
 * rows cost nothing, and one bad row costs about three batches. Only errors about values are looked
 * into: memory that is short or a query that is cancelled is nobody's row.
 *
 * Trap: calls that change something (nextval) change it again with every try. Functions of the host
 * program do not when they are volatile: their errors are those of a row only if it was alone. */
#include "expr/sieve.h"

typedef struct sifting {
    wr_eval *eval;
    const wr_batch *in;
    wr_bad_rows *bad;
    wr_column *out; /* NULL: a filter */
    uint16_t *tried;
    uint16_t *kept;
    uint32_t kept_count;
} sifting;

bool wr_is_of_row(weir_status why)
{
    enum { VALUES = 22 }; /* the hundreds of those about types and values */
    return why->of_row || why->code / 100 == VALUES || why->code == WR_E_TOO_BIG;
}

static weir_status try_rows(sifting *s, const uint16_t *rows, uint32_t count)
{
    if (!s->out) {
        memcpy(s->tried, rows, sizeof *rows * count);
        return wr_eval_filter(s->eval, s->in, s->tried, &count);
    }
    wr_batch some = *s->in;
    some.sel = rows;
    some.sel_count = count;
    return wr_eval_run(s->eval, &some, s->out);
}

/* rows failed together for this reason, which is taken. As deep as a batch can be halved. */
static weir_status sift(sifting *s, const uint16_t *rows, uint32_t count, weir_status why)
{
    if (!wr_is_of_row(why)) return why;
    if (count == 1) {
        weir_status bad = s->bad->tell(s->bad, s->in, rows[0], why);
        wr_status_drop(why);
        return bad;
    }
    wr_status_drop(why);
    const uint32_t first = count / 2, sizes[] = {first, count - first};
    for (int half = 0; half < 2; rows += sizes[half++]) {
        weir_status failed = try_rows(s, rows, sizes[half]);
        if (failed) {
            WR_TRY(sift(s, rows, sizes[half], failed));
            continue;
        }
        memcpy(s->kept + s->kept_count, rows, sizeof *rows * sizes[half]);
        s->kept_count += sizes[half];
    }
    return WR_OK;
}

weir_status wr_eval_run_sieved(wr_eval *eval, const wr_batch *in, wr_bad_rows *bad,
                               wr_sieve **sieve, wr_column *out, const wr_batch **kept)
{
    uint16_t rows[WR_BATCH_ROWS];
    uint32_t count = wr_batch_count(in);
    weir_status failed = wr_eval_run(eval, in, out);
    *kept = in;
    if (!failed || !bad || count == 0) return failed;
    if (!*sieve) *sieve = wr_heap_new(sizeof **sieve);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (uint16_t)wr_batch_row(in, i);
    sifting s = {.eval = eval, .in = in, .bad = bad, .out = out, .kept = (*sieve)->sel};
    WR_TRY(sift(&s, rows, count, failed));
    (*sieve)->kept = *in;
    (*sieve)->kept.sel = (*sieve)->sel;
    (*sieve)->kept.sel_count = s.kept_count;
    *kept = &(*sieve)->kept;
    return wr_eval_run(eval, *kept, out);
}

weir_status wr_eval_filter_sieved(wr_eval *eval, const wr_batch *in, wr_bad_rows *bad,
                                  uint16_t *sel, uint32_t *count)
{
    uint16_t rows[WR_BATCH_ROWS], tried[WR_BATCH_ROWS];
    uint32_t before = *count;
    if (!bad || before == 0) return wr_eval_filter(eval, in, sel, count);
    memcpy(rows, sel, sizeof *rows * before);
    weir_status failed = wr_eval_filter(eval, in, sel, count);
    if (!failed) return WR_OK;
    sifting s = {.eval = eval, .in = in, .bad = bad, .tried = tried, .kept = sel};
    WR_TRY(sift(&s, rows, before, failed));
    *count = s.kept_count;
    return wr_eval_filter(eval, in, sel, count);
}

/* commit.c - the only file that knows the order of a commit:
 *
 *   1. operators write what changed into the state
 *   2. the sink prepares: its output is durable or part of the token
 *   3. the state is committed: operators, positions of the sources, epoch and token at once
 *   4. the sink commits what the token stands for
 *   5. sources hear that their positions are committed
 *
 * A crash before 3 leaves the epoch before; after 3 the token is read again and step 4 repeated,
 * which sinks do without effect if it was done. Positions are those of rows that have passed the
 * whole graph, because batches are polled one after the other by the thread that commits.
 *
 * Queries over shared sources keep no state, and 3 does nothing: the sink commits the positions of
 * the group together with its rows (4), or the source does it afterwards (5). */
#include "stream/commit.h"
#include "base/failpoint.h"
#include "stream/sink.h"
#include "stream/watermark.h"
#include "sys/clock.h"

static const wr_str EPOCH = {"epoch", 5}, TOKEN = {"token", 5}, DEAD_TOKEN = {"dead token", 10},
                    SHAPE = {"shape", 5}, TEXT = {"text", 4}, PARTS = {"parts", 5};

static wr_str position_key(wr_buf *buf, const wr_graph *graph, int source)
{
    wr_buf_clear(buf);
    wr_buf_printf(buf, "position %d %.*s", source, WR_STR_ARGS(graph->sources[source].name));
    return wr_buf_str(buf);
}

/* ---- restoring ---- */

static weir_status sections(wr_committer *c, wr_state *state)
{
    WR_TRY(wr_state_section(state, WR_STR("query"), &c->section));
    WR_BUF(name);
    for (int i = 0; i < c->graph->op_count; i++) {
        wr_stream_op *op = c->graph->ops[i];
        if (!op->def->is_stateful) continue;
        wr_assert(op->def->save && op->def->load && op->def->settled);
        wr_buf_clear(&name);
        wr_buf_printf(&name, "%d %s", i, op->def->name);
        if (op->def->sections)
            WR_TRY(op->def->sections(op, state, wr_buf_str(&name)));
        else
            WR_TRY(wr_state_section(state, wr_buf_str(&name), &op->section));
    }
    return WR_OK;
}

static weir_status read_token(wr_committer *c, wr_str name, wr_buf *out)
{
    wr_str value;
    bool found;
    WR_TRY(wr_state_get(c->state, c->section, name, &value, &found));
    wr_buf_clear(out);
    if (found) wr_buf_add_str(out, value);
    return WR_OK;
}

static weir_status read_epoch(wr_committer *c, bool *restored)
{
    wr_str value;
    WR_TRY(wr_state_get(c->state, c->section, EPOCH, &value, restored));
    if (!*restored) return WR_OK;
    if (value.length != sizeof c->epoch)
        return wr_fail(WR_E_CORRUPT, "the epoch of the state has %zu bytes", value.length);
    memcpy(&c->epoch, value.data, sizeof c->epoch);
    WR_TRY(read_token(c, TOKEN, &c->token));
    return read_token(c, DEAD_TOKEN, &c->dead_token);
}

/* Operators and what they emit: what their state means to them. Time is the same to all. */
static void shape_of(const wr_graph *graph, wr_buf *out)
{
    for (int i = 0; i < graph->op_count; i++) {
        const wr_stream_op *op = graph->ops[i];
        if (!op->def->is_stateful || op->def == &wr_stream_watermark) continue;
        wr_buf_printf(out, "%d %s", i, op->def->name);
        for (int c = 0; op->schema && c < op->schema->count; c++)
            wr_buf_printf(out, " %s", wr_type_name(op->schema->fields[c].type));
        wr_buf_add_char(out, '\n');
    }
}

/* Groups and rows of one query mean nothing to another. Without operators that keep something only
 * positions are there, which belong to the sources by name: then the text may change. */
static weir_status check_same_query(wr_committer *c)
{
    wr_str shape, text;
    bool has_shape, has_text;
    WR_BUF(mine);
    shape_of(c->graph, &mine);
    WR_TRY(wr_state_get(c->state, c->section, SHAPE, &shape, &has_shape));
    bool is_same = !has_shape || wr_str_eq(shape, wr_buf_str(&mine));
    WR_TRY(wr_state_get(c->state, c->section, TEXT, &text, &has_text));
    if (has_text && c->text.length && mine.length) is_same &= wr_str_eq(text, c->text);
    if (is_same) return WR_OK;
    weir_status bad =
        wr_fail(WR_E_PARAMETER_VALUE, "the state in \"%.*s\" is that of another query",
                WR_STR_ARGS(c->place));
    if (has_text) bad = wr_with_detail(bad, "it was: %.*s", WR_STR_ARGS(text));
    return wr_with_hint(bad, "give this one another name, or remove that state to begin anew");
}

static weir_status has_other_text(wr_committer *c, bool *other)
{
    wr_str text;
    bool found;
    WR_TRY(wr_state_get(c->state, c->section, TEXT, &text, &found));
    *other = found && c->text.length && !wr_str_eq(text, c->text);
    return WR_OK;
}

/* Everything in the state goes with the first commit; until then it is there for whoever opens it
 * after a crash. */
static weir_status forget_other(wr_committer *c, bool *restored)
{
    wr_str name;
    uint32_t section;
    for (int i = 0; wr_state_section_at(c->state, i, &name, &section); i++)
        WR_TRY(wr_state_delete_range(c->state, section, (wr_str){0}, (wr_str){0}));
    wr_buf_clear(&c->token);
    wr_buf_clear(&c->dead_token);
    c->epoch = 0;
    *restored = false;
    return WR_OK;
}

static weir_status check_restored(wr_committer *c, bool *restored)
{
    weir_status bad = check_same_query(c);
    if (!bad || !c->replaces || bad->code != WR_E_PARAMETER_VALUE) return bad;
    wr_status_drop(bad);
    return forget_other(c, restored);
}

weir_status wr_commit_parts(wr_committer *c, int *parts)
{
    wr_str value;
    bool is_old, found, is_other = false;
    *parts = 0;
    if (!c->state) return WR_OK;
    WR_TRY(wr_state_section(c->state, WR_STR("query"), &c->section));
    WR_TRY(wr_state_get(c->state, c->section, EPOCH, &value, &is_old));
    WR_TRY(wr_state_get(c->state, c->section, PARTS, &value, &found));
    if (is_old) *parts = found && value.length == 1 ? (uint8_t)value.data[0] : 1;
    if (is_old && c->replaces) WR_TRY(has_other_text(c, &is_other));
    if (is_other) *parts = 0;
    return WR_OK;
}

static weir_status save_query(wr_committer *c)
{
    WR_BUF(shape);
    if (c->is_known) return WR_OK;
    char parts = (char)c->parts;
    WR_TRY(wr_state_put(c->state, c->section, PARTS, (wr_str){&parts, 1}));
    shape_of(c->graph, &shape);
    WR_TRY(wr_state_put(c->state, c->section, SHAPE, wr_buf_str(&shape)));
    return wr_state_put(c->state, c->section, TEXT, c->text);
}

static weir_status open_reader(wr_committer *c, int number, bool restored)
{
    wr_graph_source *source = &c->graph->sources[number];
    WR_BUF(key);
    wr_str position = {0};
    bool found = false;
    if (restored)
        WR_TRY(wr_state_get(c->state, c->section, position_key(&key, c->graph, number), &position,
                            &found));
    wr_reader_request request = {.columns = source->columns,
                                 .column_count = source->column_count,
                                 .position = found ? position : (wr_str){0},
                                 .dead = c->graph->dead,
                                 .fs = c->graph->fs,
                                 .mem = source->entry->mem,
                                 .only_looks = c->only_looks,
                                 .cancel = c->graph->env->cancel};
    source->last_rows_ns = wr_clock_mono_ns();
    return source->source->def->open(source->source, &request, &source->reader);
}

/* Step 4. What the dead letters of an epoch stand for is nothing if there were none. */
static weir_status commit_sinks(wr_committer *c)
{
    WR_TRY(wr_sink_commit(c->sink, c->epoch, wr_buf_str(&c->token)));
    if (!c->dead || !c->dead->sink || !c->dead_token.length) return WR_OK;
    return wr_sink_commit(c->dead->sink, c->epoch, wr_buf_str(&c->dead_token));
}

weir_status wr_commit_restore(wr_committer *c, bool *restored)
{
    *restored = false;
    if (c->state) {
        WR_TRY(sections(c, c->state));
        WR_TRY(read_epoch(c, restored));
        if (*restored) WR_TRY(check_restored(c, restored));
    }
    if (*restored) {
        for (int i = 0; i < c->graph->op_count; i++)
            if (c->graph->ops[i]->def->load)
                WR_TRY(c->graph->ops[i]->def->load(c->graph->ops[i], c->state));
        WR_TRY(commit_sinks(c));
    }
    for (int i = 0; i < c->graph->source_count; i++)
        WR_TRY(open_reader(c, i, *restored));
    for (int i = 0; c->is_shared && wr_sink_is_exact(c->sink) && i < c->graph->source_count; i++)
        WR_TRY(wr_sink_carry(c->sink, c->graph->sources[i].reader));
    return WR_OK;
}

/* ---- committing ---- */

static weir_status save_operators(wr_committer *c, wr_state *state)
{
    for (int i = 0; i < c->graph->op_count; i++)
        if (c->graph->ops[i]->def->save)
            WR_TRY(c->graph->ops[i]->def->save(c->graph->ops[i], state));
    return WR_OK;
}

static void settle_operators(wr_committer *c, bool committed)
{
    for (int i = 0; i < c->graph->op_count; i++)
        if (c->graph->ops[i]->def->settled)
            c->graph->ops[i]->def->settled(c->graph->ops[i], committed);
}

static weir_status save_positions(wr_committer *c)
{
    WR_BUF(key);
    WR_BUF(position);
    for (int i = 0; i < c->graph->source_count; i++) {
        wr_graph_source *source = &c->graph->sources[i];
        wr_buf_clear(&position);
        WR_TRY(source->source->def->position(source->reader, &position));
        WR_TRY(wr_state_put(c->state, c->section, position_key(&key, c->graph, i),
                            wr_buf_str(&position)));
    }
    return WR_OK;
}

static weir_status prepare_sinks(wr_committer *c, uint64_t epoch)
{
    WR_TRY(wr_sink_prepare(c->sink, epoch, &c->token));
    if (!c->dead || !c->dead->sink) return WR_OK;
    WR_TRY(wr_dead_flush(c->dead));
    return wr_sink_prepare(c->dead->sink, epoch, &c->dead_token);
}

/* Steps 1 to 3. */
static weir_status commit_state(wr_committer *c, uint64_t epoch)
{
    if (!c->state) return prepare_sinks(c, epoch);
    WR_TRY(save_operators(c, c->state));
    WR_FAILPOINT(stream_saved);
    WR_TRY(prepare_sinks(c, epoch));
    WR_FAILPOINT(stream_prepared);
    WR_TRY(save_positions(c));
    WR_TRY(save_query(c));
    WR_TRY(wr_state_put(c->state, c->section, EPOCH, (wr_str){(char *)&epoch, sizeof epoch}));
    WR_TRY(wr_state_put(c->state, c->section, TOKEN, wr_buf_str(&c->token)));
    if (c->dead) WR_TRY(wr_state_put(c->state, c->section, DEAD_TOKEN, wr_buf_str(&c->dead_token)));
    return wr_state_commit(c->state);
}

static weir_status tell_sources(wr_committer *c)
{
    WR_BUF(position);
    for (int i = 0; i < c->graph->source_count; i++) {
        wr_graph_source *source = &c->graph->sources[i];
        if (!source->source->def->ack || c->only_looks) continue;
        wr_buf_clear(&position);
        WR_TRY(source->source->def->position(source->reader, &position));
        WR_TRY(source->source->def->ack(source->reader, wr_buf_str(&position)));
    }
    return WR_OK;
}

/* Step 4. Where others of the group have read on from the commit before, this one never was; *lost.
 */
static weir_status deliver(wr_committer *c, bool *lost)
{
    weir_status bad = commit_sinks(c);
    *lost = bad && c->is_shared && bad->code == WR_E_TXN_CONFLICT;
    if (!*lost) return bad;
    wr_status_drop(bad);
    for (int i = 0; i < c->graph->source_count; i++)
        c->graph->sources[i].source->def->lose(c->graph->sources[i].reader);
    return WR_OK;
}

weir_status wr_commit_epoch(wr_committer *c)
{
    bool lost;
    int64_t began = wr_clock_mono_ns();
    uint64_t epoch = c->epoch + 1;
    wr_buf_clear(&c->token);
    wr_buf_clear(&c->dead_token);
    weir_status bad = commit_state(c, epoch);
    settle_operators(c, !bad);
    c->is_known |= !bad;
    if (bad) {
        if (c->state) wr_state_rollback(c->state);
        return bad;
    }
    c->epoch = epoch;
    WR_FAILPOINT(stream_committed);
    WR_TRY(deliver(c, &lost));
    WR_FAILPOINT(stream_delivered);
    if (!lost) WR_TRY(tell_sources(c));
    WR_FAILPOINT(stream_acked);
    c->took_us = (wr_clock_mono_ns() - began) / 1000;
    if (c->state) {
        wr_state_figures figures;
        wr_state_figures_of(c->state, &figures);
        c->bytes = figures.bytes_last_commit;
        c->disk_bytes = figures.bytes_on_disk;
    }
    return WR_OK;
}

void wr_commit_nothing(wr_committer *c) { settle_operators(c, true); }

uint64_t wr_commit_map_bytes(const wr_graph *graph) { return wr_mem_limit(graph->mem) / 10; }

static weir_status open_spill(wr_committer *c)
{
    static _Atomic unsigned number;
    WR_BUF(folder);
    wr_str temp = c->temp.length ? c->temp : wr_path_temp_dir();
    wr_buf_printf(&folder, "%.*s/weir-stream-%llx-%u", WR_STR_ARGS(temp),
                  (unsigned long long)wr_random_u64(), ++number);
    wr_state_options options = {.create = true,
                                .is_volatile = true,
                                .changes_max = wr_graph_pages_max(wr_mem_limit(c->graph->mem)),
                                .map_bytes = wr_commit_map_bytes(c->graph),
                                .mem = c->graph->mem};
    weir_status bad = wr_state_open(wr_buf_str(&folder), &options, &c->spill);
    if (bad)
        return wr_with_hint(bad, "what does not fit in memory_limit needs a file: set "
                                 "temp_directory, or stream_state to keep it over restarts");
    return sections(c, c->spill);
}

/* From now on changes are listed, and everything is one. */
static weir_status list_everything(wr_graph *graph)
{
    graph->is_volatile = false;
    for (int i = 0; i < graph->op_count; i++)
        if (graph->ops[i]->def->list_all) WR_TRY(graph->ops[i]->def->list_all(graph->ops[i]));
    return WR_OK;
}

weir_status wr_commit_spill(wr_committer *c)
{
    if (c->state) return wr_commit_epoch(c);
    if (!c->spill) WR_TRY(open_spill(c));
    if (c->graph->is_volatile) WR_TRY(list_everything(c->graph));
    weir_status bad = save_operators(c, c->spill);
    if (!bad) bad = wr_state_commit(c->spill);
    if (bad) wr_state_rollback(c->spill);
    settle_operators(c, !bad);
    wr_state_figures figures;
    wr_state_figures_of(c->spill, &figures);
    c->disk_bytes = figures.bytes_on_disk;
    return bad;
}

void wr_committer_clear(wr_committer *c)
{
    wr_state_close(c->state);
    wr_state_close(c->spill);
    wr_buf_clear(&c->token);
    wr_buf_clear(&c->dead_token);
}

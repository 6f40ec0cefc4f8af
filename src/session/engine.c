/* engine.c - opening and closing engines and sessions. */
#include "session/session.h"
#include <stdlib.h>

#ifndef WR_VERSION
#define WR_VERSION "0.1.0"
#endif

const char *weir_version(void) { return WR_VERSION; }

weir_status weir_engine_open(const weir_config *config, weir_engine **out)
{
    static const weir_config defaults;
    if (!config) config = &defaults;
    weir_engine *engine = wr_heap_new(sizeof *engine);
    uint64_t limit = config->memory_limit ? config->memory_limit : wr_machine_memory() / 5 * 4;
    engine->memory_limit = limit;
    engine->mem = wr_mem_new(NULL, "engine", limit);
    engine->fs = wr_fs_real();
    engine->store = wr_store_new(engine->mem);
    engine->cache = wr_file_cache_new(engine->mem, limit / WR_FILE_CACHE_PART);
    engine->catalog = wr_catalog_new(engine->store);
    engine->read_only = config->read_only;
    engine->thread_count = config->threads > 0 ? config->threads : wr_cpu_count();
    wr_mutex_init(&engine->lock);
    *out = engine;
    return WR_OK;
}

void weir_engine_close(weir_engine *engine)
{
    if (!engine) return;
    wr_sweep_live_views(engine, true);
    for (int i = 0; i < engine->pool_count; i++)
        wr_pool_drop(engine->pools[i]);
    wr_heap_drop(engine->pools);
    wr_catalog_drop(engine->catalog);
    wr_engine_drop_sinks(engine);
    wr_engine_drop_feeds(engine);
    wr_store_drop(engine->store);
    wr_file_cache_drop(engine->cache);
    wr_mem_drop(engine->mem);
    wr_heap_drop(engine->memory_text);
    wr_heap_drop(engine->cache_text);
    wr_mutex_clear(&engine->lock);
    wr_heap_drop(engine);
}

/* A pool never shrinks or grows: a session that wants more threads than the largest pool has gets a
 * larger one, and the old ones live on for the queries that use them. */
weir_status wr_engine_pool(weir_engine *engine, int thread_count, wr_pool **out)
{
    weir_status bad = WR_OK;
    wr_mutex_lock(&engine->lock);
    wr_pool *pool = engine->pool_count ? engine->pools[engine->pool_count - 1] : NULL;
    if (!pool || wr_pool_threads(pool) < thread_count) {
        bad = wr_pool_new(thread_count, &pool);
        if (!bad) {
            size_t size = sizeof *engine->pools, count = (size_t)engine->pool_count;
            engine->pools = wr_heap_grow(engine->pools, count * size, (count + 1) * size);
            engine->pools[engine->pool_count++] = pool;
        }
    }
    *out = pool;
    wr_mutex_unlock(&engine->lock);
    return bad;
}

weir_status weir_session_open(weir_engine *engine, weir_session **out)
{
    weir_session *session = wr_heap_new(sizeof *session);
    session->engine = engine;
    wr_mutex_lock(&engine->lock);
    session->id = ++engine->next_session;
    engine->session_count++;
    wr_mutex_unlock(&engine->lock);
    session->mem = wr_mem_new(engine->mem, "session", 0);
    session->prepared.ignore_case = session->sequences.ignore_case = true;
    weir_status bad = wr_session_reset(session, WR_STR(""), (wr_span){0});
    if (bad) {
        weir_session_close(session);
        return bad;
    }
    *out = session;
    return WR_OK;
}

weir_status wr_session_like(weir_session *session, weir_session **out)
{
    weir_session *like = wr_heap_new(sizeof *like);
    like->engine = session->engine;
    like->id = session->id;
    like->is_of_stream = true;
    like->mem = wr_mem_new(session->engine->mem, "stream", 0);
    like->prepared.ignore_case = like->sequences.ignore_case = true;
    like->starts_read_only = session->starts_read_only;
    if (session->last_result) like->last_result = wr_relation_keep(session->last_result);
    like->find_table = session->find_table;
    like->find_arg = session->find_arg;
    weir_status bad = wr_session_reset(like, WR_STR(""), (wr_span){0});
    for (int id = 0; id < WR_SETTING_COUNT && !bad; id++) {
        if (!session->settings[id]) continue;
        wr_str name = wr_str_of(wr_setting_rows[id].name);
        name.length = strcspn(name.data, "|");
        bad = wr_session_set(like, name, wr_str_of(session->settings[id]), (wr_span){0});
    }
    if (!bad) *out = like;
    if (bad) weir_session_close(like);
    return bad;
}

weir_status weir_session_clone(weir_session *session, weir_session **out)
{
    return wr_session_like(session, out);
}

static void drop_prepared(weir_session *session)
{
    wr_str key;
    void *value;
    for (uint32_t i = 0; wr_map_next(&session->prepared, &i, &key, &value);) {
        wr_prepared_text *prepared = value;
        wr_heap_drop(prepared->name);
        wr_heap_drop(prepared->sql);
        wr_heap_drop(prepared);
    }
    wr_map_clear(&session->prepared);
    for (uint32_t i = 0; wr_map_next(&session->sequences, &i, &key, &value);) {
        wr_heap_drop((char *)key.data);
        wr_heap_drop(value);
    }
    wr_map_clear(&session->sequences);
}

void weir_session_close(weir_session *session)
{
    if (!session) return;
    wr_assert(session->open_queries == 0);
    if (session->txn) wr_session_rollback(session);
    if (!session->is_of_stream) {
        wr_catalog_end_session(session->engine->catalog, session->id);
        wr_sweep_live_views(session->engine, false); /* temporary ones */
    }
    drop_prepared(session);
    wr_relation_release(session->last_result);
    wr_session_clear_settings(session);
    wr_arena_clear(&session->path_arena);
    wr_heap_drop(session->savepoints);
    wr_mem_drop(session->mem);
    wr_mutex_lock(&session->engine->lock);
    session->engine->session_count -= !session->is_of_stream;
    wr_mutex_unlock(&session->engine->lock);
    wr_heap_drop(session);
}

weir_status weir_session_set(weir_session *session, const char *name, const char *value)
{
    return wr_session_set(session, wr_str_of(name), wr_str_of(value), (wr_span){0});
}

weir_status weir_session_get(weir_session *session, const char *name, char **out)
{
    WR_ARENA(arena);
    wr_str value;
    *out = NULL;
    WR_TRY(wr_session_get(session, wr_str_of(name), (wr_span){0}, &arena, &value));
    *out = wr_heap_copy(value.data, value.length);
    return WR_OK;
}

void weir_session_interrupt(weir_session *session)
{
    atomic_fetch_add_explicit(&session->interrupts, 1, memory_order_relaxed);
}

bool weir_session_in_transaction(weir_session *session, bool *failed)
{
    if (failed) *failed = session->failed;
    return session->in_block;
}

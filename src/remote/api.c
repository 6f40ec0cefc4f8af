/* api.c - libpq, loaded when the first state on a server is opened: nobody else needs it. */
#include "remote/postgres.h"
#include "sys/thread.h"

static const wr_module_symbol symbols[] = {PG_FUNCTIONS(WR_MODULE_SYMBOL){0}};

weir_status wr_server_api(const pg_api **out)
{
    static wr_mutex lock = WR_MUTEX_INIT;
    static pg_api api; /* guarded by lock until is_loaded */
    static bool is_loaded;
    weir_status bad = WR_OK;
    wr_mutex_lock(&lock);
    if (!is_loaded)
        bad = wr_module_load("libpq.so.5", "libpq5", "a state in PostgreSQL", symbols, &api);
    is_loaded = !bad;
    wr_mutex_unlock(&lock);
    *out = &api;
    return bad;
}

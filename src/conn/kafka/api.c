/* api.c - librdkafka, loaded when the first source or sink of Kafka is opened: programs without
 * Kafka neither need it nor pay for its start. */
#include "conn/kafka/kafka.h"
#include "sys/thread.h"

static const wr_module_symbol symbols[] = {KAFKA_FUNCTIONS(WR_MODULE_SYMBOL){0}};

weir_status wr_kafka_api(const kafka_api **out)
{
    static wr_mutex lock = WR_MUTEX_INIT;
    static kafka_api api; /* guarded by lock until is_loaded */
    static bool is_loaded;
    weir_status bad = WR_OK;
    wr_mutex_lock(&lock);
    if (!is_loaded)
        bad =
            wr_module_load("librdkafka.so.1", "librdkafka1", "the connector kafka", symbols, &api);
    is_loaded = !bad;
    wr_mutex_unlock(&lock);
    *out = &api;
    return bad;
}

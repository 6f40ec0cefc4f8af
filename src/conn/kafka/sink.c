/* sink.c - a sink into a topic, exactly once by default.
 *
 * Messages wait in memory until prepare; the token is those messages. Commit is one transaction of
 * Kafka: the messages and, as the position of a group of our own, the epoch with the random number
 * of the token. A repeated commit finds that number there and does nothing. Transactions have the
 * name of the query, so a process that begins shuts out one that still believes it runs the query,
 * and ends what that one left open.
 *
 * With less than exactly-once delivery there are no transactions: messages leave at the end of a
 * round, or when many are waiting.
 *
 * Rows of shared sources have no token that survives: the transaction takes the positions of the
 * groups along, so a process that dies leaves nothing behind, and whoever takes its partitions
 * begins where its last transaction ended.
 *
 * librdkafka's queue is bounded; when it is full, sending waits, and with it the whole graph. */
#include "base/failpoint.h"
#include "conn/kafka/encode.h"
#include "conn/kafka/group.h"
#include "sys/clock.h"

enum { TOKEN_VERSION = 1, TURN_MS = 200, WAITING_BYTES = 4 << 20, ATTEMPTS = 5, MARK_SIZE = 16 };
/* How long brokers keep the transaction of a process that died: others wait for its partitions. */
#define SHARED_TIMEOUT "10000"
#define ALONE_TIMEOUT "60000"

typedef struct carried {
    const wr_reader *reader;
    const kafka_group *group;
} carried;

typedef struct kafka_deliverer {
    wr_deliverer base;
    wr_arena arena;
    kafka_client *client;
    const wr_cancel *cancel;
    kafka_encoder encoder;
    bool is_exact;
    wr_str name; /* of transactions and of the group */
    bool knows_mark;
    char mark[MARK_SIZE + 1]; /* of the last transaction; empty: there was none */
    uint64_t sent;            /* messages, for taking turns */
    /* With shared sources: transactions have a name of this process alone, positions of readers go
     * with the rows, and a process that was taken for dead is refused by the groups. */
    bool is_shared;
    WR_LIST(carried) carried;
} kafka_deliverer;

static const kafka_target *target_of(const kafka_deliverer *d)
{
    return (const kafka_target *)d->base.target;
}

/* ---- sending ---- */
static int32_t partition_of(kafka_deliverer *d)
{
    switch (target_of(d)->partitioner) {
    case KAFKA_ROUND_ROBIN:
        return (int32_t)(d->sent % (uint64_t)d->client->partition_count);
    case KAFKA_FIRST:
        return 0;
    default:
        return RD_KAFKA_PARTITION_UA;
    }
}

static weir_status send_one(kafka_deliverer *d, const kafka_encoded *message)
{
    const kafka_api *api = d->client->api;
    int32_t partition = partition_of(d);
    d->sent++;
    for (;;) {
        int failed =
            api->rd_kafka_produce(d->client->topic, partition, RD_KAFKA_MSG_F_COPY,
                                  (void *)(uintptr_t)message->payload.data, message->payload.length,
                                  message->key.data, message->key.length, NULL);
        if (!failed) return WR_OK;
        rd_kafka_resp_err_t error = api->rd_kafka_last_error();
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return wr_kafka_failed(d->client, "write to", error);
        api->rd_kafka_poll(d->client->rk, TURN_MS);
        WR_TRY(wr_kafka_check(d->client));
        WR_TRY(wr_cancel_check(d->cancel));
    }
}

static weir_status send_all(kafka_deliverer *d, uint64_t count, wr_str messages)
{
    enum { TURN = 256 };
    for (uint64_t i = 0; i < count; i++) {
        kafka_encoded message;
        if (!wr_kafka_take_encoded(&messages, &message))
            return wr_fail(WR_E_CORRUPT, "a token of kafka is damaged");
        if (message.is_dropped) continue;
        WR_TRY(send_one(d, &message));
        if (i % TURN == 0) d->client->api->rd_kafka_poll(d->client->rk, 0);
    }
    return messages.length ? wr_fail(WR_E_CORRUPT, "a token of kafka is damaged") : WR_OK;
}

/* What was not delivered, told once. */
static weir_status take_undelivered(kafka_deliverer *d)
{
    kafka_client *client = d->client;
    uint64_t count = client->undelivered;
    client->undelivered = 0;
    if (!count) return WR_OK;
    return wr_wrap(wr_kafka_failed(client, "write to", client->undelivered_why),
                   "%llu message%s not delivered", (unsigned long long)count,
                   count == 1 ? " was" : "s were");
}

/* Waits until everything sent has arrived. */
static weir_status await_delivery(kafka_deliverer *d)
{
    const kafka_api *api = d->client->api;
    while (api->rd_kafka_flush(d->client->rk, TURN_MS)) {
        WR_TRY(wr_kafka_check(d->client));
        WR_TRY(wr_cancel_check(d->cancel));
    }
    return take_undelivered(d);
}

/* ---- transactions ---- */
typedef enum then { THEN_DONE, THEN_AGAIN, THEN_ABORT, THEN_FAIL } then;

static bool is_shut_out(rd_kafka_resp_err_t error)
{
    return error == RD_KAFKA_RESP_ERR__FENCED || error == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           error == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

static weir_status describe(const kafka_deliverer *d, const char *doing, const rd_kafka_error_t *e)
{
    const kafka_api *api = d->client->api;
    if (is_shut_out(api->rd_kafka_error_code(e)))
        return wr_with_hint(wr_fail(WR_E_BUSY,
                                    "another process has begun to write as \"%s\" and shut this "
                                    "one out",
                                    d->name.data),
                            "a query runs in one place at a time; another query needs another "
                            "name, or the option transactional_id");
    bool is_access =
        api->rd_kafka_error_code(e) == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    return wr_fail(is_access ? WR_E_CONNECTION : WR_E_IO,
                   "cannot %s a transaction of the topic \"%s\": %s", doing,
                   d->client->config->topic.data, api->rd_kafka_error_string(e));
}

/* Ends error. *bad: what to say if it cannot be mended. */
static then judge(kafka_deliverer *d, const char *doing, rd_kafka_error_t *error, weir_status *bad)
{
    const kafka_api *api = d->client->api;
    *bad = WR_OK;
    if (!error) return THEN_DONE;
    *bad = describe(d, doing, error);
    then next = api->rd_kafka_error_is_fatal(error)             ? THEN_FAIL
                : api->rd_kafka_error_is_retriable(error)       ? THEN_AGAIN
                : api->rd_kafka_error_txn_requires_abort(error) ? THEN_ABORT
                                                                : THEN_FAIL;
    api->rd_kafka_error_destroy(error);
    return next;
}

typedef rd_kafka_error_t *step_fn(kafka_deliverer *d);

static rd_kafka_error_t *do_init(kafka_deliverer *d)
{
    return d->client->api->rd_kafka_init_transactions(d->client->rk, TURN_MS);
}

static rd_kafka_error_t *do_begin(kafka_deliverer *d)
{
    return d->client->api->rd_kafka_begin_transaction(d->client->rk);
}

static rd_kafka_error_t *do_commit(kafka_deliverer *d)
{
    return d->client->api->rd_kafka_commit_transaction(d->client->rk, TURN_MS);
}

static rd_kafka_error_t *do_abort(kafka_deliverer *d)
{
    return d->client->api->rd_kafka_abort_transaction(d->client->rk, TURN_MS);
}

/* Until it is done or cannot be done; brokers that are away are waited for at most wait_ms (0:
 * until cancelled). */
static then take_step(kafka_deliverer *d, step_fn *step, const char *doing, int wait_ms,
                      weir_status *bad)
{
    int64_t began = wr_clock_mono_ns();
    for (;;) {
        then next = judge(d, doing, step(d), bad);
        if (next != THEN_AGAIN) return next;
        d->client->api->rd_kafka_poll(d->client->rk, 0);
        weir_status stop = wr_cancel_check(d->cancel);
        if (!stop) stop = wr_kafka_check(d->client);
        if (stop) {
            wr_status_drop(*bad);
            *bad = stop;
            return THEN_FAIL;
        }
        if (wait_ms && wr_clock_mono_ns() - began > wait_ms * INT64_C(1000000)) return THEN_FAIL;
        wr_status_drop(*bad);
    }
}

/* The epoch and the mark go with the transaction, as the position of our group. */
static then send_mark(kafka_deliverer *d, uint64_t epoch, const char *mark, weir_status *bad)
{
    const kafka_api *api = d->client->api;
    then next;
    rd_kafka_topic_partition_list_t *list = api->rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *item =
        api->rd_kafka_topic_partition_list_add(list, d->client->config->topic.data, 0);
    item->offset = (int64_t)(epoch & INT64_MAX);
    item->metadata = (void *)(uintptr_t)mark; /* borrowed: taken away again below */
    item->metadata_size = strlen(mark);
    rd_kafka_consumer_group_metadata_t *group =
        api->rd_kafka_consumer_group_metadata_new(d->name.data);
    do {
        next = judge(d, "write to",
                     api->rd_kafka_send_offsets_to_transaction(d->client->rk, list, group, TURN_MS),
                     bad);
        if (next != THEN_AGAIN) break;
        wr_status_drop(*bad);
        *bad = wr_cancel_check(d->cancel);
        if (*bad) next = THEN_FAIL;
    } while (next == THEN_AGAIN);
    api->rd_kafka_consumer_group_metadata_destroy(group);
    item->metadata = NULL;
    item->metadata_size = 0;
    api->rd_kafka_topic_partition_list_destroy(list);
    return next;
}

/* The positions of a shared source go with the transaction. */
static then send_positions(kafka_deliverer *d, const carried *from, weir_status *bad)
{
    const kafka_api *api = d->client->api;
    const rd_kafka_consumer_group_metadata_t *metadata = wr_kafka_group_metadata(from->group);
    rd_kafka_topic_partition_list_t *moved = wr_kafka_reader_moved(from->reader);
    then next = THEN_DONE;
    while (moved->cnt > 0) {
        rd_kafka_error_t *error =
            api->rd_kafka_send_offsets_to_transaction(d->client->rk, moved, metadata, TURN_MS);
        bool is_lost = error && wr_kafka_is_lost(api->rd_kafka_error_code(error));
        next = judge(d, "write to", error, bad);
        if (is_lost) {
            wr_status_drop(*bad);
            *bad = wr_fail(WR_E_TXN_CONFLICT, "other processes of the group read the partitions");
            next = THEN_ABORT;
        }
        if (next != THEN_AGAIN) break;
        wr_status_drop(*bad);
        *bad = wr_cancel_check(d->cancel);
        if (*bad) next = THEN_FAIL;
        if (*bad) break;
    }
    api->rd_kafka_topic_partition_list_destroy(moved);
    return next;
}

/* What goes with the messages: the mark, or positions. */
static then send_beside(kafka_deliverer *d, uint64_t epoch, const char *mark, weir_status *bad)
{
    then next = THEN_DONE;
    if (!d->is_shared) return send_mark(d, epoch, mark, bad);
    for (int i = 0; i < d->carried.count && next == THEN_DONE; i++)
        next = send_positions(d, &d->carried.items[i], bad);
    return next;
}

/* One attempt. THEN_ABORT: nothing happened, and it may be tried again. */
static then try_transaction(kafka_deliverer *d, uint64_t epoch, uint64_t count, wr_str messages,
                            const char *mark, weir_status *bad)
{
    then next = take_step(d, do_begin, "begin", 0, bad);
    if (next != THEN_DONE) return next;
    *bad = send_all(d, count, messages);
    if (*bad) return THEN_ABORT;
    next = send_beside(d, epoch, mark, bad);
    if (next != THEN_DONE) return next;
    *bad = wr_failpoint_armed[WR_FP_kafka_sent] ? wr_failpoint_hit(WR_FP_kafka_sent) : WR_OK;
    if (*bad) return THEN_ABORT;
    next = take_step(d, do_commit, "commit", 0, bad);
    d->client->undelivered = 0; /* the transaction has told */
    return next;
}

static weir_status run_transaction(kafka_deliverer *d, uint64_t epoch, uint64_t count,
                                   wr_str messages, const char *mark)
{
    for (int attempt = 1;; attempt++) {
        weir_status bad = WR_OK, worse = WR_OK;
        then next = try_transaction(d, epoch, count, messages, mark, &bad);
        if (next == THEN_DONE) return WR_OK;
        if (next == THEN_FAIL) return bad;
        next = take_step(d, do_abort, "abort", 0, &worse);
        wr_status_drop(worse);
        bool is_permanent = bad->code == WR_E_CANCELLED || bad->code == WR_E_CORRUPT ||
                            bad->code == WR_E_TIMEOUT || bad->code == WR_E_TXN_CONFLICT;
        if (next != THEN_DONE || is_permanent || attempt == ATTEMPTS) return bad;
        wr_status_drop(bad);
        wr_sleep_ms(TURN_MS);
    }
}

/* What the last transaction of this name left as its mark. */
static weir_status read_mark(kafka_deliverer *d)
{
    const kafka_property own[] = {{.name = "group.id", .value = d->name.data},
                                  {.name = "enable.auto.commit", .value = "false"},
                                  {.name = "isolation.level", .value = "read_committed"},
                                  {0}};
    WR_AUTO(kafka_client) *reader = NULL;
    const kafka_config *config = d->client->config;
    WR_TRY(wr_kafka_client_open(config, KAFKA_CONSUMER, own, d->cancel, &reader));
    const kafka_api *api = reader->api;
    int64_t limit = wr_clock_mono_ns() + config->timeout_ms * INT64_C(1000000);
    for (;;) {
        rd_kafka_topic_partition_list_t *list = api->rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_t *item =
            api->rd_kafka_topic_partition_list_add(list, config->topic.data, 0);
        rd_kafka_resp_err_t error = api->rd_kafka_committed(reader->rk, list, TURN_MS * 10);
        if (!error) error = item->err;
        bool has_mark = !error && item->metadata && item->metadata_size == MARK_SIZE;
        if (has_mark) memcpy(d->mark, item->metadata, MARK_SIZE);
        api->rd_kafka_topic_partition_list_destroy(list);
        d->knows_mark = !error;
        if (!error) return WR_OK;
        if (wr_clock_mono_ns() > limit)
            return wr_kafka_failed(reader, "find the last transaction of", error);
        WR_TRY(wr_cancel_check(d->cancel));
        WR_TRY(wr_kafka_check(reader));
        wr_sleep_ms(TURN_MS / 4);
    }
}

/* ---- the contract ---- */
static void add_u64(wr_buf *out, uint64_t value) { wr_buf_add(out, &value, sizeof value); }

static bool take_u64(wr_str *from, uint64_t *out)
{
    if (from->length < sizeof *out) return false;
    memcpy(out, from->data, sizeof *out);
    *from = (wr_str){from->data + sizeof *out, from->length - sizeof *out};
    return true;
}

static weir_status kafka_prepare(wr_deliverer *base, uint64_t epoch, wr_buf *token)
{
    kafka_deliverer *d = (kafka_deliverer *)base;
    (void)epoch;
    wr_buf_add_char(token, TOKEN_VERSION);
    add_u64(token, wr_random_u64());
    add_u64(token, d->encoder.count);
    wr_buf_add_str(token, wr_buf_str(&d->encoder.messages));
    wr_kafka_encoder_reset(&d->encoder);
    return WR_OK;
}

/* Rows that led to no messages were read all the same. */
static bool has_moved(const kafka_deliverer *d)
{
    bool has = false;
    for (int i = 0; i < d->carried.count; i++) {
        rd_kafka_topic_partition_list_t *moved = wr_kafka_reader_moved(d->carried.items[i].reader);
        has |= moved->cnt > 0;
        d->client->api->rd_kafka_topic_partition_list_destroy(moved);
    }
    return has;
}

static weir_status commit_exactly(kafka_deliverer *d, uint64_t epoch, uint64_t number,
                                  uint64_t count, wr_str messages)
{
    char mark[MARK_SIZE + 1];
    snprintf(mark, sizeof mark, "%016llx", (unsigned long long)number);
    if (!d->knows_mark && !d->is_shared) WR_TRY(read_mark(d));
    if (strcmp(mark, d->mark) == 0) return WR_OK;
    WR_TRY(run_transaction(d, epoch, count, messages, mark));
    memcpy(d->mark, mark, sizeof mark);
    return WR_OK;
}

static weir_status kafka_commit(wr_deliverer *base, uint64_t epoch, wr_str token)
{
    kafka_deliverer *d = (kafka_deliverer *)base;
    uint64_t number, count;
    if (token.length == 0) return WR_OK;
    if (token.data[0] != TOKEN_VERSION)
        return wr_fail(WR_E_STATE_VERSION, "a token of kafka has version %d, not %d", token.data[0],
                       TOKEN_VERSION);
    token = (wr_str){token.data + 1, token.length - 1};
    if (!take_u64(&token, &number) || !take_u64(&token, &count))
        return wr_fail(WR_E_CORRUPT, "a token of kafka is damaged");
    if (count == 0 && token.length == 0 && !has_moved(d)) return WR_OK;
    if (d->is_exact) return commit_exactly(d, epoch, number, count, token);
    WR_TRY(send_all(d, count, token));
    return await_delivery(d);
}

static weir_status kafka_flush(wr_deliverer *base)
{
    kafka_deliverer *d = (kafka_deliverer *)base;
    WR_TRY(send_all(d, d->encoder.count, wr_buf_str(&d->encoder.messages)));
    wr_kafka_encoder_reset(&d->encoder);
    return await_delivery(d);
}

static weir_status kafka_write(wr_deliverer *base, const wr_delta *delta)
{
    kafka_deliverer *d = (kafka_deliverer *)base;
    WR_TRY(wr_cancel_check(d->cancel));
    WR_TRY(wr_kafka_encode(&d->encoder, delta));
    return !d->is_exact && d->encoder.messages.length > WAITING_BYTES ? kafka_flush(base) : WR_OK;
}

static void kafka_abort(wr_deliverer *base)
{
    wr_kafka_encoder_reset(&((kafka_deliverer *)base)->encoder);
}

static void kafka_close(wr_deliverer *base)
{
    kafka_deliverer *d = (kafka_deliverer *)base;
    wr_kafka_encoder_clear(&d->encoder);
    if (d->client) /* what is left was not promised to anybody */
        d->client->api->rd_kafka_purge(d->client->rk,
                                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    wr_kafka_client_close(d->client);
    wr_arena_clear(&d->arena);
    wr_heap_drop(d);
}

/* Payloads name their schema by its number. */
static weir_status register_schema(kafka_deliverer *d)
{
    const kafka_target *target = target_of(d);
    WR_AUTO(kafka_registry) *registry = NULL;
    if (!target->avro.registry.url.length) return WR_OK;
    wr_str subject = wr_arena_printf(&d->arena, "%.*s-value", WR_STR_ARGS(target->config.topic));
    WR_TRY(wr_kafka_registry_new(&target->avro.registry, d->cancel, &registry));
    d->encoder.has_number = true;
    return wr_kafka_registry_add(registry, subject, target->avro.text, &d->encoder.number);
}

static weir_status open_deliverer(kafka_deliverer *d)
{
    const kafka_target *target = target_of(d);
    const kafka_property exact[] = {
        {.name = "transactional.id", .value = d->name.data},
        {.name = "partitioner", .value = "murmur2_random"},
        {.name = "transaction.timeout.ms", .value = d->is_shared ? SHARED_TIMEOUT : ALONE_TIMEOUT},
        {0}};
    const kafka_property other[] = {{.name = "enable.idempotence", .value = "true"},
                                    {.name = "partitioner", .value = "murmur2_random"},
                                    {0}};
    weir_status bad;
    WR_TRY(register_schema(d));
    WR_TRY(wr_kafka_client_open(&target->config, KAFKA_PRODUCER, d->is_exact ? exact : other,
                                d->cancel, &d->client));
    if (!d->is_exact) return WR_OK;
    take_step(d, do_init, "prepare for", target->config.timeout_ms, &bad);
    return bad;
}

static weir_status kafka_carry(wr_deliverer *base, wr_reader *reader)
{
    kafka_deliverer *d = (kafka_deliverer *)base;
    bool is_same = false;
    wr_assert(d->is_shared && d->is_exact);
    if (strcmp(reader->source->connector, "kafka") == 0)
        WR_TRY(wr_kafka_reader_same_cluster(reader, d->client, &is_same));
    if (!is_same)
        return wr_with_hint(
            wr_fail(WR_E_UNSUPPORTED,
                    "the positions of a group are committed together with the rows, which needs "
                    "source and sink in one cluster; the sink is at %s",
                    d->client->config->brokers.data),
            "leave out share_partitions, or write to a topic of the source's cluster");
    carried one = {.reader = reader, .group = wr_kafka_reader_carry(reader)};
    wr_push(&d->arena, &d->carried, one);
    return WR_OK;
}

/* A process that shares has a name of its own: another one that begins must not shut it out. */
static void name_transactions(kafka_deliverer *d, wr_str query)
{
    const kafka_target *target = target_of(d);
    d->name = wr_arena_printf(&d->arena, "%.*s-%.*s-%.*s", WR_STR_ARGS(target->prefix),
                              WR_STR_ARGS(query), WR_STR_ARGS(target->config.topic));
    if (d->is_shared)
        d->name = wr_arena_printf(&d->arena, "%.*s-%016llx", WR_STR_ARGS(d->name),
                                  (unsigned long long)wr_random_u64());
}

static weir_status kafka_open(wr_target *base, const wr_deliverer_request *request,
                              wr_deliverer **out)
{
    const kafka_target *target = (const kafka_target *)base;
    kafka_deliverer *d = wr_heap_new(sizeof *d);
    d->base.target = base;
    d->cancel = request->cancel;
    d->is_exact = request->delivery == WR_DELIVERY_EXACTLY_ONCE;
    d->is_shared = request->is_shared;
    name_transactions(d, request->query);
    wr_kafka_encoder_init(&d->encoder, target, request->mem);
    weir_status bad = open_deliverer(d);
    if (bad) {
        kafka_close(&d->base);
        return bad;
    }
    *out = &d->base;
    return WR_OK;
}

static void kafka_drop(wr_target *base)
{
    kafka_target *target = (kafka_target *)base;
    wr_arena_clear(&target->arena);
    wr_heap_drop(target);
}

const wr_target_def wr_kafka_target_def = {.open = kafka_open,
                                           .write = kafka_write,
                                           .prepare = kafka_prepare,
                                           .commit = kafka_commit,
                                           .carry = kafka_carry,
                                           .flush = kafka_flush,
                                           .abort = kafka_abort,
                                           .close = kafka_close,
                                           .drop = kafka_drop};

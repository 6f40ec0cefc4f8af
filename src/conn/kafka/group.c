/* group.c - a member of a group of processes that share the partitions of a topic.
 *
 * A connection of its own takes part in the group's protocol and reads nothing: it is told which
 * partitions are ours, and the reader reads those as it always does. When the group changes
 * everybody gives up what he has (the eager protocol), which is answered only after what was read
 * has been committed; then the group says who goes on with what, and where.
 *
 * Whoever was taken for dead must not commit any more. Brokers refuse it by the generation of the
 * group, so commits carry the metadata that was taken when the partitions were: metadata that is
 * asked for later may be that of nobody, which brokers believe.
 *
 * Threads: one; librdkafka calls on_change while it is polled here. */
#include "conn/kafka/group.h"
#include "base/log.h"
#include "sys/clock.h"

enum { TURN_MS = 1000 };

struct kafka_group {
    kafka_client *client;
    const kafka_api *api;
    const kafka_config *config;
    const wr_cancel *cancel;
    kafka_change change; /* not yet answered */
    bool is_closing;
    rd_kafka_topic_partition_list_t *ours;        /* NULL: nothing */
    rd_kafka_consumer_group_metadata_t *metadata; /* of the generation in which they became ours */
};

static void forget_ours(kafka_group *group)
{
    if (group->ours) group->api->rd_kafka_topic_partition_list_destroy(WR_TAKE(group->ours));
    if (group->metadata)
        group->api->rd_kafka_consumer_group_metadata_destroy(WR_TAKE(group->metadata));
}

static void on_change(kafka_client *client, rd_kafka_resp_err_t what,
                      rd_kafka_topic_partition_list_t *partitions)
{
    kafka_group *group = client->owner;
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !group->is_closing) {
        forget_ours(group);
        group->ours = group->api->rd_kafka_topic_partition_list_copy(partitions);
        group->change = KAFKA_TAKE;
        return;
    }
    group->change = KAFKA_GIVE_UP;
    if (group->is_closing) group->api->rd_kafka_assign(client->rk, NULL);
}

weir_status wr_kafka_group_look(kafka_group *group, kafka_change *change)
{
    rd_kafka_message_t *message = group->api->rd_kafka_consumer_poll(group->client->rk, 0);
    *change = group->change;
    if (!message) return wr_kafka_check(group->client);
    rd_kafka_resp_err_t error = message->err;
    group->api->rd_kafka_message_destroy(message);
    switch ((int)error) {
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        return wr_kafka_failed(group->client, "join the group that reads", error);
    default:
        return wr_kafka_check(group->client); /* brokers may come back, and the group with them */
    }
}

const rd_kafka_topic_partition_list_t *wr_kafka_group_ours(const kafka_group *group)
{
    return group->ours;
}

const rd_kafka_consumer_group_metadata_t *wr_kafka_group_metadata(const kafka_group *group)
{
    return group->metadata;
}

weir_status wr_kafka_group_take(kafka_group *group)
{
    const kafka_api *api = group->api;
    rd_kafka_topic_partition_list_t *none = api->rd_kafka_topic_partition_list_new(0);
    group->metadata = api->rd_kafka_consumer_group_metadata(group->client->rk);
    rd_kafka_resp_err_t error = api->rd_kafka_assign(group->client->rk, none);
    api->rd_kafka_topic_partition_list_destroy(none);
    group->change = KAFKA_STAY;
    return error ? wr_kafka_failed(group->client, "share", error) : WR_OK;
}

weir_status wr_kafka_group_give_up(kafka_group *group)
{
    forget_ours(group);
    if (group->change != KAFKA_GIVE_UP) return WR_OK; /* a commit was refused: we shall hear why */
    group->change = KAFKA_STAY;
    rd_kafka_resp_err_t error = group->api->rd_kafka_assign(group->client->rk, NULL);
    return error ? wr_kafka_failed(group->client, "give up partitions of", error) : WR_OK;
}

/* Transactions that are not over hide positions: whoever had the partitions before may still be
 * committing, or the brokers must find out that he is dead. */
weir_status wr_kafka_group_find(kafka_group *group)
{
    const kafka_api *api = group->api;
    int64_t limit = wr_clock_mono_ns() + INT64_C(120) * 1000000000;
    for (;;) {
        rd_kafka_resp_err_t error =
            api->rd_kafka_committed(group->client->rk, group->ours, TURN_MS);
        for (int i = 0; !error && i < group->ours->cnt; i++)
            error = group->ours->elems[i].err;
        if (!error) return WR_OK;
        WR_TRY(wr_cancel_check(group->cancel));
        WR_TRY(wr_kafka_check(group->client));
        if (wr_clock_mono_ns() > limit)
            return wr_kafka_failed(group->client, "find the positions of the group in", error);
        wr_sleep_ms(20);
    }
}

bool wr_kafka_is_lost(rd_kafka_resp_err_t error)
{
    return error == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           error == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
           error == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ||
           error == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS ||
           error == RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST;
}

weir_status wr_kafka_group_commit(kafka_group *group, const rd_kafka_topic_partition_list_t *places,
                                  bool *is_lost)
{
    const kafka_api *api = group->api;
    *is_lost = false;
    for (;;) {
        rd_kafka_resp_err_t error = api->rd_kafka_commit(group->client->rk, places, false);
        if (!error || error == RD_KAFKA_RESP_ERR__NO_OFFSET) return WR_OK;
        *is_lost = wr_kafka_is_lost(error) || api->rd_kafka_assignment_lost(group->client->rk);
        if (*is_lost) return WR_OK;
        bool may_pass = error == RD_KAFKA_RESP_ERR__TRANSPORT ||
                        error == RD_KAFKA_RESP_ERR__TIMED_OUT ||
                        error == RD_KAFKA_RESP_ERR__WAIT_COORD ||
                        error == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
                        error == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
                        error == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
        if (!may_pass) return wr_kafka_failed(group->client, "commit positions in", error);
        WR_TRY(wr_cancel_check(group->cancel));
        wr_sleep_ms(100);
    }
}

void wr_kafka_group_leave(kafka_group *group)
{
    if (!group) return;
    group->is_closing = true;
    if (group->client) group->api->rd_kafka_consumer_close(group->client->rk);
    forget_ours(group);
    wr_kafka_client_close(group->client);
    wr_heap_drop(group);
}

weir_status wr_kafka_group_join(const kafka_config *config, const wr_cancel *cancel,
                                kafka_group **out)
{
    /* Those that come first may be given otherwise by the user. */
    const kafka_property own[] = {{.name = "group.id", .value = config->group.data},
                                  {.name = "enable.auto.commit", .value = "false"},
                                  {.name = "enable.auto.offset.store", .value = "false"},
                                  {.name = "partition.assignment.strategy", .value = "range"},
                                  {.name = "session.timeout.ms", .value = "10000"},
                                  {.name = "isolation.level", .value = "read_committed"},
                                  {0}};
    WR_AUTO(kafka_group) *group = wr_heap_new(sizeof *group);
    group->config = config;
    group->cancel = cancel;
    WR_TRY(wr_kafka_client_open(config, KAFKA_MEMBER, own, cancel, &group->client));
    const kafka_api *api = group->api = group->client->api;
    group->client->owner = group;
    group->client->on_change = on_change;
    api->rd_kafka_poll_set_consumer(group->client->rk);
    rd_kafka_topic_partition_list_t *topics = api->rd_kafka_topic_partition_list_new(1);
    api->rd_kafka_topic_partition_list_add(topics, config->topic.data, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t error = api->rd_kafka_subscribe(group->client->rk, topics);
    api->rd_kafka_topic_partition_list_destroy(topics);
    if (error) return wr_kafka_failed(group->client, "join the group that reads", error);
    *out = WR_TAKE(group);
    return WR_OK;
}

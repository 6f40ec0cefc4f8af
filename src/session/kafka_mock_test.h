/* kafka_mock_test.h - a cluster of Kafka that librdkafka plays itself, within the process: enough
 * for unit tests. What real brokers do is tested by tests/kafka. */
#pragma once
#include "base/test.h"
#include "sys/clock.h"
#include "sys/module.h"
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define MOCK_FUNCTIONS(X)                    \
    X(rd_kafka_conf_new)                     \
    X(rd_kafka_conf_set)                     \
    X(rd_kafka_new)                          \
    X(rd_kafka_destroy)                      \
    X(rd_kafka_topic_new)                    \
    X(rd_kafka_topic_destroy)                \
    X(rd_kafka_produce)                      \
    X(rd_kafka_flush)                        \
    X(rd_kafka_committed)                    \
    X(rd_kafka_topic_partition_list_new)     \
    X(rd_kafka_topic_partition_list_add)     \
    X(rd_kafka_topic_partition_list_destroy) \
    X(rd_kafka_mock_cluster_new)             \
    X(rd_kafka_mock_cluster_destroy)         \
    X(rd_kafka_mock_cluster_bootstraps)      \
    X(rd_kafka_mock_topic_create)

enum { MOCK_PARTITIONS = 2, MOCK_WAIT_MS = 10000 };

typedef struct kafka_mock {
    struct {
        MOCK_FUNCTIONS(WR_MODULE_SLOT)
    } api;
    rd_kafka_t *of_cluster, *producer;
    rd_kafka_mock_cluster_t *cluster;
    const char *brokers;
    char topic[32];
} kafka_mock;

static rd_kafka_t *mock_handle(kafka_mock *mock, rd_kafka_type_t type, const char *group)
{
    char why[256];
    rd_kafka_conf_t *conf = mock->api.rd_kafka_conf_new();
    mock->api.rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why);
    if (mock->brokers)
        mock->api.rd_kafka_conf_set(conf, "bootstrap.servers", mock->brokers, why, sizeof why);
    if (group) mock->api.rd_kafka_conf_set(conf, "group.id", group, why, sizeof why);
    rd_kafka_t *rk = mock->api.rd_kafka_new(type, conf, why, sizeof why);
    EXPECT(rk != NULL);
    return rk;
}

static void mock_open(kafka_mock *mock, const char *topic)
{
    static const wr_module_symbol symbols[] = {MOCK_FUNCTIONS(WR_MODULE_SYMBOL){0}};
    *mock = (kafka_mock){0};
    snprintf(mock->topic, sizeof mock->topic, "%s", topic);
    EXPECT_OK(wr_module_load("librdkafka.so.1", "librdkafka1", "this test", symbols, &mock->api));
    mock->of_cluster = mock_handle(mock, RD_KAFKA_PRODUCER, NULL);
    mock->cluster = mock->api.rd_kafka_mock_cluster_new(mock->of_cluster, 1);
    mock->brokers = mock->api.rd_kafka_mock_cluster_bootstraps(mock->cluster);
    EXPECT_INT(mock->api.rd_kafka_mock_topic_create(mock->cluster, topic, MOCK_PARTITIONS, 1), 0);
    mock->producer = mock_handle(mock, RD_KAFKA_PRODUCER, NULL);
}

static void mock_send(kafka_mock *mock, int partition, const char *text)
{
    rd_kafka_topic_t *topic = mock->api.rd_kafka_topic_new(mock->producer, mock->topic, NULL);
    EXPECT_INT(mock->api.rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY,
                                          (void *)(uintptr_t)text, strlen(text), NULL, 0, NULL),
               0);
    EXPECT_INT(mock->api.rd_kafka_flush(mock->producer, MOCK_WAIT_MS), 0);
    mock->api.rd_kafka_topic_destroy(topic);
}

/* How many messages the group has committed, of all partitions. */
static int64_t mock_committed(kafka_mock *mock, const char *group)
{
    int64_t sum = 0;
    rd_kafka_t *rk = mock_handle(mock, RD_KAFKA_CONSUMER, group);
    rd_kafka_topic_partition_list_t *list =
        mock->api.rd_kafka_topic_partition_list_new(MOCK_PARTITIONS);
    for (int i = 0; i < MOCK_PARTITIONS; i++)
        mock->api.rd_kafka_topic_partition_list_add(list, mock->topic, i);
    EXPECT_INT(mock->api.rd_kafka_committed(rk, list, MOCK_WAIT_MS), 0);
    for (int i = 0; i < MOCK_PARTITIONS; i++)
        sum += WR_MAX(list->elems[i].offset, 0);
    mock->api.rd_kafka_topic_partition_list_destroy(list);
    mock->api.rd_kafka_destroy(rk);
    return sum;
}

static void mock_close(kafka_mock *mock)
{
    mock->api.rd_kafka_destroy(mock->producer);
    mock->api.rd_kafka_mock_cluster_destroy(mock->cluster);
    mock->api.rd_kafka_destroy(mock->of_cluster);
}

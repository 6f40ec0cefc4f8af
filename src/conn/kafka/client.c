/* client.c - a connection to a cluster: settings, the first answer, and what goes wrong.
 *
 * librdkafka connects in threads of its own and never gives up; what went wrong it tells through a
 * callback that runs only while somebody polls. So the first look at the topic is made here, within
 * a limited time, and fails with what was said last. Afterwards brokers may come and go: only what
 * cannot get better by itself (wrong credentials, a certificate that is not trusted, a topic that
 * is gone) is an error.
 *
 * Values of secret settings occur in no message. */
#include "conn/kafka/kafka.h"
#include "base/log.h"
#include "sys/clock.h"
#include "sys/file.h"
#include <stdlib.h>

enum { LOOK_MS = 200, UNKNOWN_TOPIC_MS = 3000 };

/* ---- what librdkafka says ---- */
/* With TLS 1.3 a server looks at our certificate when the handshake is over for us: what it thinks
 * of it comes as an alert, and librdkafka takes it for a connection that broke. */
static bool is_about_certificate(const char *reason)
{
    static const int refusals[] = {40, 42, 43, 44, 45, 46, 48, 49, 116}; /* RFC 8446, 6.2 */
    static const char before[] = "SSL alert number ";
    const char *at = strstr(reason, before);
    int number = at ? atoi(at + sizeof before - 1) : 0;
    for (size_t i = 0; i < WR_COUNT(refusals); i++)
        if (number == refusals[i]) return true;
    return false;
}

static void on_error(rd_kafka_t *rk, int error, const char *reason, void *opaque)
{
    kafka_client *client = opaque;
    (void)rk;
    if (client->is_refused) return;
    size_t length = WR_MIN(strlen(reason), sizeof client->said - 1);
    memcpy(client->said, reason, length);
    client->said[length] = '\0';
    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && client->has_topic)
        wr_log(WR_LOG_WARN, "no broker answers", "topic", client->config->topic.data, "brokers",
               client->config->brokers.data, NULL);
    client->is_refused = error == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
                         error == RD_KAFKA_RESP_ERR__SSL || is_about_certificate(reason) ||
                         error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                         error == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
                         error == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
}

/* In threads of librdkafka. What matters of it comes through on_error, too. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk, (void)level;
    wr_log(WR_LOG_DEBUG, "librdkafka", "facility", facility, "text", text, NULL);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    kafka_client *client = opaque;
    (void)rk;
    if (!message->err) return;
    client->undelivered++;
    client->undelivered_why = message->err;
}

static void on_change(rd_kafka_t *rk, rd_kafka_resp_err_t what,
                      rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    kafka_client *client = opaque;
    if (client->on_change)
        client->on_change(client, what, partitions);
    else
        client->api->rd_kafka_assign(rk, NULL);
}

static bool is_about_access(rd_kafka_resp_err_t error)
{
    return error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__TRANSPORT ||
           error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || error == RD_KAFKA_RESP_ERR__SSL ||
           error == RD_KAFKA_RESP_ERR__TIMED_OUT || error == RD_KAFKA_RESP_ERR__RESOLVE ||
           error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           error == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
           error == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
           error == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
}

weir_status wr_kafka_failed(const kafka_client *client, const char *doing,
                            rd_kafka_resp_err_t error)
{
    wr_code code = is_about_access(error) ? WR_E_CONNECTION : WR_E_IO;
    weir_status bad = wr_fail(code, "cannot %s the topic \"%s\": %s", doing,
                              client->config->topic.data, client->api->rd_kafka_err2str(error));
    return client->said[0] ? wr_with_detail(bad, "%s", client->said) : bad;
}

weir_status wr_kafka_check(const kafka_client *client)
{
    if (!client->is_refused) return WR_OK;
    return wr_fail(WR_E_CONNECTION, "the brokers at %s do not let us in: %s",
                   client->config->brokers.data, client->said);
}

/* ---- settings ---- */
static weir_status set_one(const kafka_api *api, rd_kafka_conf_t *conf,
                           const kafka_property *property)
{
    char why[256];
    rd_kafka_conf_res_t result =
        api->rd_kafka_conf_set(conf, property->name, property->value, why, sizeof why);
    if (result == RD_KAFKA_CONF_OK) return WR_OK;
    if (result == RD_KAFKA_CONF_UNKNOWN)
        return wr_fail(WR_E_UNKNOWN_OPTION, "librdkafka has no setting \"%s\"", property->name);
    if (property->is_secret)
        return wr_fail(WR_E_PARAMETER_VALUE, "librdkafka does not take this value of \"%s\"",
                       property->name);
    return wr_fail(WR_E_PARAMETER_VALUE, "librdkafka refuses a setting: %s", why);
}

static weir_status set_all(const kafka_api *api, rd_kafka_conf_t *conf, const kafka_config *config,
                           const kafka_property *own)
{
    const kafka_property first[] = {
        {.name = "bootstrap.servers", .value = config->brokers.data},
        {.name = "client.id", .value = "weir"},
        {.name = "topic.metadata.refresh.interval.ms", .value = "60000"},
        {.name = "reconnect.backoff.max.ms", .value = "1000"},
        {0}};
    for (const kafka_property *p = first; p->name; p++)
        WR_TRY(set_one(api, conf, p));
    for (const kafka_property *p = own; p->name; p++)
        WR_TRY(set_one(api, conf, p));
    for (int i = 0; i < config->properties.count; i++)
        WR_TRY(set_one(api, conf, &config->properties.items[i]));
    return WR_OK;
}

/* OpenSSL does not say which file it is that it cannot read. */
static weir_status check_files(const kafka_config *config)
{
    for (int i = 0; i < config->properties.count; i++) {
        const kafka_property *p = &config->properties.items[i];
        wr_str name = wr_str_of(p->name), path = wr_str_of(p->value);
        wr_file_stat stat;
        if (!wr_str_has_prefix(name, WR_STR("ssl.")) || wr_str_is(path, "probe") ||
            !wr_str_has_suffix(name, WR_STR(".location")))
            continue;
        WR_TRY(wr_wrap(wr_fs_stat(wr_fs_real(), path, &stat), "the setting \"%s\"", p->name));
    }
    return WR_OK;
}

static weir_status make_handle(kafka_client *client, kafka_role role, const kafka_property *own)
{
    const kafka_api *api = client->api;
    WR_TRY(check_files(client->config));
    rd_kafka_conf_t *conf = api->rd_kafka_conf_new();
    weir_status bad = set_all(api, conf, client->config, own);
    if (bad) {
        api->rd_kafka_conf_destroy(conf);
        return bad;
    }
    char why[256];
    api->rd_kafka_conf_set_opaque(conf, client);
    api->rd_kafka_conf_set_error_cb(conf, on_error);
    api->rd_kafka_conf_set_log_cb(conf, on_log);
    if (role == KAFKA_PRODUCER) api->rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    if (role == KAFKA_MEMBER) api->rd_kafka_conf_set_rebalance_cb(conf, on_change);
    client->rk = api->rd_kafka_new(role == KAFKA_PRODUCER ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER,
                                   conf, why, sizeof why);
    if (client->rk) return WR_OK;
    api->rd_kafka_conf_destroy(conf);
    return wr_fail(WR_E_PARAMETER_VALUE, "librdkafka cannot work with these settings: %s", why);
}

/* ---- the topic ---- */
static weir_status unknown_topic(const kafka_client *client)
{
    return wr_with_hint(wr_fail(WR_E_CONNECTION, "there is no topic \"%s\" at %s",
                                client->config->topic.data, client->config->brokers.data),
                        "make it first, or let the brokers make topics by themselves");
}

/* What the brokers say of the topic, or why they did not. */
static rd_kafka_resp_err_t ask(kafka_client *client, int timeout_ms)
{
    const kafka_api *api = client->api;
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t error =
        api->rd_kafka_metadata(client->rk, 0, client->topic, &metadata, timeout_ms);
    if (error) return error;
    if (metadata->topic_cnt == 1) error = metadata->topics[0].err;
    int count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    if (!error && count == 0) error = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (!error) client->partition_count = WR_MAX(client->partition_count, count);
    api->rd_kafka_metadata_destroy(metadata);
    return error;
}

weir_status wr_kafka_count_partitions(kafka_client *client, int timeout_ms)
{
    rd_kafka_resp_err_t error = ask(client, timeout_ms);
    return error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
               ? wr_kafka_failed(client, "look at", error)
               : WR_OK;
}

/* A topic that was just made, or brokers that just started, may be unknown for a moment. */
static weir_status await_topic(kafka_client *client)
{
    int64_t began = wr_clock_mono_ns(), limit = client->config->timeout_ms * INT64_C(1000000);
    for (;;) {
        rd_kafka_resp_err_t error = ask(client, LOOK_MS);
        if (!error) return WR_OK;
        client->api->rd_kafka_poll(client->rk, 0);
        WR_TRY(wr_kafka_check(client));
        WR_TRY(wr_cancel_check(client->cancel));
        int64_t passed = wr_clock_mono_ns() - began;
        bool is_unknown = error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                          error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        if (is_unknown && passed > UNKNOWN_TOPIC_MS * INT64_C(1000000))
            return unknown_topic(client);
        if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
            error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION)
            return wr_kafka_failed(client, "look at", error);
        if (passed > limit)
            return wr_fail(WR_E_CONNECTION, "no answer from %s within %d ms: %s",
                           client->config->brokers.data, client->config->timeout_ms,
                           client->said[0] ? client->said : client->api->rd_kafka_err2str(error));
        wr_sleep_ms(20);
    }
}

void wr_kafka_client_close(kafka_client *client)
{
    if (!client) return;
    if (client->topic) client->api->rd_kafka_topic_destroy(client->topic);
    /* Members of a group have left by now; for others positions are not the group's. */
    if (client->rk)
        client->api->rd_kafka_destroy_flags(client->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    wr_heap_drop(client);
}

weir_status wr_kafka_client_open(const kafka_config *config, kafka_role role,
                                 const kafka_property *own, const wr_cancel *cancel,
                                 kafka_client **out)
{
    WR_AUTO(kafka_client) *client = wr_heap_new(sizeof *client);
    WR_TRY(wr_kafka_api(&client->api));
    client->config = config;
    client->cancel = cancel;
    WR_TRY(make_handle(client, role, own));
    client->topic = client->api->rd_kafka_topic_new(client->rk, config->topic.data, NULL);
    if (!client->topic) return wr_kafka_failed(client, "use", client->api->rd_kafka_last_error());
    WR_TRY(await_topic(client));
    client->has_topic = true;
    *out = WR_TAKE(client);
    return WR_OK;
}

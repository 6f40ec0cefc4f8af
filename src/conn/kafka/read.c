/* read.c - the reader of a topic.
 *
 * Every partition has a place: the offset of the next message. Places are what position() gives and
 * what a restart begins with; offsets that a group has committed are never read, only written (by
 * ack, for whoever watches the group). So partitions are taken here and no group decides about
 * them. At the first start places are found by asking: the first message, the end, or the first
 * message of a time or later. A partition that appears later is read from its first message.
 *
 * Partitions are merged by the time of their messages: each waits in a queue of its own, and the
 * oldest goes first. A partition with nothing in its queue is waited for as long as it is not read
 * to its end, but not for ever. Otherwise what lies in the brokers for hours would come partition
 * by partition, and all but the first would be too late for its windows.
 *
 * The place moves when rows of a message were handed out, or when it has none; what the brokers
 * leave out (aborted transactions, marks, what compaction removed) is passed over when the end of
 * the partition is met. Bounded reading ends where the partition ended when it was begun.
 *
 * Shared partitions (group.c): places of partitions that are not ours are done. When the group
 * wants ours back nothing more is handed out, a commit is asked for, and then they are given up. A
 * new place is told to the group at once where it was not the first message: it would be another
 * one for the next who asks.
 *
 * Threads: librdkafka's only raise the flag has_news; everything else is the reader's. */
#include "base/log.h"
#include "conn/kafka/decode.h"
#include "conn/kafka/group.h"
#include "sys/clock.h"
#include "sys/thread.h"

enum { POSITION_VERSION = 1, WAIT_MS = 50, LOOK_MS = 300, WAITING = 1024, NO_OFFSET = -1 };
static const int64_t ALIGN_NS = 500 * INT64_C(1000000); /* how long others wait for a partition */

typedef struct kafka_place {
    int64_t next;                 /* behind what was handed out */
    int64_t fetched;              /* behind what is in waiting */
    int64_t end;                  /* bounded: where it is done */
    int64_t end_met;              /* where nothing more was; NO_OFFSET: something may be there */
    int64_t committed;            /* shared: what the group knows; NO_OFFSET: nothing */
    bool is_done;                 /* nothing more is wanted: bounded, or not ours */
    bool is_slow;                 /* the others wait for it no longer */
    rd_kafka_queue_t *queue;      /* NULL: it is not read */
    rd_kafka_message_t **waiting; /* first .. first + count */
    uint32_t first, count;
} kafka_place;

typedef struct kafka_reader {
    wr_reader base;
    kafka_client *client;
    kafka_decoder *decoder;
    kafka_group *group; /* NULL: all partitions are ours */
    bool is_carried;    /* a sink commits positions with its rows */
    bool is_leaving;    /* what we have is given up by the next commit */
    bool has_joined;    /* the group has said what is ours, be it nothing */
    const wr_cancel *cancel;
    kafka_place **places; /* by partition */
    int place_count, done_count;
    rd_kafka_message_t *messages[WR_BATCH_ROWS]; /* whose rows are handed out */
    uint32_t message_count, moved;               /* moved: places stand behind so many of them */
    int64_t next_look_ns, blocked_since_ns;
    wr_mutex lock;
    wr_cond news;
    bool has_news;                          /* guarded by lock */
    rd_kafka_topic_partition_list_t *shown; /* the group was told last; NULL: nothing */
} kafka_reader;

static const kafka_source *source_of(const kafka_reader *reader)
{
    return (const kafka_source *)reader->base.source;
}

static bool is_ours(const kafka_reader *reader, int partition)
{
    return !reader->group || !reader->places[partition]->is_done;
}

/* ---- positions ---- */
static void add_u64(wr_buf *out, uint64_t value) { wr_buf_add(out, &value, sizeof value); }

static bool take_u64(wr_str *from, uint64_t *out)
{
    if (from->length < sizeof *out) return false;
    memcpy(out, from->data, sizeof *out);
    *from = (wr_str){from->data + sizeof *out, from->length - sizeof *out};
    return true;
}

static weir_status kafka_position(wr_reader *base, wr_buf *out)
{
    const kafka_reader *reader = (const kafka_reader *)base;
    wr_str topic = source_of(reader)->config.topic;
    wr_buf_add_char(out, POSITION_VERSION);
    add_u64(out, topic.length);
    wr_buf_add_str(out, topic);
    add_u64(out, (uint64_t)reader->place_count);
    for (int i = 0; i < reader->place_count; i++)
        add_u64(out, (uint64_t)(is_ours(reader, i) ? reader->places[i]->next : NO_OFFSET));
    return WR_OK;
}

typedef struct parsed_position {
    wr_str topic;
    wr_str offsets; /* of 8 bytes each */
    int count;
} parsed_position;

static int64_t parsed_offset(const parsed_position *at, int partition)
{
    int64_t offset;
    memcpy(&offset, at->offsets.data + (size_t)partition * sizeof offset, sizeof offset);
    return offset;
}

static weir_status parse_position(wr_str position, parsed_position *out)
{
    uint64_t length, count;
    *out = (parsed_position){0};
    if (position.length == 0) return WR_OK;
    if (position.data[0] != POSITION_VERSION)
        return wr_fail(WR_E_STATE_VERSION, "a position of kafka has version %d, not %d",
                       position.data[0], POSITION_VERSION);
    wr_str rest = {position.data + 1, position.length - 1};
    bool is_whole = take_u64(&rest, &length) && length <= rest.length;
    if (is_whole) {
        out->topic = (wr_str){rest.data, length};
        rest = (wr_str){rest.data + length, rest.length - length};
        is_whole = take_u64(&rest, &count) && count <= INT32_MAX && rest.length == count * 8;
    }
    if (!is_whole) return wr_fail(WR_E_CORRUPT, "a position of kafka is damaged");
    out->offsets = rest;
    out->count = (int)count;
    return WR_OK;
}

static void kafka_describe(wr_str position, wr_buf *out)
{
    parsed_position at;
    weir_status bad = parse_position(position, &at);
    if (bad) {
        wr_buf_add_text(out, wr_status_text(bad));
        wr_status_drop(bad);
        return;
    }
    wr_buf_printf(out, "topic %.*s", WR_STR_ARGS(at.topic));
    const char *between = "";
    for (int i = 0; i < at.count; i++) {
        if (parsed_offset(&at, i) == NO_OFFSET) continue; /* somebody else's */
        wr_buf_printf(out, "%s partition %d offset %lld", between, i,
                      (long long)parsed_offset(&at, i));
        between = ",";
    }
}

/* ---- where partitions begin ---- */
static weir_status offset_of_time(kafka_reader *reader, int partition, int64_t *offset)
{
    const kafka_api *api = reader->client->api;
    const kafka_source *source = source_of(reader);
    rd_kafka_topic_partition_list_t *list = api->rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *item =
        api->rd_kafka_topic_partition_list_add(list, source->config.topic.data, partition);
    item->offset = source->start_ms;
    rd_kafka_resp_err_t error =
        api->rd_kafka_offsets_for_times(reader->client->rk, list, source->config.timeout_ms);
    if (!error) error = item->err;
    if (item->offset >= 0) *offset = item->offset; /* else no message is as late: the end */
    api->rd_kafka_topic_partition_list_destroy(list);
    return error ? wr_kafka_failed(reader->client, "find a time in", error) : WR_OK;
}

static weir_status check_kept(const kafka_reader *reader, int partition, int64_t offset,
                              int64_t low, int64_t high)
{
    if (offset >= low && offset <= high) return WR_OK;
    return wr_with_hint(
        wr_fail(WR_E_CORRUPT,
                "offset %lld of partition %d of the topic \"%s\" was read up to, but the brokers "
                "have %lld to %lld",
                (long long)offset, partition, source_of(reader)->config.topic.data, (long long)low,
                (long long)high),
        offset < low ? "messages were removed before they were read; begin without the old state"
                     : "the topic was made anew; begin without the old state");
}

/* The place of a partition nobody has read yet, or has_place: one that goes on at place->next. */
static weir_status find_place(kafka_reader *reader, int partition, bool has_place, bool is_late,
                              kafka_place *place)
{
    const kafka_source *source = source_of(reader);
    int64_t low, high;
    rd_kafka_resp_err_t error = reader->client->api->rd_kafka_query_watermark_offsets(
        reader->client->rk, source->config.topic.data, partition, &low, &high,
        source->config.timeout_ms);
    if (error) return wr_kafka_failed(reader->client, "look at", error);
    if (has_place) {
        WR_TRY(check_kept(reader, partition, place->next, low, high));
    } else {
        place->next = source->start == KAFKA_EARLIEST || is_late ? low : high;
        if (source->start == KAFKA_AT_TIME && !is_late)
            WR_TRY(offset_of_time(reader, partition, &place->next));
    }
    place->end = high;
    place->is_done = source->base.is_bounded && place->next >= high;
    reader->done_count += place->is_done;
    return WR_OK;
}

static void on_news(rd_kafka_t *rk, void *arg)
{
    kafka_reader *reader = arg;
    (void)rk;
    wr_mutex_lock(&reader->lock);
    reader->has_news = true;
    wr_cond_signal(&reader->news);
    wr_mutex_unlock(&reader->lock);
}

/* The partition's messages come into its queue from now on. */
static weir_status start_partition(kafka_reader *reader, int partition, kafka_place *place)
{
    const kafka_api *api = reader->client->api;
    place->waiting = wr_heap_new(WAITING * sizeof *place->waiting);
    place->queue = api->rd_kafka_queue_new(reader->client->rk);
    api->rd_kafka_queue_cb_event_enable(place->queue, on_news, reader);
    if (api->rd_kafka_consume_start_queue(reader->client->topic, partition, place->next,
                                          place->queue)) {
        api->rd_kafka_queue_destroy(WR_TAKE(place->queue));
        return wr_kafka_failed(reader->client, "read", api->rd_kafka_last_error());
    }
    return WR_OK;
}

static void stop_partition(kafka_reader *reader, int partition)
{
    const kafka_api *api = reader->client->api;
    kafka_place *place = reader->places[partition];
    for (uint32_t i = 0; i < place->count; i++)
        api->rd_kafka_message_destroy(place->waiting[place->first + i]);
    place->first = place->count = 0;
    if (place->queue) {
        api->rd_kafka_consume_stop(reader->client->topic, partition);
        api->rd_kafka_queue_destroy(WR_TAKE(place->queue));
    }
    wr_heap_drop(WR_TAKE(place->waiting));
}

static void drop_place(kafka_reader *reader, int partition)
{
    stop_partition(reader, partition);
    wr_heap_drop(reader->places[partition]);
}

static void make_places(kafka_reader *reader, int count)
{
    int before = reader->place_count;
    if (count <= before) return;
    reader->places = wr_heap_grow(reader->places, sizeof *reader->places * (size_t)before,
                                  sizeof *reader->places * (size_t)count);
    while (reader->place_count < count) {
        kafka_place *place = wr_heap_new(sizeof *place);
        *place = (kafka_place){.end_met = NO_OFFSET, .committed = NO_OFFSET, .is_done = true};
        reader->places[reader->place_count++] = place;
    }
}

/* Places for the partitions there are; new ones are read from now on. */
static weir_status add_partitions(kafka_reader *reader, const parsed_position *at, bool is_late)
{
    int before = reader->place_count, count = reader->client->partition_count;
    make_places(reader, count);
    for (int i = before; i < count; i++) {
        bool has_place = i < at->count;
        kafka_place *place = reader->places[i];
        place->is_done = false;
        place->next = has_place ? parsed_offset(at, i) : 0;
        WR_TRY(find_place(reader, i, has_place, is_late || at->topic.length > 0, place));
        place->fetched = place->next;
        if (!place->is_done) WR_TRY(start_partition(reader, i, place));
    }
    return WR_OK;
}

/* Looks for new partitions when it is time to. */
static weir_status discover(kafka_reader *reader)
{
    const kafka_source *source = source_of(reader);
    int64_t now = wr_clock_mono_ns();
    if (source->base.is_bounded || !source->discover_ns || now < reader->next_look_ns) return WR_OK;
    if (reader->group) return WR_OK; /* which finds new ones by itself */
    WR_TRY(wr_kafka_count_partitions(reader->client, LOOK_MS));
    reader->next_look_ns = wr_clock_mono_ns() + source->discover_ns;
    return add_partitions(reader, &(parsed_position){0}, true);
}

/* ---- messages ---- */
static void finish_place(kafka_reader *reader, kafka_place *place)
{
    reader->done_count += !place->is_done;
    place->is_done = true;
}

/* Once nothing waits: behind what was not shown is nothing left. In a bounded one, what may still
 * come is in a transaction that is not over. */
static void settle_places(kafka_reader *reader)
{
    bool is_bounded = reader->base.source->is_bounded;
    for (int i = 0; i < reader->place_count; i++) {
        kafka_place *place = reader->places[i];
        if (place->count || place->is_done || place->end_met == NO_OFFSET) continue;
        place->next = WR_MAX(place->next, place->end_met);
        if (is_bounded) finish_place(reader, place);
    }
}

static weir_status take_error(kafka_reader *reader, int partition,
                              const rd_kafka_message_t *message)
{
    kafka_place *place = reader->places[partition];
    switch ((int)message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        place->fetched = WR_MAX(place->fetched, message->offset);
        place->end_met = place->fetched;
        return WR_OK;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        return wr_fail(WR_E_CORRUPT,
                       "partition %d of the topic \"%s\" has no offset %lld any more: messages "
                       "were removed before they were read",
                       partition, source_of(reader)->config.topic.data, (long long)place->fetched);
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
        return WR_OK; /* they may come back */
    default:
        return wr_kafka_failed(reader->client, "read", message->err);
    }
}

/* Keeps a message that is wanted. */
static weir_status sort_in(kafka_reader *reader, int partition, rd_kafka_message_t *message)
{
    kafka_place *place = reader->places[partition];
    bool is_wanted = !message->err && message->offset >= place->fetched;
    weir_status bad = message->err ? take_error(reader, partition, message) : WR_OK;
    if (is_wanted && reader->base.source->is_bounded && message->offset >= place->end) {
        place->end_met = place->end;
        is_wanted = false;
    }
    if (is_wanted) {
        place->waiting[place->count++] = message;
        place->fetched = message->offset + 1;
        place->end_met = NO_OFFSET;
        place->is_slow = false;
    } else {
        reader->client->api->rd_kafka_message_destroy(message);
    }
    return bad;
}

/* Fills the queues that are empty with what is there. */
static weir_status fetch(kafka_reader *reader)
{
    const kafka_api *api = reader->client->api;
    rd_kafka_message_t *got[WAITING];
    api->rd_kafka_poll(reader->client->rk, 0);
    WR_TRY(wr_kafka_check(reader->client));
    for (int i = 0; i < reader->place_count; i++) {
        kafka_place *place = reader->places[i];
        if (place->count || place->is_done || !place->queue) continue;
        ssize_t count = api->rd_kafka_consume_batch_queue(place->queue, 0, got, WAITING);
        if (count < 0) return wr_kafka_failed(reader->client, "read", api->rd_kafka_last_error());
        place->first = 0;
        weir_status bad = WR_OK;
        for (ssize_t k = 0; k < count; k++) {
            weir_status error = sort_in(reader, i, got[k]);
            if (bad)
                wr_status_drop(error);
            else
                bad = error;
        }
        if (bad) return bad;
    }
    return WR_OK;
}

static bool is_at_end(const kafka_reader *reader, int partition)
{
    const kafka_place *place = reader->places[partition];
    int64_t low, high;
    if (place->is_done || place->is_slow || place->end_met != NO_OFFSET) return true;
    rd_kafka_resp_err_t error = reader->client->api->rd_kafka_get_watermark_offsets(
        reader->client->rk, source_of(reader)->config.topic.data, partition, &low, &high);
    return !error && high >= 0 && place->fetched >= high;
}

/* Is there a partition whose next message is on its way while others wait? */
static bool must_wait(kafka_reader *reader)
{
    bool is_missing = false, any = false;
    for (int i = 0; i < reader->place_count; i++) {
        any |= reader->places[i]->count > 0;
        is_missing |= reader->places[i]->count == 0 && !is_at_end(reader, i);
    }
    if (!any || !is_missing) reader->blocked_since_ns = 0;
    if (!any) return true;
    if (!is_missing) return false;
    int64_t now = wr_clock_mono_ns();
    if (!reader->blocked_since_ns) reader->blocked_since_ns = now;
    if (now - reader->blocked_since_ns < ALIGN_NS) return true;
    for (int i = 0; i < reader->place_count; i++)
        reader->places[i]->is_slow |= reader->places[i]->count == 0;
    return false;
}

static int64_t time_of(const kafka_reader *reader, const kafka_place *place)
{
    rd_kafka_timestamp_type_t kind;
    return reader->client->api->rd_kafka_message_timestamp(place->waiting[place->first], &kind);
}

/* The partition whose message is the oldest, and the time up to which it goes first; NULL: none. */
static kafka_place *oldest(const kafka_reader *reader, int64_t *until)
{
    kafka_place *best = NULL;
    int64_t best_time = INT64_MAX;
    *until = INT64_MAX;
    for (int i = 0; i < reader->place_count; i++) {
        kafka_place *place = reader->places[i];
        if (place->count == 0) continue;
        int64_t time = time_of(reader, place);
        if (best && time >= best_time) {
            *until = WR_MIN(*until, time);
            continue;
        }
        if (best) *until = WR_MIN(*until, best_time);
        best = place;
        best_time = time;
    }
    return best;
}

/* Up to a batch of messages in the order of their times; ends where a queue is empty. */
static void merge(kafka_reader *reader)
{
    const uint32_t most = wr_kafka_decode_max(source_of(reader));
    for (bool goes_on = true; goes_on && reader->message_count < most;) {
        int64_t until;
        kafka_place *place = oldest(reader, &until);
        if (!place) return;
        do {
            reader->messages[reader->message_count++] = place->waiting[place->first++];
            place->count--;
        } while (place->count && reader->message_count < most && time_of(reader, place) <= until);
        goes_on = place->count > 0;
    }
}

static void wait_for_news(kafka_reader *reader, int64_t deadline_ns)
{
    wr_mutex_lock(&reader->lock);
    while (!reader->has_news && wr_cond_wait_until(&reader->news, &reader->lock, deadline_ns))
        continue;
    reader->has_news = false;
    wr_mutex_unlock(&reader->lock);
}

static void forget_messages(kafka_reader *reader)
{
    for (uint32_t i = 0; i < reader->message_count; i++)
        reader->client->api->rd_kafka_message_destroy(reader->messages[i]);
    reader->message_count = reader->moved = 0;
}

/* The next rows of the messages at hand; places move behind what was handed out. */
static weir_status next_rows(kafka_reader *reader, wr_batch *out, bool *has)
{
    uint32_t done;
    WR_TRY(wr_kafka_decoded(reader->decoder, out, &done, has));
    for (; reader->moved < done; reader->moved++) {
        const rd_kafka_message_t *message = reader->messages[reader->moved];
        reader->places[message->partition]->next = message->offset + 1;
    }
    if (!*has) forget_messages(reader);
    return WR_OK;
}

/* Bounded: partitions that were handed out up to their end. */
static void finish_places(kafka_reader *reader)
{
    if (!reader->base.source->is_bounded) return;
    for (int i = 0; i < reader->place_count; i++)
        if (reader->places[i]->next >= reader->places[i]->end)
            finish_place(reader, reader->places[i]);
}

/* ---- partitions that are shared ---- */
static weir_status take_partition(kafka_reader *reader, const rd_kafka_topic_partition_t *ours)
{
    make_places(reader, ours->partition + 1);
    kafka_place *place = reader->places[ours->partition];
    bool has_place = ours->offset >= 0;
    stop_partition(reader, ours->partition);
    *place = (kafka_place){.next = has_place ? ours->offset : 0,
                           .end_met = NO_OFFSET,
                           .committed = has_place ? ours->offset : NO_OFFSET};
    WR_TRY(find_place(reader, ours->partition, has_place, false, place));
    place->fetched = place->next;
    return start_partition(reader, ours->partition, place);
}

static weir_status take_partitions(kafka_reader *reader)
{
    WR_TRY(wr_kafka_group_find(reader->group));
    const rd_kafka_topic_partition_list_t *ours = wr_kafka_group_ours(reader->group);
    WR_BUF(names);
    for (int i = 0; i < ours->cnt; i++) {
        WR_TRY(take_partition(reader, &ours->elems[i]));
        wr_buf_printf(&names, "%s%d", i ? " " : "", ours->elems[i].partition);
    }
    wr_buf_add_char(&names, '\0');
    wr_log(WR_LOG_INFO, "partitions are ours", "topic", source_of(reader)->config.topic.data,
           "group", source_of(reader)->config.group.data, "partitions", names.data, NULL);
    reader->has_joined = true;
    return wr_kafka_group_take(reader->group);
}

static bool has_any(const kafka_reader *reader)
{
    for (int i = 0; i < reader->place_count; i++)
        if (is_ours(reader, i)) return true;
    return false;
}

/* Nothing is ours any more; what is on its way is read again, by whoever has it next. */
static weir_status give_up(kafka_reader *reader)
{
    WR_TRY(wr_kafka_decode(reader->decoder, NULL, 0));
    forget_messages(reader);
    for (int i = 0; i < reader->place_count; i++) {
        stop_partition(reader, i);
        reader->places[i]->is_done = true;
    }
    reader->is_leaving = reader->has_joined = false;
    return wr_kafka_group_give_up(reader->group);
}

static weir_status follow_group(kafka_reader *reader)
{
    kafka_change change;
    WR_TRY(wr_kafka_group_look(reader->group, &change));
    if (change == KAFKA_TAKE) return take_partitions(reader);
    if (change == KAFKA_STAY) return WR_OK;
    if (!has_any(reader)) return give_up(reader);
    reader->is_leaving = true;
    return WR_OK;
}

static bool kafka_wants_commit(const wr_reader *base)
{
    const kafka_reader *reader = (const kafka_reader *)base;
    bool is_news = source_of(reader)->start != KAFKA_EARLIEST;
    for (int i = 0; reader->group && is_news && i < reader->place_count; i++)
        if (is_ours(reader, i) && reader->places[i]->committed == NO_OFFSET) return true;
    return reader->is_leaving;
}

rd_kafka_topic_partition_list_t *wr_kafka_reader_moved(const wr_reader *base)
{
    const kafka_reader *reader = (const kafka_reader *)base;
    const kafka_api *api = reader->client->api;
    rd_kafka_topic_partition_list_t *list = api->rd_kafka_topic_partition_list_new(1);
    const char *topic = source_of(reader)->config.topic.data;
    for (int i = 0; i < reader->place_count; i++) {
        const kafka_place *place = reader->places[i];
        if (is_ours(reader, i) && place->next != place->committed)
            api->rd_kafka_topic_partition_list_add(list, topic, i)->offset = place->next;
    }
    return list;
}

const kafka_group *wr_kafka_reader_carry(wr_reader *base)
{
    kafka_reader *reader = (kafka_reader *)base;
    reader->is_carried = true;
    return reader->group;
}

weir_status wr_kafka_reader_same_cluster(const wr_reader *base, const kafka_client *client,
                                         bool *is_same)
{
    const kafka_client *mine = ((const kafka_reader *)base)->client;
    const kafka_api *api = client->api;
    char *here = api->rd_kafka_clusterid(mine->rk, client->config->timeout_ms);
    char *there = api->rd_kafka_clusterid(client->rk, client->config->timeout_ms);
    bool is_known = here && there;
    *is_same = is_known && strcmp(here, there) == 0;
    if (here) api->rd_kafka_mem_free(mine->rk, here);
    if (there) api->rd_kafka_mem_free(client->rk, there);
    return is_known ? WR_OK
                    : wr_fail(WR_E_CONNECTION, "the brokers at %s do not say what cluster they are",
                              client->config->brokers.data);
}

static void kafka_lose(wr_reader *base)
{
    kafka_reader *reader = (kafka_reader *)base;
    wr_log(WR_LOG_WARN,
           "the group went on without this process; what it had not committed is read by others",
           "topic", source_of(reader)->config.topic.data, "group",
           source_of(reader)->config.group.data, NULL);
    wr_status_drop(give_up(reader)); /* the group tells again */
}

/* What a sink carried with its rows is committed by now; otherwise it is done here. */
static weir_status acknowledge_shared(kafka_reader *reader)
{
    rd_kafka_topic_partition_list_t *moved = wr_kafka_reader_moved(&reader->base);
    bool is_lost = false;
    weir_status bad = WR_OK;
    if (moved->cnt && !reader->is_carried)
        bad = wr_kafka_group_commit(reader->group, moved, &is_lost);
    reader->client->api->rd_kafka_topic_partition_list_destroy(moved);
    WR_TRY(bad);
    for (int i = 0; i < reader->place_count; i++)
        reader->places[i]->committed = reader->places[i]->next;
    if (is_lost) kafka_lose(&reader->base);
    return reader->is_leaving ? give_up(reader) : WR_OK;
}

static weir_status kafka_poll(wr_reader *base, int64_t deadline_ns, wr_batch *out, wr_poll *result)
{
    kafka_reader *reader = (kafka_reader *)base;
    for (;;) {
        bool has = false;
        WR_TRY(wr_cancel_check(reader->cancel));
        *result = WR_POLL_IDLE;
        if (reader->group) WR_TRY(follow_group(reader));
        if (reader->is_leaving) return WR_OK;
        *result = WR_POLL_ROWS;
        if (reader->message_count) WR_TRY(next_rows(reader, out, &has));
        if (has) return WR_OK;
        *out = (wr_batch){0};
        finish_places(reader);
        WR_TRY(discover(reader));
        WR_TRY(fetch(reader));
        settle_places(reader);
        *result = WR_POLL_END;
        if (base->source->is_bounded && reader->done_count == reader->place_count) return WR_OK;
        if (!must_wait(reader)) {
            merge(reader);
            WR_TRY(wr_kafka_decode(reader->decoder, reader->messages, reader->message_count));
            continue;
        }
        int64_t now = wr_clock_mono_ns();
        *result = WR_POLL_IDLE;
        if (deadline_ns <= now) return WR_OK;
        wait_for_news(reader, WR_MIN(deadline_ns, now + WAIT_MS * INT64_C(1000000)));
    }
}

/* ---- the rest of the contract ---- */
static weir_status kafka_ack(wr_reader *base, wr_str position)
{
    kafka_reader *reader = (kafka_reader *)base;
    const kafka_source *source = source_of(reader);
    const kafka_api *api = reader->client->api;
    parsed_position at;
    if (reader->group) return acknowledge_shared(reader);
    if (!source->config.group.length) return WR_OK;
    WR_TRY(parse_position(position, &at));
    rd_kafka_topic_partition_list_t *list = api->rd_kafka_topic_partition_list_new(at.count);
    for (int i = 0; i < at.count; i++)
        api->rd_kafka_topic_partition_list_add(list, source->config.topic.data, i)->offset =
            parsed_offset(&at, i);
    /* Only people look at it: nobody waits for it, and when it fails the next one will do. */
    if (list->cnt) api->rd_kafka_commit(reader->client->rk, list, true);
    if (reader->shown) api->rd_kafka_topic_partition_list_destroy(reader->shown);
    reader->shown = list;
    return WR_OK;
}

/* The last time there is no next one. */
static void show_last_positions(kafka_reader *reader)
{
    enum { ANSWER_MS = 2000 };
    if (!reader->shown) return;
    const kafka_api *api = reader->client->api;
    rd_kafka_queue_t *answers = api->rd_kafka_queue_new(reader->client->rk);
    if (reader->shown->cnt &&
        !api->rd_kafka_commit_queue(reader->client->rk, reader->shown, answers, NULL, NULL)) {
        rd_kafka_event_t *answer = api->rd_kafka_queue_poll(answers, ANSWER_MS);
        if (answer) api->rd_kafka_event_destroy(answer);
    }
    api->rd_kafka_queue_destroy(answers);
    api->rd_kafka_topic_partition_list_destroy(reader->shown);
}

static const int8_t *kafka_changes(const wr_reader *base)
{
    return wr_kafka_changes(((const kafka_reader *)base)->decoder);
}

static void kafka_locate(wr_reader *base, uint32_t row, wr_buf *out)
{
    wr_kafka_locate(((const kafka_reader *)base)->decoder, row, out);
}

static void kafka_lag(wr_reader *base, wr_lag *out)
{
    const kafka_reader *reader = (const kafka_reader *)base;
    *out = (wr_lag){.has_rows = true, .is_waiting = reader->group && !reader->has_joined};
    for (int i = 0; i < reader->place_count; i++) {
        const kafka_place *place = reader->places[i];
        int64_t low, high = place->end;
        rd_kafka_resp_err_t error = reader->client->api->rd_kafka_get_watermark_offsets(
            reader->client->rk, source_of(reader)->config.topic.data, i, &low, &high);
        if (error || high < 0 || reader->base.source->is_bounded) high = place->end;
        if (high > place->next && !place->is_done) out->rows += (uint64_t)(high - place->next);
    }
}

static void kafka_close(wr_reader *base)
{
    kafka_reader *reader = (kafka_reader *)base;
    if (reader->client) show_last_positions(reader);
    wr_kafka_decoder_drop(reader->decoder);
    if (reader->client) forget_messages(reader);
    wr_kafka_group_leave(reader->group);
    for (int i = 0; i < reader->place_count; i++)
        drop_place(reader, i);
    wr_kafka_client_close(reader->client);
    wr_mutex_clear(&reader->lock);
    wr_cond_clear(&reader->news);
    wr_heap_drop(reader->places);
    wr_heap_drop(reader);
}

static weir_status open_reader(kafka_reader *reader, kafka_source *source,
                               const wr_reader_request *request)
{
    const char *group = source->config.group.length ? source->config.group.data : "weir";
    const kafka_property own[] = {{.name = "group.id", .value = group},
                                  {.name = "enable.auto.commit", .value = "false"},
                                  {.name = "enable.auto.offset.store", .value = "false"},
                                  {.name = "enable.partition.eof", .value = "true"},
                                  {.name = "auto.offset.reset", .value = "error"},
                                  {.name = "isolation.level", .value = "read_committed"},
                                  {.name = "fetch.wait.max.ms", .value = "50"},
                                  {.name = "queued.max.messages.kbytes", .value = "16384"},
                                  {0}};
    parsed_position at;
    WR_TRY(parse_position(request->position, &at));
    if (at.topic.length && !wr_str_eq(at.topic, source->config.topic))
        return wr_fail(WR_E_PARAMETER_VALUE,
                       "the state is that of the topic \"%.*s\", not of \"%s\"",
                       WR_STR_ARGS(at.topic), source->config.topic.data);
    WR_TRY(wr_kafka_decoder_new(source, request, &reader->decoder));
    WR_TRY(wr_kafka_client_open(&source->config, KAFKA_CONSUMER, own, request->cancel,
                                &reader->client));
    if (at.count > reader->client->partition_count)
        return wr_fail(WR_E_CORRUPT, "the topic \"%s\" has %d partitions, %d were read before",
                       source->config.topic.data, reader->client->partition_count, at.count);
    reader->next_look_ns = wr_clock_mono_ns() + source->discover_ns;
    if (source->base.is_shared && !request->only_looks)
        return wr_kafka_group_join(&source->config, request->cancel, &reader->group);
    return add_partitions(reader, &at, false);
}

static weir_status kafka_open(wr_source *source, const wr_reader_request *request, wr_reader **out)
{
    kafka_reader *reader = wr_heap_new(sizeof *reader);
    reader->base.source = source;
    reader->cancel = request->cancel;
    wr_mutex_init(&reader->lock);
    wr_cond_init(&reader->news);
    weir_status bad = open_reader(reader, (kafka_source *)source, request);
    if (bad) {
        kafka_close(&reader->base);
        return bad;
    }
    *out = &reader->base;
    return WR_OK;
}

static void kafka_drop(wr_source *base)
{
    kafka_source *source = (kafka_source *)base;
    wr_arena_clear(&source->arena);
    wr_heap_drop(source);
}

const wr_source_def wr_kafka_source_def = {.open = kafka_open,
                                           .poll = kafka_poll,
                                           .position = kafka_position,
                                           .changes = kafka_changes,
                                           .locate = kafka_locate,
                                           .ack = kafka_ack,
                                           .wants_commit = kafka_wants_commit,
                                           .lose = kafka_lose,
                                           .lag = kafka_lag,
                                           .close = kafka_close,
                                           .describe = kafka_describe,
                                           .drop = kafka_drop};

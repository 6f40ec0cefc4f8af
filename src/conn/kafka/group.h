/* group.h - a member of a group of processes that share the partitions of a topic. One thread. */
#pragma once
#include "conn/kafka/kafka.h"

typedef struct kafka_group kafka_group;
typedef enum kafka_change {
    KAFKA_STAY,
    KAFKA_GIVE_UP, /* commit what was read, then wr_kafka_group_give_up */
    KAFKA_TAKE,    /* wr_kafka_group_find, then wr_kafka_group_take */
} kafka_change;

/* Begins to take part; config has a group; it and cancel outlive the member. CONNECTION. */
WR_MUST_CHECK weir_status wr_kafka_group_join(const kafka_config *config, const wr_cancel *cancel,
                                              kafka_group **out);
/* Tells the others that we are gone; partitions are theirs at once. */
void wr_kafka_group_leave(kafka_group *group);
WR_DEFINE_CLEANUP(kafka_group, wr_kafka_group_leave)
/* Has something changed? The same until it is answered. Does not wait. */
WR_MUST_CHECK weir_status wr_kafka_group_look(kafka_group *group, kafka_change *change);
/* The partitions that are ours; after find with the positions of the group, negative where it has
 * none. NULL: none are. */
const rd_kafka_topic_partition_list_t *wr_kafka_group_ours(const kafka_group *group);
/* Waits for the positions of what is to be taken, for minutes if a transaction is open. */
WR_MUST_CHECK weir_status wr_kafka_group_find(kafka_group *group);
WR_MUST_CHECK weir_status wr_kafka_group_take(kafka_group *group);
/* What commits carry to be believed; NULL: nothing is ours. */
const rd_kafka_consumer_group_metadata_t *wr_kafka_group_metadata(const kafka_group *group);
/* Also when a commit was refused: nothing is ours then. */
WR_MUST_CHECK weir_status wr_kafka_group_give_up(kafka_group *group);
/* Without a transaction. *is_lost: the group went on without us. */
WR_MUST_CHECK weir_status wr_kafka_group_commit(kafka_group *group,
                                                const rd_kafka_topic_partition_list_t *places,
                                                bool *is_lost);
/* Does a commit that ended so mean that others have the partitions? */
bool wr_kafka_is_lost(rd_kafka_resp_err_t error);

/* ---- read.c: of a reader of a shared source ---- */
/* Positions that moved since they were committed last; the caller's. */
rd_kafka_topic_partition_list_t *wr_kafka_reader_moved(const wr_reader *reader);
/* A sink commits them from now on. */
const kafka_group *wr_kafka_reader_carry(wr_reader *reader);
/* Is it another cluster than that of client? CONNECTION if it cannot be found out. */
WR_MUST_CHECK weir_status wr_kafka_reader_same_cluster(const wr_reader *reader,
                                                       const kafka_client *client, bool *is_same);

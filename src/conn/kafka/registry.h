/* registry.h - schemas by number, from a Confluent Schema Registry over HTTP. */
#pragma once
#include "base/cancel.h"
#include "conn/kafka/avro.h"

typedef struct kafka_registry_config {
    wr_str url, user, password; /* NUL-terminated; user and password may be empty */
} kafka_registry_config;

typedef struct kafka_registry kafka_registry;
/* Loads the library for HTTP; config outlives it. MISSING_LIBRARY. One thread. */
WR_MUST_CHECK weir_status wr_kafka_registry_new(const kafka_registry_config *config,
                                                const wr_cancel *cancel, kafka_registry **out);
void wr_kafka_registry_drop(kafka_registry *registry);
WR_DEFINE_CLEANUP(kafka_registry, wr_kafka_registry_drop)
/* The schema of that number, asked for once; lives as long as the registry. *out NULL: there is
 * none. CONNECTION if the registry does not answer or refuses us, UNSUPPORTED for schemas that are
 * not Avro. */
WR_MUST_CHECK weir_status wr_kafka_registry_find(kafka_registry *registry, uint32_t number,
                                                 const avro_node **out);
/* The number of the schema under the subject, registered if need be. Errors as above; BAD_VALUE
 * when the registry refuses the schema. */
WR_MUST_CHECK weir_status wr_kafka_registry_add(kafka_registry *registry, wr_str subject,
                                                wr_str schema, uint32_t *number);

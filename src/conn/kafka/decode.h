/* decode.h - what the reading of payloads is made of. */
#pragma once
#include "conn/kafka/kafka.h"

/* ---- text.c ---- */
/* The options of the text format that source speaks of, for fields and whole payloads on one line;
 * in source's arena. */
WR_MUST_CHECK weir_status wr_kafka_text_options(kafka_source *source, const wr_options *given,
                                                const wr_opt *rows);
/* The reader of a file "payload" in memory as rows of fields; its last column is the number of the
 * record. Released with wr_relation_release. */
WR_MUST_CHECK weir_status wr_kafka_text_reader(const kafka_source *source, const wr_field *fields,
                                               int count, wr_fs *memory, wr_mem *mem,
                                               const wr_cancel *cancel, wr_rejects *rejects,
                                               wr_arena *arena, wr_relation **out);

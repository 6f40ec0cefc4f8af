/* copied_files.h - COPY ... TO ... (RETURN_FILES): the files written, as rows. */
#pragma once
#include "fmt/files.h"
#include "plan/logical.h"

/* An empty relation with the columns path VARCHAR, rows BIGINT, bytes BIGINT and partition_keys
 * MAP(VARCHAR, VARCHAR); what it keeps is counted in mem. Owned by the caller. */
wr_relation *wr_copied_files_new(wr_mem *mem);
/* Adds a row per file, before the relation is scanned. One thread. Fails with OUT_OF_BUDGET. */
WR_MUST_CHECK weir_status wr_copied_files_add(wr_relation *relation, const wr_written *written);

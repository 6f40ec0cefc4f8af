/* csv.c - the CSV format as the registry sees it. */
#include "fmt/csv/read.h"

const wr_format wr_format_csv = {.name = "csv",
                                 .extensions = "csv|tsv|psv|tbl",
                                 .help = "comma-separated values and their kin",
                                 .read_options = wr_csv_read_options,
                                 .write_options = wr_csv_write_options,
                                 .probe = wr_csv_probe,
                                 .bind = wr_csv_bind,
                                 .writer_new = wr_csv_writer_new};

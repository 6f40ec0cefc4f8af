/* parse_error.c - makes a failure helpful. */
#include "sql/parser.h"

void wr_parser_explain(wr_parser *p)
{
    wr_check(p->error);
    (void)p;
}

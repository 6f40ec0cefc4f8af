#include "sql/parser.h"
void wr_parser_explain(wr_parser *p) { (void)p; }

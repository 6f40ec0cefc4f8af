/* connectors.c - the table of all connectors. The build finds them by the names of their folders;
 * nothing here knows what they are, so the layers below src/conn may list and look them up. */
#include "spi/connector.h"

#define X(name) extern const wr_connector wr_connector_##name;
#include "gen/connectors.inc"
#undef X
const wr_connector *const wr_connectors[] = {
#define X(name) &wr_connector_##name,
#include "gen/connectors.inc"
#undef X
    NULL};

/* cmd_version.c - weir version. */
#include "cli/cli.h"

extern const cli_command wr_cmd_version;

static int run(cli_state *state)
{
    fprintf(state->out, "weir %s\n", weir_version());
    return CLI_OK;
}

const cli_command wr_cmd_version = {
    .name = "version",
    .arguments = "",
    .help = "the version",
    .example = "weir version",
    .run = run,
};

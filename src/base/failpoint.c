/* failpoint.c - arms the places named in WEIR_FAILPOINTS. See failpoint.h.
 *
 * Syntax: name=action[@n] separated by ";" where action is kill, error, sleep:<ms> or say[:<ms>]
 * (its name on standard error, then sleep), and @n means "from the n-th hit on" for the last two
 * and "at the n-th hit" for the others. A name or action that does not exist ends the process: a
 * test whose failpoint is misspelt must not pass. */
#include "base/failpoint.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef enum action { ACTION_KILL = 1, ACTION_ERROR, ACTION_SLEEP, ACTION_SAY } action;

static const char *const names[] = {
#define X(name, help) #name,
#include "base/failpoints.def"
#undef X
};

uint8_t wr_failpoint_armed[WR_FP_COUNT];
static struct plan {
    long sleep_ms;
    _Atomic long hits_left; /* acts when it reaches 0 */
} plans[WR_FP_COUNT];

_Noreturn static void reject(const char *text)
{
    fprintf(stderr, "weir: WEIR_FAILPOINTS: cannot understand \"%s\"\n", text);
    _Exit(2);
}

static void arm(char *text)
{
    char *equals = strchr(text, '='), *at = strchr(text, '@');
    if (!equals) reject(text);
    size_t length = (size_t)(equals - text), point = 0;
    while (point < WR_FP_COUNT &&
           (strlen(names[point]) != length || memcmp(names[point], text, length) != 0))
        point++;
    if (point == WR_FP_COUNT) reject(text);
    long hits = at ? strtol(at + 1, NULL, 10) : 1;
    if (hits < 1) reject(text);
    if (at) *at = '\0';
    struct plan *plan = &plans[point];
    atomic_store(&plan->hits_left, hits);
    if (strcmp(equals + 1, "kill") == 0)
        wr_failpoint_armed[point] = ACTION_KILL;
    else if (strcmp(equals + 1, "error") == 0)
        wr_failpoint_armed[point] = ACTION_ERROR;
    else if (strncmp(equals + 1, "sleep:", 6) == 0)
        wr_failpoint_armed[point] = ACTION_SLEEP, plan->sleep_ms = strtol(equals + 7, NULL, 10);
    else if (strcmp(equals + 1, "say") == 0 || strncmp(equals + 1, "say:", 4) == 0)
        wr_failpoint_armed[point] = ACTION_SAY,
        plan->sleep_ms = equals[4] ? strtol(equals + 5, NULL, 10) : 0;
    else
        reject(text);
}

static void pause_for(long ms)
{
    if (ms) nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

__attribute__((constructor)) static void read_environment(void)
{
    const char *text = getenv("WEIR_FAILPOINTS");
    if (!text || !*text) return;
    char *copy = strdup(text), *rest = copy, *one;
    while ((one = strsep(&rest, ";")))
        if (*one) arm(one);
    free(copy);
}

weir_status wr_failpoint_hit(enum wr_failpoint point)
{
    struct plan *plan = &plans[point];
    long left = atomic_fetch_sub(&plan->hits_left, 1) - 1;
    switch ((action)wr_failpoint_armed[point]) {
    case ACTION_KILL:
        if (left == 0) raise(SIGKILL);
        return WR_OK;
    case ACTION_ERROR:
        if (left == 0) return wr_fail(WR_E_IO, "failpoint %s", names[point]);
        return WR_OK;
    case ACTION_SLEEP:
        if (left <= 0) pause_for(plan->sleep_ms);
        return WR_OK;
    case ACTION_SAY: /* one write each: nothing is lost when the process dies right after it */
        if (left <= 0) dprintf(STDERR_FILENO, "failpoint %s\n", names[point]);
        if (left <= 0) pause_for(plan->sleep_ms);
        return WR_OK;
    }
    return WR_OK;
}

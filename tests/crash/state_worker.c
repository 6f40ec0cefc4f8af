/* state_worker.c - commits to a state until it is killed, and says what must be there afterwards.
 *
 *   state_worker work DIR COMMITS SYNC   commits; prints "ACK n" after each commit n that returned
 *   state_worker rows DIR                checks everything; prints "ROW n" for each commit
 *   state_worker watch DIR               reads and checks again and again beside the other
 *
 * What commit n changes follows from n alone, so whoever knows how many commits there were can say
 * what every key holds: rows plays them again in an array and compares. A commit that fails is
 * repeated, or (every other time) rolled back and made anew. */
#include "store/state.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEYS = 3000, PUTS = 60, LONG_VALUE = 9000 };

typedef struct numbers {
    uint64_t at;
} numbers;

static uint64_t next(numbers *n)
{
    uint64_t x = n->at += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static void give_up(const char *what, weir_status bad)
{
    fprintf(stderr, "%s: %s\n", what, bad ? wr_status_text(bad) : "");
    exit(3);
}

static wr_str key_of(uint32_t i, char *out) /* 16 bytes */
{
    return (wr_str){out, (size_t)snprintf(out, 16, "key%05u", i)};
}

/* The value that commit n gives to a key: sometimes longer than a page. */
static wr_str value_of(uint32_t n, uint32_t i, char *out)
{
    int size = snprintf(out, 64, "commit %u key %u ", n, i);
    int length = (n + i) % 50 == 0 ? LONG_VALUE : size + (int)((n + i) % 90);
    memset(out + size, 'a' + (int)(n % 26), (size_t)(WR_MAX(length, size) - size));
    return (wr_str){out, (size_t)WR_MAX(length, size)};
}

/* Calls for each change of commit n: put (value NULL: delete) or, with to, a range. */
typedef void change_fn(void *arg, uint32_t n, uint32_t key, uint32_t to, bool is_put);

static void changes_of(uint32_t n, change_fn *change, void *arg)
{
    numbers r = {n};
    if (n % 7 == 0) {
        uint32_t from = (uint32_t)(next(&r) % KEYS);
        change(arg, n, from, from + (uint32_t)(next(&r) % 200), false);
    }
    for (int i = 0; i < PUTS; i++) {
        uint32_t key = (uint32_t)(next(&r) % KEYS);
        change(arg, n, key, key, i % 5 != 0);
    }
}

/* ---- the state ---- */

typedef struct target {
    wr_state *state;
    uint32_t pairs, counter;
} target;

static void open_state(target *t, const char *directory, wr_state_options options)
{
    weir_status bad = wr_state_open(wr_str_of(directory), &options, &t->state);
    if (!bad) bad = wr_state_section(t->state, WR_STR("pairs"), &t->pairs);
    if (!bad) bad = wr_state_section(t->state, WR_STR("counter"), &t->counter);
    if (bad) give_up("open", bad);
}

static uint32_t count_of(target *t)
{
    uint32_t n = 0;
    bool found;
    wr_str value;
    weir_status bad = wr_state_get(t->state, t->counter, WR_STR("n"), &value, &found);
    if (bad) give_up("get", bad);
    if (found) memcpy(&n, value.data, sizeof n);
    return n;
}

static void apply(void *arg, uint32_t n, uint32_t key, uint32_t to, bool is_put)
{
    target *t = arg;
    char name[16], last[16], text[LONG_VALUE + 64];
    wr_str k = key_of(key, name);
    weir_status bad = is_put      ? wr_state_put(t->state, t->pairs, k, value_of(n, key, text))
                      : to != key ? wr_state_delete_range(t->state, t->pairs, k, key_of(to, last))
                                  : wr_state_delete(t->state, t->pairs, k);
    if (bad) give_up("change", bad);
}

static void change_all(target *t, uint32_t n)
{
    changes_of(n, apply, t);
    weir_status bad =
        wr_state_put(t->state, t->counter, WR_STR("n"), (wr_str){(char *)&n, sizeof n});
    if (bad) give_up("change", bad);
}

static int work(const char *directory, uint32_t commits, bool sync)
{
    target t;
    open_state(&t, directory,
               (wr_state_options){.create = true, .survives_losing_power = sync, .check = true});
    uint32_t first = count_of(&t), failures = 0;
    for (uint32_t n = first + 1; n <= first + commits;) {
        change_all(&t, n);
        weir_status bad;
        while ((bad = wr_state_commit(t.state)) && failures < 10) {
            fprintf(stderr, "FAILED %u: %s\n", n, wr_status_text(bad));
            wr_status_drop(bad);
            if (count_of(&t) != n) give_up("the changes are gone", NULL);
            if (failures++ % 2 == 0) continue;
            wr_state_rollback(t.state);
            n = count_of(&t) + 1; /* the commit may be there although it failed */
            change_all(&t, n);
        }
        if (bad) give_up("commit", bad);
        dprintf(STDOUT_FILENO, "ACK %u\n", n++);
    }
    wr_state_close(t.state);
    return 0;
}

/* ---- what must be there ---- */

static void play(void *arg, uint32_t n, uint32_t key, uint32_t to, bool is_put)
{
    uint32_t *model = arg; /* the commit that put the key, 0: not there */
    for (uint32_t i = key; i < to && i < KEYS; i++)
        model[i] = 0;
    if (key == to) model[key] = is_put ? n : 0;
}

static int rows(const char *directory)
{
    static uint32_t model[KEYS];
    target t;
    open_state(&t, directory, (wr_state_options){.create = true, .check = true});
    uint32_t n = count_of(&t);
    for (uint32_t i = 1; i <= n; i++)
        changes_of(i, play, model);
    wr_state_cursor *cursor;
    wr_str key, value;
    bool more = true;
    weir_status bad = wr_state_seek(t.state, t.pairs, (wr_str){"", 0}, &cursor);
    for (uint32_t i = 0; !bad && i <= KEYS; i++) {
        char name[16], text[LONG_VALUE + 64];
        if (i < KEYS && !model[i]) continue;
        bad = wr_state_next(cursor, &key, &value, &more);
        if (bad) break;
        if (more != (i < KEYS)) give_up("there are pairs too many or too few", NULL);
        if (more &&
            (!wr_str_eq(key, key_of(i, name)) || !wr_str_eq(value, value_of(model[i], i, text))))
            give_up("a pair is not that of the last commit", NULL);
    }
    if (bad) give_up("read", bad);
    wr_state_cursor_close(cursor);
    wr_state_close(t.state);
    for (uint32_t i = 1; i <= n; i++)
        printf("ROW %u\n", i);
    printf("DONE\n");
    return 0;
}

/* A reader keeps the table of readers and its locks alive when the writer dies. */
_Noreturn static void watch(const char *directory)
{
    target t;
    open_state(&t, directory, (wr_state_options){.read_only = true});
    for (int turn = 1;; turn++) {
        weir_status bad = wr_state_check(t.state);
        if (bad) give_up("beside a writer", bad);
        count_of(&t);
        usleep(1000);
        if (turn % 4) {
            wr_state_rollback(t.state);
            continue;
        }
        wr_state_close(t.state); /* LMDB is delicate when one opens and another closes */
        open_state(&t, directory, (wr_state_options){.read_only = true});
    }
}

int main(int count, char **words)
{
    if (count == 5 && strcmp(words[1], "work") == 0)
        return work(words[2], (uint32_t)atoi(words[3]), atoi(words[4]) != 0);
    if (count == 3 && strcmp(words[1], "rows") == 0) return rows(words[2]);
    if (count == 3 && strcmp(words[1], "watch") == 0) watch(words[2]);
    fprintf(stderr, "usage: state_worker work DIR COMMITS SYNC | rows DIR | watch DIR\n");
    return 2;
}

/* state_test.c - what a state keeps, what it forgets, and what it notices. */
#include "base/test.h"
#include "sys/clock.h"
#include "sys/thread.h"
#include "store/state_def.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const wr_state_options writing = {.create = true};
static const wr_state_options reading = {.read_only = true};

/* A directory of its own per test; the runner forks, so the process names it. */
static wr_str place(void)
{
    static char path[256];
    const char *temp = getenv("TMPDIR");
    if (!path[0]) snprintf(path, sizeof path, "%s/weir_state_%d", temp ? temp : "/tmp", getpid());
    return wr_str_of(path);
}

static void clean(void)
{
    static const char *const names[] = {"state.mdb", "state.mdb-lock", "state.new",
                                        "lock",      "state.new-lock", "unsynced"};
    char path[512];
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", place().data, names[i]);
        unlink(path);
    }
    rmdir(place().data);
}

static wr_state *opened(const wr_state_options *options)
{
    wr_state *state = NULL;
    EXPECT_OK(wr_state_open(place(), options, &state));
    if (!state) exit(1);
    return state;
}

static int dice(int sides) { return (int)(wr_random_u64() % (unsigned)sides); }
static wr_str text(const char *t) { return wr_str_of(t); }

static void put(wr_state *state, uint32_t section, const char *key, const char *value)
{
    EXPECT_OK(wr_state_put(state, section, text(key), text(value)));
}

/* The value, or "-" if there is none. */
static const char *get(wr_state *state, uint32_t section, const char *key)
{
    static char out[4][256];
    static int turn;
    wr_str value;
    bool found = false;
    turn = (turn + 1) % 4;
    EXPECT_OK(wr_state_get(state, section, text(key), &value, &found));
    snprintf(out[turn], sizeof out[turn], "%.*s", found ? (int)value.length : 1,
             found ? value.data : "-");
    return out[turn];
}

/* All pairs from first on: "a=1 b=2". */
static const char *all(wr_state *state, uint32_t section, const char *first)
{
    static char out[4096];
    size_t at = 0;
    wr_state_cursor *cursor = NULL;
    wr_str key, value;
    bool more = false;
    out[0] = '\0';
    EXPECT_OK(wr_state_seek(state, section, text(first), &cursor));
    for (;;) {
        EXPECT_OK(wr_state_next(cursor, &key, &value, &more));
        if (!more) break;
        at += (size_t)snprintf(out + at, sizeof out - at, "%s%.*s=%.*s", at ? " " : "",
                               WR_STR_ARGS(key), WR_STR_ARGS(value));
    }
    wr_state_cursor_close(cursor);
    return out;
}

static uint32_t section(wr_state *state, const char *name)
{
    uint32_t number = 0;
    EXPECT_OK(wr_state_section(state, text(name), &number));
    return number;
}

TEST(what_was_committed_is_there_after_reopening_and_nothing_else)
{
    wr_state *state = opened(&writing);
    uint32_t a = section(state, "a"), b = section(state, "b");
    put(state, a, "k1", "one");
    put(state, b, "k1", "other");
    EXPECT_TEXT(get(state, a, "k1"), "one");
    EXPECT_OK(wr_state_commit(state));
    put(state, a, "k1", "changed");
    put(state, a, "k2", "two");
    EXPECT_TEXT(get(state, a, "k1"), "changed");
    wr_state_close(state);
    state = opened(&writing);
    EXPECT_INT(section(state, "b"), b);
    EXPECT_INT(section(state, "a"), a);
    EXPECT_TEXT(all(state, a, ""), "k1=one");
    EXPECT_TEXT(all(state, b, ""), "k1=other");
    wr_state_figures figures;
    wr_state_figures_of(state, &figures);
    EXPECT_INT(figures.keys, 2);
    EXPECT_INT(figures.commits, 2); /* the first one made the state */
    EXPECT_OK(wr_state_check(state));
    wr_state_close(state);
    clean();
}

TEST(rollback_forgets_puts_deletes_and_ranges)
{
    wr_state *state = opened(&writing);
    uint32_t s = section(state, "s");
    put(state, s, "a", "1");
    put(state, s, "b", "2");
    put(state, s, "c", "3");
    EXPECT_OK(wr_state_commit(state));
    EXPECT_OK(wr_state_delete(state, s, text("a")));
    EXPECT_OK(wr_state_delete_range(state, s, text("b"), text("")));
    put(state, s, "d", "4");
    EXPECT_TEXT(all(state, s, ""), "d=4");
    wr_state_rollback(state);
    EXPECT_TEXT(all(state, s, ""), "a=1 b=2 c=3");
    put(state, s, "e", "5");
    EXPECT_OK(wr_state_commit(state));
    EXPECT_TEXT(all(state, s, "b"), "b=2 c=3 e=5");
    wr_state_close(state);
    clean();
}

TEST(a_range_ends_before_its_last_key_and_puts_after_it_count)
{
    wr_state *state = opened(&writing);
    uint32_t s = section(state, "s"), next = section(state, "next");
    const char *keys[] = {"a", "b", "c", "d", "e"};
    for (int i = 0; i < 5; i++)
        put(state, s, keys[i], "x");
    put(state, next, "a", "kept");
    EXPECT_OK(wr_state_commit(state));
    EXPECT_OK(wr_state_delete_range(state, s, text("b"), text("d")));
    put(state, s, "bb", "new");
    EXPECT_TEXT(get(state, s, "b"), "-");
    EXPECT_TEXT(get(state, s, "d"), "x");
    EXPECT_TEXT(all(state, s, ""), "a=x bb=new d=x e=x");
    EXPECT_OK(wr_state_delete_range(state, s, text("bb"), text("e")));
    EXPECT_TEXT(all(state, s, ""), "a=x e=x");
    EXPECT_OK(wr_state_commit(state));
    EXPECT_TEXT(all(state, s, ""), "a=x e=x");
    EXPECT_OK(wr_state_delete_range(state, s, text(""), text("")));
    EXPECT_OK(wr_state_commit(state));
    EXPECT_TEXT(all(state, s, ""), "");
    EXPECT_TEXT(all(state, next, ""), "a=kept");
    EXPECT_OK(wr_state_check(state));
    wr_state_close(state);
    clean();
}

TEST(keys_too_long_and_changes_of_a_read_only_state_are_refused)
{
    char key[WR_STATE_KEY_MAX + 1];
    memset(key, 'k', sizeof key);
    wr_state *state = opened(&writing);
    uint32_t s = section(state, "s");
    EXPECT_FAIL(wr_state_put(state, s, (wr_str){key, sizeof key}, text("v")), WR_E_TOO_BIG);
    EXPECT_OK(wr_state_put(state, s, (wr_str){key, sizeof key - 1}, text("longest")));
    EXPECT_OK(wr_state_put(state, s, text("empty"), (wr_str){NULL, 0}));
    EXPECT_OK(wr_state_commit(state));
    wr_state_close(state);
    state = opened(&reading);
    wr_str value;
    bool found;
    EXPECT_OK(wr_state_get(state, s, (wr_str){key, sizeof key - 1}, &value, &found));
    EXPECT(found && wr_str_eq(value, text("longest")));
    EXPECT_OK(wr_state_get(state, s, text("empty"), &value, &found));
    EXPECT(found && value.length == 0);
    EXPECT_FAIL(wr_state_put(state, s, text("k"), text("v")), WR_E_READ_ONLY);
    EXPECT_FAIL(wr_state_commit(state), WR_E_READ_ONLY);
    wr_state_close(state);
    clean();
}

TEST(a_state_that_is_not_there_is_not_made_unasked)
{
    wr_state *state = NULL;
    EXPECT_FAIL(wr_state_open(place(), &(wr_state_options){0}, &state), WR_E_FILE_NOT_FOUND);
    EXPECT_FAIL(wr_state_open(place(), &reading, &state), WR_E_FILE_NOT_FOUND);
    clean();
}

/* Runs in a child: the code of the error that opening gives, 0 for none. */
static int code_in_child(const wr_state_options *options, bool *names_parent)
{
    int results[2];
    if (pipe(results) != 0) return -1;
    pid_t child = fork();
    if (child == 0) {
        char name[32];
        wr_state *other = NULL;
        weir_status bad = wr_state_open(place(), options, &other);
        snprintf(name, sizeof name, "process %d", getppid());
        int answer[2] = {bad ? (int)bad->code : 0, bad && strstr(bad->message, name)};
        ssize_t sent = write(results[1], answer, sizeof answer);
        wr_state_close(other);
        _exit(sent < 0);
    }
    int answer[2] = {-1, 0};
    if (read(results[0], answer, sizeof answer) < 0) answer[0] = -1;
    waitpid(child, NULL, 0);
    close(results[0]);
    close(results[1]);
    if (names_parent) *names_parent = answer[1];
    return answer[0];
}

TEST(a_second_opener_is_told_who_has_it)
{
    bool names_parent = false;
    wr_state *state = opened(&writing), *second = NULL;
    EXPECT_FAIL(wr_state_open(place(), &writing, &second), WR_E_BUSY);
    EXPECT_FAIL(wr_state_open(place(), &reading, &second), WR_E_BUSY);
    EXPECT_INT(code_in_child(&writing, &names_parent), WR_E_BUSY);
    EXPECT(names_parent);
    EXPECT_INT(code_in_child(&reading, NULL), 0);
    wr_state_close(state);
    EXPECT_INT(code_in_child(&writing, NULL), 0);
    clean();
}

TEST(a_reader_beside_a_writer_sees_one_commit_until_it_asks_for_the_newest)
{
    int go[2], done[2];
    wr_state *state = opened(&writing);
    uint32_t s = section(state, "s");
    put(state, s, "a", "1");
    EXPECT_OK(wr_state_commit(state));
    if (pipe(go) || pipe(done)) exit(1);
    pid_t child = fork();
    if (child == 0) {
        char c = 0;
        wr_state *other = opened(&reading);
        bool first = strcmp(all(other, s, ""), "a=1") == 0;
        ssize_t r = write(done[1], &c, 1) + read(go[0], &c, 1);
        bool same = strcmp(all(other, s, ""), "a=1") == 0;
        wr_state_rollback(other);
        wr_str value;
        bool found = false;
        weir_status bad = wr_state_get(other, s, text("big"), &value, &found);
        bool newest = !bad && found && value.length == 40 << 20 && !wr_state_check(other);
        wr_state_close(other);
        _exit(r == 2 && first && same && newest ? 0 : 1 + first + 2 * same + 4 * newest);
    }
    char c;
    EXPECT_INT(read(done[0], &c, 1), 1);
    char *big = calloc(1, 40 << 20); /* more than the first map of the reader */
    EXPECT_OK(wr_state_put(state, s, text("big"), (wr_str){big, 40 << 20}));
    for (int i = 0; i < 3; i++) {
        put(state, s, "a", i ? "2" : "3");
        EXPECT_OK(wr_state_commit(state));
    }
    EXPECT_INT(write(go[1], &c, 1), 1);
    int how = 0;
    waitpid(child, &how, 0);
    EXPECT_INT(how, 0);
    free(big);
    wr_state_close(state);
    clean();
}

/* ---- compared with a model ---- */

enum { MODEL_KEYS = 600 };
typedef struct model {
    int values[MODEL_KEYS]; /* -1: not there */
} model;

static void model_key(int i, char *out) { snprintf(out, 16, "k%03d%.*s", i, i % 5, "xxxxx"); }

static wr_str model_value(int v, wr_buf *out)
{
    out->length = 0;
    wr_buf_printf(out, "%d:", v);
    for (int i = 0; i < v % 97 * (v % 13 == 0 ? 200 : 1); i++)
        wr_buf_add_char(out, (char)('a' + i % 26));
    return wr_buf_str(out);
}

static void agrees(wr_state *state, uint32_t s, const model *m, int from)
{
    char key[16];
    WR_BUF(want);
    wr_state_cursor *cursor;
    wr_str k, v;
    bool more = true;
    model_key(from, key);
    EXPECT_OK(wr_state_seek(state, s, text(key), &cursor));
    for (int i = from; i < MODEL_KEYS; i++) {
        if (m->values[i] < 0) continue;
        model_key(i, key);
        EXPECT_OK(wr_state_next(cursor, &k, &v, &more));
        EXPECT(more && wr_str_eq(k, text(key)) && wr_str_eq(v, model_value(m->values[i], &want)));
        if (!more) break;
    }
    EXPECT_OK(wr_state_next(cursor, &k, &v, &more));
    EXPECT(!more);
    wr_state_cursor_close(cursor);
    for (int i = 0; i < MODEL_KEYS; i += 7) {
        bool found;
        model_key(i, key);
        EXPECT_OK(wr_state_get(state, s, text(key), &v, &found));
        EXPECT_INT(found, m->values[i] >= 0);
        if (found) EXPECT(wr_str_eq(v, model_value(m->values[i], &want)));
    }
}

static void change_something(wr_state *state, uint32_t s, model *m)
{
    char key[16], last[16];
    WR_BUF(value);
    int i = dice(MODEL_KEYS), kind = dice(20);
    model_key(i, key);
    if (kind < 12) {
        m->values[i] = dice(100000);
        EXPECT_OK(wr_state_put(state, s, text(key), model_value(m->values[i], &value)));
    } else if (kind < 18) {
        m->values[i] = -1;
        EXPECT_OK(wr_state_delete(state, s, text(key)));
    } else {
        int to = i + dice(40);
        bool to_end = to >= MODEL_KEYS || dice(50) == 0;
        if (!to_end) model_key(to, last);
        EXPECT_OK(wr_state_delete_range(state, s, text(key), text(to_end ? "" : last)));
        for (int k = i; k < (to_end ? MODEL_KEYS : to); k++)
            m->values[k] = -1;
    }
}

TEST(random_changes_agree_with_an_array_through_commits_rollbacks_and_reopenings)
{
    wr_random_seed(7);
    model now, committed;
    memset(&now, 0xff, sizeof now);
    committed = now;
    wr_state *state = opened(&writing);
    section(state, "first");
    uint32_t s = section(state, "model"), other = section(state, "behind");
    put(state, other, "k000", "behind");
    EXPECT_OK(wr_state_commit(state));
    for (int round = 0; round < 400; round++) {
        for (int i = dice(60); i >= 0; i--)
            change_something(state, s, &now);
        agrees(state, s, &now, dice(MODEL_KEYS));
        int what = dice(10);
        if (what < 6) {
            EXPECT_OK(wr_state_commit(state));
            committed = now;
        } else if (what < 8) {
            wr_state_rollback(state);
            now = committed;
        } else if (what == 8) {
            wr_state_close(state);
            state = opened(&writing);
            now = committed;
        }
        agrees(state, s, &now, 0);
        EXPECT_TEXT(all(state, other, ""), "k000=behind");
        if (round % 20 == 0) EXPECT_OK(wr_state_check(state));
    }
    wr_state_close(state);
    clean();
}

TEST(the_hash_speaks_of_the_pairs_not_of_how_they_came)
{
    wr_state_figures one, two;
    wr_state *state = opened(&writing);
    uint32_t s = section(state, "s");
    put(state, s, "a", "1");
    put(state, s, "b", "2");
    EXPECT_OK(wr_state_commit(state));
    wr_state_figures_of(state, &one);
    put(state, s, "c", "3");
    put(state, s, "a", "9");
    EXPECT_OK(wr_state_commit(state));
    EXPECT_OK(wr_state_delete(state, s, text("c")));
    put(state, s, "a", "1");
    EXPECT_OK(wr_state_commit(state));
    wr_state_figures_of(state, &two);
    EXPECT(one.hash == two.hash && one.keys == two.keys && one.commits + 2 == two.commits);
    wr_state_close(state);
    clean();
}

TEST(the_map_grows_with_the_state)
{
    char value[8000];
    memset(value, 'v', sizeof value);
    wr_state *state = opened(&writing);
    uint32_t s = section(state, "s");
    for (int commit = 0; commit < 5; commit++) {
        for (uint32_t i = 0; i < 2000; i++) {
            uint32_t key = __builtin_bswap32(i * 2654435761u);
            EXPECT_OK(wr_state_put(state, s, (wr_str){(char *)&key, 4},
                                   (wr_str){value, 1000 + (size_t)commit * 1500}));
        }
        EXPECT_OK(wr_state_commit(state));
    }
    wr_state_figures figures;
    wr_state_figures_of(state, &figures);
    EXPECT_INT(figures.keys, 2000);
    EXPECT(figures.bytes_on_disk > 16 << 20);
    EXPECT_OK(wr_state_check(state));
    wr_state_close(state);
    clean();
}

typedef struct looker {
    wr_state *view;
    uint32_t section;
    int from, step, wrong;
    const char *expected;
} looker;

static void look(void *arg)
{
    looker *l = arg;
    wr_state_cursor *cursor;
    wr_str key, value;
    bool found, more = true;
    char name[16];
    for (int i = l->from; i < 2000; i += l->step) {
        snprintf(name, sizeof name, "k%04d", i);
        weir_status bad = wr_state_get(l->view, l->section, text(name), &value, &found);
        l->wrong += bad || !found || !wr_str_eq(value, text(l->expected));
        wr_status_drop(bad);
    }
    weir_status bad = wr_state_seek(l->view, l->section, text("k1990"), &cursor);
    for (int i = 1990; !bad && more; i++) {
        bad = wr_state_next(cursor, &key, &value, &more);
        l->wrong += !bad && more != (i < 2000);
    }
    l->wrong += bad != WR_OK;
    wr_status_drop(bad);
    wr_state_cursor_close(cursor);
}

TEST(views_on_threads_of_their_own_read_the_last_commit_each_time_it_is_another)
{
    static const char *const values[] = {"old", "new",
                                         "a value that is much longer than the others"};
    clean();
    wr_state *state = opened(&writing), *views[3];
    uint32_t s = section(state, "s");
    for (int v = 0; v < 3; v++)
        views[v] = wr_state_view(state);
    for (size_t round = 0; round < WR_COUNT(values); round++) {
        looker lookers[3];
        wr_thread *threads[3];
        char name[16];
        for (int i = 0; i < 2000; i++) {
            snprintf(name, sizeof name, "k%04d", i);
            put(state, s, name, values[round]);
        }
        for (int v = 0; v < 3; v++)
            wr_state_view_forget(views[v]);
        EXPECT_OK(wr_state_commit(state));
        for (int v = 0; v < 3; v++) {
            lookers[v] = (looker){views[v], s, v, 1 + v, 0, values[round]};
            EXPECT_OK(wr_thread_start("look", look, &lookers[v], &threads[v]));
        }
        for (int v = 0; v < 3; v++) {
            wr_thread_join(threads[v]);
            EXPECT_INT(lookers[v].wrong, 0);
        }
    }
    for (int v = 0; v < 3; v++)
        wr_state_view_drop(views[v]);
    wr_state_close(state);
    clean();
}

TEST(a_volatile_state_has_no_name_and_commits_by_itself)
{
    char value[500] = {0};
    wr_state *state = opened(&(wr_state_options){
        .create = true, .is_volatile = true, .changes_max = 1000, .map_bytes = 1 << 20});
    uint32_t s = section(state, "s");
    EXPECT(!wr_fs_exists(wr_fs_real(), place()));
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t key = __builtin_bswap32(i * 2654435761u);
        EXPECT_OK(wr_state_put(state, s, (wr_str){(char *)&key, 4}, (wr_str){value, sizeof value}));
    }
    wr_state_figures figures;
    wr_state_figures_of(state, &figures);
    EXPECT(figures.commits > 10 && figures.pending_bytes < 2 << 20);
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t key = __builtin_bswap32(i * 2654435761u);
        wr_str found;
        bool is_found = false;
        EXPECT_OK(wr_state_get(state, s, (wr_str){(char *)&key, 4}, &found, &is_found));
        EXPECT(is_found && found.length == sizeof value);
    }
    EXPECT(wr_map_resident() < state->file.resident + (8 << 20));
    wr_state_close(state);
}

TEST(changes_are_counted_and_refused_beyond_the_limit_until_they_are_committed)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 1 << 20);
    wr_state *state = opened(&(wr_state_options){.create = true, .mem = mem});
    uint32_t s = section(state, "s");
    char value[1000] = {0};
    weir_status bad = WR_OK;
    uint32_t done = 0;
    for (; done < 5000 && !bad; done++) {
        uint32_t key = __builtin_bswap32(done);
        bad = wr_state_put(state, s, (wr_str){(char *)&key, 4}, (wr_str){value, sizeof value});
    }
    EXPECT(bad && bad->code == WR_E_MEMORY_LIMIT);
    wr_status_drop(bad);
    EXPECT(done > 500 && done < 1100);
    EXPECT_OK(wr_state_commit(state));
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_state_figures figures;
    wr_state_figures_of(state, &figures);
    EXPECT_INT(figures.keys, done - 1);
    put(state, s, "again", "x");
    EXPECT_OK(wr_state_commit(state));
    wr_state_close(state);
    wr_mem_drop(mem);
    clean();
}

TEST(a_disk_without_room_fails_the_commit_which_can_be_repeated)
{
    char value[3000];
    memset(value, 'v', sizeof value);
    signal(SIGXFSZ, SIG_IGN);
    wr_state *state = opened(&writing);
    uint32_t s = section(state, "s");
    put(state, s, "a", "old");
    EXPECT_OK(wr_state_commit(state));
    for (uint32_t i = 0; i < 3000; i++)
        EXPECT_OK(wr_state_put(state, s, (wr_str){(char *)&i, 4}, (wr_str){value, sizeof value}));
    put(state, s, "a", "new");
    struct rlimit limit, small;
    getrlimit(RLIMIT_FSIZE, &limit);
    small = (struct rlimit){.rlim_cur = 1 << 20, .rlim_max = limit.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 2; i++) {
        weir_status bad = wr_state_commit(state);
        EXPECT(bad && (bad->code == WR_E_DISK_FULL || bad->code == WR_E_IO));
        wr_status_drop(bad);
        EXPECT_TEXT(get(state, s, "a"), "new");
        EXPECT_OK(wr_state_check(state));
    }
    setrlimit(RLIMIT_FSIZE, &limit);
    EXPECT_OK(wr_state_commit(state));
    wr_state_close(state);
    state = opened(&writing);
    EXPECT_TEXT(get(state, s, "a"), "new");
    wr_state_figures figures;
    wr_state_figures_of(state, &figures);
    EXPECT_INT(figures.keys, 3001);
    wr_state_close(state);
    clean();
}

/* ---- versions and damage ---- */

static const char *file_name(void)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/state.mdb", place().data);
    return path;
}

TEST(a_newer_format_is_refused)
{
    wr_state_close(opened(&writing));
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    char key[5] = {0}, value[12] = {0};
    value[8] = WR_STATE_FORMAT + 1;
    mdb_env_create(&env);
    EXPECT_INT(mdb_env_open(env, file_name(), MDB_NOSUBDIR, 0600), 0);
    EXPECT_INT(mdb_txn_begin(env, NULL, 0, &txn), 0);
    EXPECT_INT(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    MDB_val k = {5, key}, v;
    EXPECT_INT(mdb_get(txn, dbi, &k, &v), 0);
    EXPECT_INT(v.mv_size, sizeof value);
    /* The checksum of the value 2, as the newer weir would have written it. */
    uint64_t checksum = wr_state_checksum((wr_str){key, 5}, (wr_str){value + 8, 4});
    memcpy(value, &checksum, 8);
    v = (MDB_val){sizeof value, value};
    EXPECT_INT(mdb_put(txn, dbi, &k, &v, 0), 0);
    EXPECT_INT(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    wr_state *state = NULL;
    EXPECT_FAIL(wr_state_open(place(), &writing, &state), WR_E_STATE_VERSION);
    clean();
}

static void fill(wr_state *state, uint32_t s, int from, int to, int round)
{
    WR_BUF(value);
    for (int i = from; i < to; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%06d", i * 7919 % 10007);
        value.length = 0;
        wr_buf_printf(&value, "value %d of round %d ", i, round);
        for (int k = 0; k < (i % 100 == 0 ? 6000 : 50); k++)
            wr_buf_add_char(&value, (char)('a' + (i + k) % 26));
        EXPECT_OK(wr_state_put(state, s, text(key), wr_buf_str(&value)));
    }
}

/* Opens the damaged file and reads all of it. 0: refused, 1: everything is as it was, 2: wrong. */
static int verdict(uint64_t hash)
{
    wr_state *state = NULL;
    weir_status bad = wr_state_open(place(), &reading, &state);
    if (bad) {
        bool is_told = bad->code == WR_E_CORRUPT || bad->code == WR_E_STATE_VERSION;
        wr_status_drop(bad);
        return is_told ? 0 : 2;
    }
    wr_state_figures figures;
    wr_state_figures_of(state, &figures);
    uint64_t pairs = 0;
    wr_state_cursor *cursor;
    wr_str key, value;
    bool more = true;
    bad = wr_state_seek(state, 1, text(""), &cursor);
    while (!bad && more) {
        bad = wr_state_next(cursor, &key, &value, &more);
        pairs += more;
    }
    wr_state_cursor_close(cursor);
    int answer = !bad && figures.hash == hash && pairs == figures.keys ? 1 : 2;
    wr_status_drop(bad);
    wr_state_close(state);
    return answer;
}

TEST(flipped_bits_are_found_or_do_not_matter)
{
    wr_state *state = opened(&writing);
    uint32_t s = section(state, "s");
    for (int round = 0; round < 4; round++) {
        fill(state, s, round * 100, 1500 - round * 200, round);
        EXPECT_OK(wr_state_commit(state));
    }
    EXPECT_OK(wr_state_delete_range(state, s, text("key002"), text("key004")));
    EXPECT_OK(wr_state_commit(state));
    wr_state_figures figures;
    wr_state_figures_of(state, &figures);
    wr_state_close(state);
    FILE *f = fopen(file_name(), "r+");
    int fd = fileno(f), counts[3] = {0};
    off_t size = lseek(fd, 0, SEEK_END);
    wr_random_seed(11);
    EXPECT(size > 100 * 4096);
    int tries = 0;
    for (off_t page = 0; page < size / 4096; page++) {
        for (int i = 0; i < (page < 2 ? 300 : 4); i++, tries++) {
            /* Heads of pages and the bytes behind them matter most. */
            off_t at = page * 4096 + (i % 2 ? dice(4096) : dice(page < 2 ? 152 : 40));
            unsigned char byte, flipped;
            if (pread(fd, &byte, 1, at) != 1) exit(1);
            flipped = (unsigned char)(byte ^ 1 << dice(8));
            if (pwrite(fd, &flipped, 1, at) != 1) exit(1);
            int v = verdict(figures.hash);
            if (v == 2) wr_test_failed(__FILE__, __LINE__, "byte %lld: unnoticed", (long long)at);
            counts[v]++;
            if (pwrite(fd, &byte, 1, at) != 1) exit(1);
        }
    }
    EXPECT_INT(verdict(figures.hash), 1);
    EXPECT(counts[0] > tries / 8); /* most pages are of values deleted since, or free */
    fclose(f);
    clean();
}

TEST(a_file_that_was_cut_is_damaged)
{
    wr_state *state = opened(&writing);
    fill(state, section(state, "s"), 0, 1000, 0);
    EXPECT_OK(wr_state_commit(state));
    wr_state_close(state);
    struct stat st;
    stat(file_name(), &st);
    for (off_t size = st.st_size - 4096; size > 0; size = size * 2 / 3) {
        EXPECT_INT(truncate(file_name(), size), 0);
        EXPECT_INT(verdict(0), 0);
    }
    EXPECT_INT(truncate(file_name(), 0), 0);
    EXPECT_INT(verdict(0), 0);
    clean();
}

TEST(a_wrong_value_is_found_when_it_is_read)
{
    wr_state *state = opened(&writing);
    uint32_t s = section(state, "s");
    put(state, s, "good", "good value");
    put(state, s, "rotten", "text that is looked for");
    EXPECT_OK(wr_state_commit(state));
    FILE *f = fopen(file_name(), "r+");
    char *bytes = malloc(1 << 20);
    size_t size = fread(bytes, 1, 1 << 20, f);
    for (size_t i = 0; i + 23 < size; i++) {
        if (memcmp(bytes + i, "text that is looked for", 23) != 0) continue;
        fseek(f, (long)i, SEEK_SET);
        fputc('T', f);
    }
    fclose(f);
    free(bytes);
    wr_str value;
    bool found;
    EXPECT_FAIL(wr_state_get(state, s, text("rotten"), &value, &found), WR_E_CORRUPT);
    EXPECT_TEXT(get(state, s, "good"), "good value");
    EXPECT_FAIL(wr_state_check(state), WR_E_CORRUPT);
    wr_state_close(state);
    clean();
}

TEST(commits_that_were_not_waited_for_are_doubted_after_the_machine_started_again)
{
    char mark[300];
    snprintf(mark, sizeof mark, "%s/unsynced", place().data);
    wr_state *state = opened(&writing);
    EXPECT_INT(access(mark, F_OK), 0);
    put(state, section(state, "s"), "a", "1");
    EXPECT_OK(wr_state_commit(state));
    wr_state_close(state);
    EXPECT(access(mark, F_OK) != 0);
    wr_state_options safe = {.create = true, .survives_losing_power = true};
    state = opened(&safe);
    EXPECT(access(mark, F_OK) != 0);
    EXPECT_TEXT(get(state, 1, "a"), "1");
    put(state, 1, "a", "2");
    EXPECT_OK(wr_state_commit(state));
    wr_state_close(state);
    FILE *f = fopen(mark, "w"); /* as if the process had died, and the machine after it */
    fputs("another start", f);
    fclose(f);
    state = opened(&safe);
    EXPECT(access(mark, F_OK) != 0);
    EXPECT_TEXT(get(state, 1, "a"), "2");
    wr_state_close(state);
    clean();
}

TEST(a_place_is_a_folder_or_an_address)
{
    WR_ARENA(arena);
    wr_str folder = wr_state_place(&arena, WR_STR("state"), WR_STR("totals"));
    wr_str server =
        wr_state_place(&arena, WR_STR("postgresql://me:sesame@h/db?schema=s"), WR_STR("totals"));
    EXPECT(wr_str_eq(folder, WR_STR("state/totals")));
    EXPECT(wr_str_eq(server, WR_STR("postgresql://me:sesame@h/db/totals?schema=s")));
    EXPECT(wr_str_eq(wr_state_place_shown(&arena, folder), folder));
    EXPECT(wr_str_eq(wr_state_place_shown(&arena, server),
                     WR_STR("postgresql://me:***@h/db/totals?schema=s")));
}

/* Port 1 is nobody's. Without libpq it is that which is told. */
TEST(a_server_that_is_not_there_is_told_without_the_password)
{
    wr_state *state = NULL;
    weir_status bad =
        wr_state_open(WR_STR("postgresql://me:sesame@127.0.0.1:1/db/totals"), &writing, &state);
    EXPECT(bad && (bad->code == WR_E_CONNECTION || bad->code == WR_E_MISSING_LIBRARY));
    EXPECT(bad && !strstr(bad->message, "sesame"));
    EXPECT(state == NULL);
    wr_status_drop(bad);
    EXPECT_FAIL(wr_state_open(WR_STR("postgresql://h/db"), &writing, &state), WR_E_PARAMETER_VALUE);
}

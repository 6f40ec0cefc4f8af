/* parse_session.c - statements about the session and the database: EXPLAIN, SET, transactions,
 * prepared statements, ATTACH, maintenance, and what lists things (DESCRIBE, SHOW). */
#include "sql/parser.h"

static wr_node *parse_explain(wr_parser *p)
{
    wr_sql_explain *node = WR_NODE(p, EXPLAIN, explain, span_now(p));
    wr_node_list options = {0};
    advance(p);
    if (at_punct(p, '(') && wr_token_is_label(ahead(p, 1)) &&
        ahead(p, 1)->keyword != WR_KW_SELECT && ahead(p, 1)->keyword != WR_KW_WITH &&
        ahead(p, 1)->keyword != WR_KW_VALUES && ahead(p, 1)->keyword != WR_KW_FROM) {
        node->options = wr_grammar_options(p);
    } else {
        while (at_word(p, WR_KW_ANALYZE) || at_word(p, WR_KW_VERBOSE)) {
            wr_sql_option *option = WR_NODE(p, OPTION, option, span_now(p));
            option->name = wr_grammar_label(p, "an option");
            wr_push(p->arena, &options, &option->node);
        }
        node->options = wr_nodes_of(&options);
        if (options.count && at_punct(p, '(') && wr_token_is_label(ahead(p, 1)) &&
            token_is_text(ahead(p, 1), "format")) {
            wr_nodes more = wr_grammar_options(p);
            for (int i = 0; i < more.count; i++)
                wr_push(p->arena, &options, more.items[i]);
            node->options = wr_nodes_of(&options);
        }
    }
    node->statement = wr_grammar_statement(p);
    return &node->node;
}

wr_node *wr_grammar_describe(wr_parser *p)
{
    wr_sql_describe *node = WR_NODE(p, DESCRIBE, describe, span_now(p));
    node->summarize = at_word(p, WR_KW_SUMMARIZE);
    advance(p);
    bool end = now(p)->kind == WR_TOKEN_END || at_punct(p, ';') || at_punct(p, ')');
    if (wr_at_query(p) || at_punct(p, '(')) {
        node->query = wr_grammar_query(p);
    } else if (at_string(p)) {
        wr_name_list path = {0};
        wr_push(p->arena, &path, wr_grammar_option_name(p));
        node->name = wr_names_of(&path);
        node->file = true;
        if (path.items[0].text.length == 0)
            wr_misplaced(p, path.items[0].span, "the file name is empty", NULL);
    } else if (!end || node->summarize) {
        node->name = wr_grammar_qualified(p, "a table name or a query");
    }
    return &node->node;
}

static bool at_end_of_statement(const wr_parser *p)
{
    return now(p)->kind == WR_TOKEN_END || at_punct(p, ';') || at_punct(p, ')');
}

/* SHOW of more than a setting: words that list things. */
static const char *const show_lists[] = {
    "all tables",    "tables",      "databases",
    "schemas",       "views",       "materialized views",
    "columns",       "indexes",     "sequences",
    "sources",       "sinks",       "functions",
    "types",         "secrets",     "settings",
    "create table",  "create view", "create materialized view",
    "create source", "create sink", "create index",
    "variables",     "macros",      "jobs",
    "create all",    "streams",
};

/* Matches "create table" against the tokens; the number of words, or 0. */
static int match_words(const wr_parser *p, const char *words)
{
    int count = 0;
    while (*words) {
        const char *space = strchr(words, ' ');
        size_t length = space ? (size_t)(space - words) : strlen(words);
        const wr_token *token = ahead(p, count);
        if (token->kind != WR_TOKEN_NAME || !wr_str_ieq(token->text, (wr_str){words, length}))
            return 0;
        count++;
        words += length + (space != NULL);
    }
    return count;
}

wr_node *wr_grammar_show(wr_parser *p)
{
    wr_sql_show *node = WR_NODE(p, SHOW, show, span_now(p));
    advance(p);
    for (size_t i = 0; i < WR_COUNT(show_lists); i++) {
        int words = match_words(p, show_lists[i]);
        if (!words || token_is_punct(ahead(p, words), '.')) continue;
        node->what = (wr_name){wr_str_of(show_lists[i]), span_now(p), false};
        for (int k = 0; k < words; k++)
            advance(p);
        bool create = wr_str_has_prefix(node->what.text, WR_STR("create "));
        if (create && !wr_str_is(node->what.text, "create all"))
            node->name = wr_grammar_qualified(p, "a name");
        else if (take_word(p, WR_KW_FROM) || take_word(p, WR_KW_IN))
            node->name = wr_grammar_qualified(p, "the name of a schema or table");
        if (!create && take_word(p, WR_KW_LIKE)) node->like = wr_grammar_string(p, "a pattern");
        return &node->node;
    }
    if (take_word(p, WR_KW_ALL)) {
        node->what = (wr_name){WR_STR("all"), node->node.span, false};
    } else if (at_word2(p, WR_KW_TIME, WR_KW_ZONE)) {
        wr_name_list name = {0};
        wr_push(p->arena, &name, ((wr_name){WR_STR("timezone"), span_now(p), false}));
        take_word2(p, WR_KW_TIME, WR_KW_ZONE);
        node->name = wr_names_of(&name);
    } else if (at_word(p, WR_KW_TRANSACTION)) {
        wr_name_list name = {0};
        wr_push(p->arena, &name, ((wr_name){WR_STR("transaction_isolation"), span_now(p), false}));
        advance(p);
        wr_need_word(p, WR_KW_ISOLATION);
        wr_need_word(p, WR_KW_LEVEL);
        node->name = wr_names_of(&name);
    } else if (at_end_of_statement(p)) {
        wr_expected(p, "a setting, TABLES or ALL");
    } else {
        node->name = wr_grammar_qualified(p, "a setting, TABLES or ALL");
    }
    return &node->node;
}

/* A value of SET: words need no quotes, also ON and reserved ones. */
static wr_node *parse_setting_value(wr_parser *p)
{
    const wr_token *token = now(p), *next = ahead(p, 1);
    bool word =
        token->kind == WR_TOKEN_NAME && token->keyword != WR_KW_NULL &&
        token->keyword != WR_KW_TRUE && token->keyword != WR_KW_FALSE &&
        token->keyword != WR_KW_INTERVAL &&
        (next->kind == WR_TOKEN_END || token_is_punct(next, ',') || token_is_punct(next, ';'));
    if (!word) return wr_grammar_expression(p);
    wr_sql_column *column = WR_NODE(p, COLUMN, column, span_of(token));
    wr_name_list parts = {0};
    wr_push(p->arena, &parts, wr_name_of(token));
    column->parts = wr_names_of(&parts);
    advance(p);
    return &column->node;
}

static wr_set_scope take_scope(wr_parser *p)
{
    const wr_token *next = ahead(p, 1);
    bool named =
        (wr_token_is_label(next) && next->keyword != WR_KW_TO) || next->kind == WR_TOKEN_STRING;
    if (!named) return WR_SET_UNSAID;
    if (take_word(p, WR_KW_LOCAL)) return WR_SET_LOCAL;
    if (take_word(p, WR_KW_SESSION)) return WR_SET_SESSION;
    if (take_word(p, WR_KW_GLOBAL)) return WR_SET_GLOBAL;
    if (take_word(p, WR_KW_VARIABLE)) return WR_SET_VARIABLE;
    return WR_SET_UNSAID;
}

static wr_isolation parse_isolation(wr_parser *p)
{
    if (take_word(p, WR_KW_SERIALIZABLE)) return WR_ISOLATION_SERIALIZABLE;
    if (take_word(p, WR_KW_SNAPSHOT)) return WR_ISOLATION_SNAPSHOT;
    if (take_word2(p, WR_KW_REPEATABLE, WR_KW_READ)) return WR_ISOLATION_REPEATABLE_READ;
    if (take_word2(p, WR_KW_READ, WR_KW_COMMITTED)) return WR_ISOLATION_READ_COMMITTED;
    if (take_word2(p, WR_KW_READ, WR_KW_UNCOMMITTED)) return WR_ISOLATION_READ_UNCOMMITTED;
    wr_expected(p, "an isolation level");
    return WR_ISOLATION_UNSAID;
}

static void parse_transaction_modes(wr_parser *p, wr_sql_transaction *node)
{
    do {
        if (take_word2(p, WR_KW_ISOLATION, WR_KW_LEVEL)) {
            node->isolation = parse_isolation(p);
        } else if (at_word(p, WR_KW_READ) && token_is_text(ahead(p, 1), "only")) {
            advance(p);
            advance(p);
            node->read_only = true;
        } else if (take_word2(p, WR_KW_READ, WR_KW_WRITE)) {
            node->read_write = true;
        } else if (at_word2(p, WR_KW_NOT, WR_KW_DEFERRABLE)) {
            take_word2(p, WR_KW_NOT, WR_KW_DEFERRABLE);
        } else if (!take_word(p, WR_KW_DEFERRABLE)) {
            return;
        }
    } while (take_punct(p, ',') || !at_end_of_statement(p));
}

/* SET TRANSACTION .. and SET SESSION CHARACTERISTICS AS TRANSACTION ..: settings with a text each
 */
static wr_node *parse_set_transaction(wr_parser *p, wr_sql_set *set)
{
    wr_sql_transaction modes = {0};
    wr_node_list values = {0};
    parse_transaction_modes(p, &modes);
    static const char *const levels[] = {
        "", "read uncommitted", "read committed", "repeatable read", "snapshot", "serializable"};
    if (modes.isolation)
        wr_push(p->arena, &values,
                wr_make_string(p, wr_str_of(levels[modes.isolation]), set->node.span));
    if (modes.read_only)
        wr_push(p->arena, &values, wr_make_string(p, WR_STR("read only"), set->node.span));
    if (modes.read_write)
        wr_push(p->arena, &values, wr_make_string(p, WR_STR("read write"), set->node.span));
    if (!values.count) return wr_expected(p, "ISOLATION LEVEL, READ ONLY or READ WRITE");
    set->name = (wr_name){WR_STR("transaction_mode"), set->node.span, false};
    set->values = wr_nodes_of(&values);
    return &set->node;
}

static wr_node *parse_set(wr_parser *p)
{
    wr_sql_set *node = WR_NODE(p, SET, set, span_now(p));
    wr_node_list values = {0};
    advance(p);
    if (at_word(p, WR_KW_SESSION) && token_is_text(ahead(p, 1), "characteristics")) {
        for (int i = 0; i < 2; i++)
            advance(p);
        wr_need_word(p, WR_KW_AS);
        wr_need_word(p, WR_KW_TRANSACTION);
        node->scope = WR_SET_SESSION;
        return parse_set_transaction(p, node);
    }
    node->scope = take_scope(p);
    if (at_word(p, WR_KW_TRANSACTION) && ahead(p, 1)->keyword != WR_KW_TO &&
        !token_is_op(ahead(p, 1), WR_OP_EQ)) {
        advance(p);
        return parse_set_transaction(p, node);
    }
    if (at_word2(p, WR_KW_TIME, WR_KW_ZONE)) {
        node->name = (wr_name){WR_STR("timezone"), span_now(p), false};
        take_word2(p, WR_KW_TIME, WR_KW_ZONE);
        if (!take_word(p, WR_KW_TO)) take_op(p, WR_OP_EQ);
        if (at_word(p, WR_KW_LOCAL) || at_word(p, WR_KW_DEFAULT)) {
            advance(p);
            node->reset = true;
            return &node->node;
        }
    } else {
        node->name = wr_grammar_option_name(p);
        if (!take_op(p, WR_OP_EQ) && !take_word(p, WR_KW_TO)) wr_expected(p, "= or TO");
    }
    if (at_word(p, WR_KW_DEFAULT)) {
        advance(p);
        node->reset = true;
        return &node->node;
    }
    do
        wr_push(p->arena, &values, parse_setting_value(p));
    while (take_punct(p, ','));
    node->values = wr_nodes_of(&values);
    return &node->node;
}

static wr_node *parse_reset(wr_parser *p)
{
    wr_sql_set *node = WR_NODE(p, SET, set, span_now(p));
    advance(p);
    node->reset = true;
    node->scope = take_scope(p);
    if (take_word(p, WR_KW_ALL)) return &node->node;
    if (at_word2(p, WR_KW_TIME, WR_KW_ZONE)) {
        node->name = (wr_name){WR_STR("timezone"), span_now(p), false};
        take_word2(p, WR_KW_TIME, WR_KW_ZONE);
        return &node->node;
    }
    node->name = wr_grammar_option_name(p);
    return &node->node;
}

static void take_transaction_word(wr_parser *p)
{
    if (!take_word(p, WR_KW_TRANSACTION)) take_word(p, WR_KW_WORK);
}

static wr_node *parse_transaction(wr_parser *p)
{
    wr_sql_transaction *node = WR_NODE(p, TRANSACTION, transaction, span_now(p));
    wr_keyword word = now(p)->keyword;
    advance(p);
    switch (word) {
    case WR_KW_BEGIN:
        take_transaction_word(p);
        parse_transaction_modes(p, node);
        break;
    case WR_KW_START:
        wr_need_word(p, WR_KW_TRANSACTION);
        parse_transaction_modes(p, node);
        break;
    case WR_KW_SAVEPOINT:
        node->action = WR_TRANSACTION_SAVEPOINT;
        node->name = wr_grammar_name(p, "the name of the savepoint");
        return &node->node;
    case WR_KW_RELEASE:
        node->action = WR_TRANSACTION_RELEASE;
        take_word(p, WR_KW_SAVEPOINT);
        node->name = wr_grammar_name(p, "the name of the savepoint");
        return &node->node;
    default: {
        bool rollback = word == WR_KW_ROLLBACK || word == WR_KW_ABORT;
        node->action = rollback ? WR_TRANSACTION_ROLLBACK : WR_TRANSACTION_COMMIT;
        take_transaction_word(p);
        if (rollback && take_word(p, WR_KW_TO)) {
            node->action = WR_TRANSACTION_ROLLBACK_TO;
            take_word(p, WR_KW_SAVEPOINT);
            node->name = wr_grammar_name(p, "the name of the savepoint");
        } else if (take_word(p, WR_KW_AND)) {
            node->chain = !take_word(p, WR_KW_NO);
            wr_need_word(p, WR_KW_CHAIN);
        }
    }
    }
    return &node->node;
}

static wr_node *parse_prepare(wr_parser *p)
{
    wr_sql_prepare *node = WR_NODE(p, PREPARE, prepare, span_now(p));
    wr_node_list types = {0};
    advance(p);
    node->name = wr_grammar_name(p, "the name of the statement");
    if (take_punct(p, '(')) {
        do
            wr_push(p->arena, &types, wr_grammar_type(p));
        while (take_punct(p, ','));
        wr_need_punct(p, ')');
    }
    node->types = wr_nodes_of(&types);
    wr_need_word(p, WR_KW_AS);
    node->statement = wr_grammar_statement(p);
    return &node->node;
}

static wr_node *parse_execute(wr_parser *p)
{
    wr_sql_execute *node = WR_NODE(p, EXECUTE, execute, span_now(p));
    wr_node_list args = {0};
    advance(p);
    node->name = wr_grammar_name(p, "the name of the statement");
    if (take_punct(p, '(')) {
        while (!at_punct(p, ')') && !p->error) {
            wr_push(p->arena, &args, wr_grammar_argument(p, false));
            if (!take_punct(p, ',')) break;
        }
        wr_need_punct(p, ')');
    }
    node->args = wr_nodes_of(&args);
    return &node->node;
}

static wr_node *parse_deallocate(wr_parser *p)
{
    wr_sql_deallocate *node = WR_NODE(p, DEALLOCATE, deallocate, span_now(p));
    advance(p);
    take_word(p, WR_KW_PREPARE);
    if (!take_word(p, WR_KW_ALL)) node->name = wr_grammar_name(p, "the name of the statement");
    return &node->node;
}

static wr_node *parse_attach(wr_parser *p)
{
    wr_sql_attach *node = WR_NODE(p, ATTACH, attach, span_now(p));
    advance(p);
    if (take_word(p, WR_KW_OR)) {
        wr_need_word(p, WR_KW_REPLACE);
        node->mode.replace = true;
    }
    take_word(p, WR_KW_DATABASE);
    node->mode.if_not_exists = wr_take_if_not_exists(p);
    node->path = wr_grammar_value_before_in(p);
    if (take_word(p, WR_KW_AS)) node->alias = wr_grammar_name(p, "a name");
    if (at_punct(p, '(')) node->options = wr_grammar_options(p);
    return &node->node;
}

static wr_node *parse_detach(wr_parser *p)
{
    wr_sql_detach *node = WR_NODE(p, DETACH, detach, span_now(p));
    advance(p);
    take_word(p, WR_KW_DATABASE);
    node->if_exists = wr_take_if_exists(p);
    node->name = wr_grammar_name(p, "the name of a database");
    return &node->node;
}

static wr_node *parse_call(wr_parser *p)
{
    wr_sql_invoke *node = WR_NODE(p, INVOKE, invoke, span_now(p));
    wr_span span = ahead(p, 1)->kind ? span_of(ahead(p, 1)) : node->node.span;
    advance(p);
    wr_names name = wr_grammar_qualified(p, "a function");
    if (!at_punct(p, '(')) wr_need_punct(p, '(');
    node->call = p->error ? p->hole : wr_grammar_call(p, name, span);
    return &node->node;
}

static wr_node *parse_maintain(wr_parser *p)
{
    wr_sql_maintain *node = WR_NODE(p, MAINTAIN, maintain, span_now(p));
    wr_keyword word = now(p)->keyword;
    wr_node_list options = {0};
    advance(p);
    if (word == WR_KW_FORCE) {
        wr_sql_option *force = WR_NODE(p, OPTION, option, node->node.span);
        force->name = (wr_name){WR_STR("force"), node->node.span, false};
        wr_push(p->arena, &options, &force->node);
        word = WR_KW_CHECKPOINT;
        wr_need_word(p, WR_KW_CHECKPOINT);
    }
    node->action = word == WR_KW_VACUUM    ? WR_MAINTAIN_VACUUM
                   : word == WR_KW_ANALYZE ? WR_MAINTAIN_ANALYZE
                                           : WR_MAINTAIN_CHECKPOINT;
    node->options = at_punct(p, '(') ? wr_grammar_options(p) : wr_nodes_of(&options);
    while (word != WR_KW_CHECKPOINT &&
           (at_word(p, WR_KW_FULL) || at_word(p, WR_KW_VERBOSE) || at_word(p, WR_KW_ANALYZE))) {
        wr_sql_option *option = WR_NODE(p, OPTION, option, span_now(p));
        option->name = wr_grammar_label(p, "an option");
        wr_push(p->arena, &options, &option->node);
        node->options = wr_nodes_of(&options);
    }
    if (!at_end_of_statement(p)) node->name = wr_grammar_qualified(p, "a table name");
    if (node->name.count && at_punct(p, '('))
        node->columns = wr_grammar_name_list(p, "a column name");
    return &node->node;
}

/* REFRESH MATERIALIZED VIEW [CONCURRENTLY] name [WITH [NO] DATA] */
static wr_node *parse_refresh(wr_parser *p)
{
    wr_sql_maintain *node = WR_NODE(p, MAINTAIN, maintain, span_now(p));
    node->action = WR_MAINTAIN_REFRESH;
    advance(p);
    wr_need_word(p, WR_KW_MATERIALIZED);
    wr_need_word(p, WR_KW_VIEW);
    take_word(p, WR_KW_CONCURRENTLY);
    node->name = wr_grammar_qualified(p, "a materialized view");
    if (take_word2(p, WR_KW_WITH, WR_KW_NO)) {
        wr_node_list options = {0};
        wr_sql_option *option = WR_NODE(p, OPTION, option, span_now(p));
        option->name = (wr_name){WR_STR("no_data"), span_now(p), false};
        wr_need_word(p, WR_KW_DATA);
        wr_push(p->arena, &options, &option->node);
        node->options = wr_nodes_of(&options);
    } else if (take_word(p, WR_KW_WITH)) {
        wr_need_word(p, WR_KW_DATA);
    }
    return &node->node;
}

static wr_node *parse_comment(wr_parser *p)
{
    wr_sql_comment *node = WR_NODE(p, COMMENT, comment, span_now(p));
    advance(p);
    wr_need_word(p, WR_KW_ON);
    node->object = wr_grammar_object_kind(p);
    node->name = wr_grammar_qualified(p, "a name");
    wr_need_word(p, WR_KW_IS);
    if (!take_word(p, WR_KW_NULL)) node->text = wr_grammar_string(p, "a text or NULL");
    return &node->node;
}

static wr_node *parse_pragma(wr_parser *p)
{
    wr_sql_pragma *node = WR_NODE(p, PRAGMA, pragma, span_now(p));
    wr_node_list values = {0};
    advance(p);
    node->name = wr_grammar_option_name(p);
    if (take_op(p, WR_OP_EQ)) {
        do
            wr_push(p->arena, &values, parse_setting_value(p));
        while (take_punct(p, ','));
    } else if (take_punct(p, '(')) {
        node->call = true;
        while (!at_punct(p, ')') && !p->error) {
            wr_push(p->arena, &values, wr_grammar_argument(p, false));
            if (!take_punct(p, ',')) break;
        }
        wr_need_punct(p, ')');
    }
    node->values = wr_nodes_of(&values);
    return &node->node;
}

static wr_node *parse_use(wr_parser *p)
{
    wr_sql_use *node = WR_NODE(p, USE, use, span_now(p));
    advance(p);
    node->name = wr_grammar_qualified(p, "a schema or database");
    return &node->node;
}

/* SUBSCRIBE [TO] {table | (query) | query} [WITH (..)] */
static wr_node *parse_subscribe(wr_parser *p)
{
    wr_sql_subscribe *node = WR_NODE(p, SUBSCRIBE, subscribe, span_now(p));
    advance(p);
    take_word(p, WR_KW_TO);
    if (wr_at_query(p) || at_punct(p, '(')) {
        node->query = wr_grammar_query(p);
    } else {
        wr_sql_select *select = WR_NODE(p, SELECT, select, span_now(p));
        wr_sql_query *query = WR_NODE(p, QUERY, query, span_now(p));
        wr_sql_item *item = WR_NODE(p, ITEM, item, span_now(p));
        wr_node_list from = {0}, items = {0};
        item->value = wr_node_new(p->arena, WR_SQL_STAR, span_now(p));
        wr_push(p->arena, &items, &item->node);
        wr_push(p->arena, &from, wr_grammar_target_table(p, false));
        select->items = wr_nodes_of(&items);
        select->from = wr_nodes_of(&from);
        query->body = &select->node;
        node->query = &query->node;
    }
    if (take_word(p, WR_KW_WITH)) node->options = wr_grammar_options(p);
    return &node->node;
}

static const char *const refused_statements[] = {
    "grant",   "revoke",  "listen",  "notify", "unlisten", "lock",     "declare",
    "fetch",   "close",   "move",    "load",   "install",  "export",   "import",
    "cluster", "reindex", "discard", "do",     "reassign", "security",
};

wr_node *wr_grammar_session_statement(wr_parser *p)
{
    switch ((wr_keyword)now(p)->keyword) {
    case WR_KW_EXPLAIN:
        return parse_explain(p);
    case WR_KW_SET:
        return parse_set(p);
    case WR_KW_RESET:
        return parse_reset(p);
    case WR_KW_BEGIN:
    case WR_KW_START:
    case WR_KW_COMMIT:
    case WR_KW_END:
    case WR_KW_ROLLBACK:
    case WR_KW_ABORT:
    case WR_KW_SAVEPOINT:
    case WR_KW_RELEASE:
        return parse_transaction(p);
    case WR_KW_PREPARE:
        return parse_prepare(p);
    case WR_KW_EXECUTE:
        return parse_execute(p);
    case WR_KW_DEALLOCATE:
        return parse_deallocate(p);
    case WR_KW_ATTACH:
        return parse_attach(p);
    case WR_KW_DETACH:
        return parse_detach(p);
    case WR_KW_USE:
        return parse_use(p);
    case WR_KW_CALL:
        return parse_call(p);
    case WR_KW_ANALYZE:
    case WR_KW_VACUUM:
    case WR_KW_FORCE:
    case WR_KW_CHECKPOINT:
        return parse_maintain(p);
    case WR_KW_COMMENT:
        return parse_comment(p);
    case WR_KW_PRAGMA:
        return parse_pragma(p);
    case WR_KW_SUBSCRIBE:
        return parse_subscribe(p);
    case WR_KW_DESCRIBE:
    case WR_KW_DESC:
    case WR_KW_SUMMARIZE:
        return wr_grammar_describe(p);
    case WR_KW_SHOW:
        return wr_grammar_show(p);
    default:
        break;
    }
    if (at_text(p, "refresh")) return parse_refresh(p);
    if (at_text(p, "flush")) {
        wr_sql_maintain *node = WR_NODE(p, MAINTAIN, maintain, span_now(p));
        node->action = WR_MAINTAIN_FLUSH;
        advance(p);
        return &node->node;
    }
    for (size_t i = 0; i < WR_COUNT(refused_statements); i++)
        if (at_text(p, refused_statements[i])) return wr_refuse(p, span_now(p), "this statement");
    return NULL;
}

/* registry.c - the client of a Schema Registry, over libcurl, which is loaded when it is needed.
 *
 * Two requests only: GET /schemas/ids/N and POST /subjects/S/versions. Schemas never change under
 * their number, so each is asked for once. What the server says is limited in size; redirects are
 * not followed; addresses are shown without what stands before '@' in them. */
#include "conn/kafka/registry.h"
#include "base/json.h"
#include "base/map.h"
#include "sys/module.h"
#include "sys/thread.h"
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo

enum { ANSWER_MAX = 16 << 20, TIMEOUT_MS = 10000 };

#define HTTP_FUNCTIONS(X) \
    X(curl_global_init)   \
    X(curl_easy_init)     \
    X(curl_easy_setopt)   \
    X(curl_easy_getinfo)  \
    X(curl_easy_perform)  \
    X(curl_easy_reset)    \
    X(curl_easy_cleanup)  \
    X(curl_easy_strerror) \
    X(curl_slist_append)  \
    X(curl_slist_free_all)
typedef struct http_api {
    HTTP_FUNCTIONS(WR_MODULE_SLOT)
} http_api;
static const wr_module_symbol symbols[] = {HTTP_FUNCTIONS(WR_MODULE_SYMBOL){0}};

typedef struct known_schema {
    uint32_t number;
    const avro_node *node; /* NULL: there is none */
} known_schema;

struct kafka_registry {
    const http_api *api;
    const kafka_registry_config *config;
    const wr_cancel *cancel;
    CURL *curl;
    wr_arena arena;
    wr_map known; /* number as 4 bytes -> known_schema */
    wr_buf answer;
};

static weir_status load(const http_api **out)
{
    static wr_mutex lock = WR_MUTEX_INIT;
    static http_api api; /* guarded by lock until is_loaded */
    static bool is_loaded;
    weir_status bad = WR_OK;
    wr_mutex_lock(&lock);
    if (!is_loaded) {
        bad = wr_module_load("libcurl.so.4", "libcurl4", "the schema registry", symbols, &api);
        if (!bad && api.curl_global_init(CURL_GLOBAL_DEFAULT))
            bad = wr_fail(WR_E_INTERNAL, "libcurl does not start");
        is_loaded = !bad;
    }
    wr_mutex_unlock(&lock);
    *out = &api;
    return bad;
}

weir_status wr_kafka_registry_new(const kafka_registry_config *config, const wr_cancel *cancel,
                                  kafka_registry **out)
{
    const http_api *api;
    WR_TRY(load(&api));
    kafka_registry *registry = wr_heap_new(sizeof *registry);
    registry->api = api;
    registry->config = config;
    registry->cancel = cancel;
    registry->curl = api->curl_easy_init();
    wr_assert(registry->curl != NULL);
    *out = registry;
    return WR_OK;
}

void wr_kafka_registry_drop(kafka_registry *registry)
{
    if (!registry) return;
    registry->api->curl_easy_cleanup(registry->curl);
    wr_map_clear(&registry->known);
    wr_buf_clear(&registry->answer);
    wr_arena_clear(&registry->arena);
    wr_heap_drop(registry);
}

/* ---- HTTP ---- */
static size_t take_answer(char *bytes, size_t one, size_t count, void *arg)
{
    kafka_registry *registry = arg;
    if (registry->answer.length + one * count > ANSWER_MAX) return 0;
    wr_buf_add(&registry->answer, bytes, one * count);
    return one * count;
}

static int look_at_cancel(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    weir_status stop = wr_cancel_check(((kafka_registry *)arg)->cancel);
    wr_status_drop(stop);
    return stop != WR_OK;
}

/* The address as it may be shown. */
static wr_str shown_url(const kafka_registry *registry)
{
    wr_str url = registry->config->url;
    for (size_t i = 0; i < url.length; i++)
        if (url.data[i] == '@') return (wr_str){url.data + i + 1, url.length - i - 1};
    return url;
}

static weir_status unreachable(const kafka_registry *registry, const char *why)
{
    return wr_fail(WR_E_CONNECTION, "the schema registry at %.*s does not answer: %s",
                   WR_STR_ARGS(shown_url(registry)), why);
}

static void set_up(kafka_registry *registry, const char *url, const char *body,
                   struct curl_slist *headers)
{
    const http_api *http = registry->api;
    const kafka_registry_config *config = registry->config;
    CURL *curl = registry->curl;
    http->curl_easy_reset(curl);
    http->curl_easy_setopt(curl, CURLOPT_URL, url);
    http->curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    http->curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    http->curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    http->curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    http->curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    http->curl_easy_setopt(curl, CURLOPT_WRITEDATA, registry);
    http->curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    http->curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_at_cancel);
    http->curl_easy_setopt(curl, CURLOPT_XFERINFODATA, registry);
    if (body) http->curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    if (config->user.length) {
        http->curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        http->curl_easy_setopt(curl, CURLOPT_USERNAME, config->user.data);
        http->curl_easy_setopt(curl, CURLOPT_PASSWORD, config->password.data);
    }
}

/* body NULL: GET. The answer is in registry->answer. */
static weir_status request(kafka_registry *registry, wr_str path, const char *body, long *status)
{
    const http_api *http = registry->api;
    wr_str url = registry->config->url;
    WR_BUF(whole);
    while (url.length && url.data[url.length - 1] == '/')
        url.length--;
    wr_buf_printf(&whole, "%.*s%.*s", WR_STR_ARGS(url), WR_STR_ARGS(path));
    struct curl_slist *headers =
        http->curl_slist_append(NULL, "Content-Type: application/vnd.schemaregistry.v1+json");
    registry->answer.length = 0;
    set_up(registry, whole.data, body, headers);
    CURLcode code = http->curl_easy_perform(registry->curl);
    http->curl_easy_getinfo(registry->curl, CURLINFO_RESPONSE_CODE, status);
    http->curl_slist_free_all(headers);
    WR_TRY(wr_cancel_check(registry->cancel));
    if (code != CURLE_OK) return unreachable(registry, http->curl_easy_strerror(code));
    if (*status == 401 || *status == 403)
        return wr_fail(WR_E_CONNECTION, "the schema registry at %.*s does not let us in",
                       WR_STR_ARGS(shown_url(registry)));
    return WR_OK;
}

static weir_status odd_answer(const kafka_registry *registry, long status)
{
    char why[64];
    snprintf(why, sizeof why, "HTTP status %ld", status);
    return unreachable(registry, why);
}

/* ---- schemas ---- */
static weir_status read_schema(kafka_registry *registry, uint32_t number, const avro_node **out)
{
    wr_str answer = wr_str_trim(wr_buf_str(&registry->answer)), member;
    WR_BUF(text);
    if (!wr_json_valid(answer)) return unreachable(registry, "it says no JSON");
    if (wr_json_find(answer, WR_STR("schemaType"), &member) &&
        !wr_str_eq(member, WR_STR("\"AVRO\"")))
        return wr_fail(WR_E_UNSUPPORTED, "schema %u of the registry is of type %.*s, not AVRO",
                       number, WR_STR_ARGS(member));
    if (wr_json_find(answer, WR_STR("references"), &member) && !wr_str_eq(member, WR_STR("[]")))
        return wr_fail(WR_E_UNSUPPORTED, "schema %u of the registry refers to other schemas",
                       number);
    if (!wr_json_find(answer, WR_STR("schema"), &member) || !wr_json_unquote(member, &text))
        return unreachable(registry, "its answer has no schema");
    wr_str kept = wr_arena_str(&registry->arena, wr_buf_str(&text));
    weir_status bad = wr_avro_schema(kept, &registry->arena, out);
    return bad ? wr_wrap(bad, "schema %u of the registry", number) : WR_OK;
}

weir_status wr_kafka_registry_find(kafka_registry *registry, uint32_t number, const avro_node **out)
{
    wr_str key = {(const char *)&number, sizeof number};
    known_schema *known = wr_map_get(&registry->known, key);
    char path[64];
    long status = 0;
    *out = known ? known->node : NULL;
    if (known) return WR_OK;
    int length = snprintf(path, sizeof path, "/schemas/ids/%u", number);
    WR_TRY(request(registry, (wr_str){path, (size_t)length}, NULL, &status));
    if (status == 404) return WR_OK;
    if (status != 200) return odd_answer(registry, status);
    WR_TRY(read_schema(registry, number, out));
    known = wr_new(&registry->arena, known_schema);
    *known = (known_schema){.number = number, .node = *out};
    wr_map_put(&registry->known, (wr_str){(const char *)&known->number, sizeof number}, known);
    return WR_OK;
}

weir_status wr_kafka_registry_add(kafka_registry *registry, wr_str subject, wr_str schema,
                                  uint32_t *number)
{
    WR_BUF(path);
    WR_BUF(body);
    long status = 0;
    wr_str member;
    int64_t id;
    wr_buf_add_text(&path, "/subjects/");
    for (size_t i = 0; i < subject.length; i++) {
        unsigned char c = (unsigned char)subject.data[i];
        bool is_plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                        c == '-' || c == '_' || c == '.';
        if (is_plain)
            wr_buf_add_char(&path, (char)c);
        else
            wr_buf_printf(&path, "%%%02X", c);
    }
    wr_buf_add_text(&path, "/versions");
    wr_buf_add_text(&body, "{\"schema\":");
    wr_buf_add_json(&body, schema);
    wr_buf_add_char(&body, '}');
    WR_TRY(request(registry, wr_buf_str(&path), body.data, &status));
    wr_str answer = wr_str_trim(wr_buf_str(&registry->answer));
    if (status == 409 || status == 422)
        return wr_with_detail(wr_fail(WR_E_BAD_VALUE,
                                      "the schema registry refuses the schema of "
                                      "\"%.*s\"",
                                      WR_STR_ARGS(subject)),
                              "%.*s", (int)WR_MIN(answer.length, (size_t)1000), answer.data);
    if (status != 200) return odd_answer(registry, status);
    bool has_id = wr_json_valid(answer) && wr_json_find(answer, WR_STR("id"), &member) &&
                  wr_i64_read(member, &id, NULL) && id >= 0 && id <= UINT32_MAX;
    if (!has_id) return unreachable(registry, "its answer has no number");
    *number = (uint32_t)id;
    return WR_OK;
}

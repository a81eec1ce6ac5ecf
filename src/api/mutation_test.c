/* Right requests of all routes, changed at random, as JSON and as bytes: never a crash, never a
 * refusal that blames the server. QVL_MUTATIONS sets how many of each kind (300,000). */
#include "base/buf.h"
#include "base/test.h"
#include "request_check_test.h"

static const struct {
    enum request_route route;
    const char *body;
} requests[] = {
    {REQUEST_CHAT,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\","
     "\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image_url\",\"image_url\":"
     "{\"url\":\"data:image/png;base64,AAAA\",\"detail\":\"low\"}},{\"type\":\"image\",\"image\":"
     "\"http://a/b\"},{\"type\":\"video\",\"video\":[\"f\",\"g\"],\"fps\":2}]}],\"max_tokens\":9,"
     "\"temperature\":0.5,\"stream\":true,\"stream_options\":{\"include_usage\":true}}"},
    {REQUEST_CHAT,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\","
     "\"content\":null,\"reasoning_content\":\"r\",\"tool_calls\":[{\"id\":\"c\",\"type\":"
     "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\","
     "\"tool_call_id\":\"c\",\"content\":[{\"type\":\"text\",\"text\":\"t\"}]},{\"role\":"
     "\"assistant\",\"content\":\"<think>x</think>y\"},{\"role\":\"user\",\"content\":\"z\"}],"
     "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","
     "\"parameters\":{\"type\":\"object\",\"properties\":{}}}}],\"tool_choice\":\"auto\"}"},
    {REQUEST_CHAT,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"user\","
     "\"content\":\"q\"}],\"max_completion_tokens\":5,\"min_tokens\":1,\"n\":2,\"top_p\":0.9,"
     "\"top_k\":-1,\"min_p\":0.1,\"presence_penalty\":1,\"frequency_penalty\":-1,"
     "\"repetition_penalty\":1.1,\"seed\":7,\"stop\":[\"x\",\"y\"],\"logit_bias\":{\"7\":-1.5},"
     "\"ignore_eos\":true,\"return_token_ids\":true,\"add_generation_prompt\":true,"
     "\"chat_template_kwargs\":{\"add_vision_id\":true},\"response_format\":{\"type\":\"text\"}}"},
    {REQUEST_CHAT,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\","
     "\"image\":\"u\",\"min_pixels\":9,\"max_pixels\":99}]}],\"min_pixels\":1,\"max_pixels\":2,"
     "\"mm_processor_kwargs\":{\"size\":{\"shortest_edge\":1,\"longest_edge\":2},\"fps\":1},"
     "\"bad_words\":[\"x\"],\"stop_token_ids\":[1],\"logprobs\":true,\"top_logprobs\":2,"
     "\"include_stop_str_in_output\":true,\"skip_special_tokens\":false,\"cache_salt\":\"s\","
     "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{}}}"
     "}"},
    {REQUEST_COMPLETION,
     "{\"model\":\"m\",\"prompt\":[\"a\",\"b\"],\"n\":2,\"best_of\":2,\"max_tokens\":0,"
     "\"echo\":true,\"stop\":\"x\",\"suffix\":\"\",\"logit_bias\":{\"7\":1},\"seed\":1}"},
    {REQUEST_COMPLETION,
     "{\"model\":\"m\",\"prompt\":[[1,2],[3]],\"logprobs\":3,\"stream\":true,"
     "\"stream_options\":{\"include_usage\":true},\"allowed_token_ids\":[1],\"user\":\"u\"}"},
    {REQUEST_COMPLETION,
     "{\"model\":\"m\",\"prompt\":[5,6],\"response_format\":{\"type\":\"text\"}}"},
    {REQUEST_TOKENIZE, "{\"model\":\"m\",\"prompt\":\"p\",\"parse_special\":true,"
                       "\"return_token_strs\":true,\"add_special_tokens\":false}"},
    {REQUEST_TOKENIZE,
     "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\"}]}"
     "],\"add_generation_prompt\":false,\"tools\":[],\"chat_template_kwargs\":{}}"},
    {REQUEST_DETOKENIZE, "{\"model\":\"m\",\"tokens\":[1,2,3]}"},
};

/* What takes the place of something: values as JSON, and names as strings. */
static const char *const pool[] = {
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "1.5",
    "1e400",
    "-9223372036854775808",
    "[]",
    "{}",
    "\"\"",
    "\"text\"",
    "\"image\"",
    "\"image_url\"",
    "\"video\"",
    "\"video_url\"",
    "\"refusal\"",
    "\"user\"",
    "\"assistant\"",
    "\"tool\"",
    "\"system\"",
    "\"function\"",
    "\"none\"",
    "\"x\\u0000\"",
    "\"content\"",
    "\"tool_calls\"",
    "\"role\"",
    "\"url\"",
    "\"type\"",
    "[null]",
    "[[]]",
    "[{}]",
    "{\"type\":\"text\",\"text\":\"t\"}",
    "{\"url\":\"u\"}",
    "{\"role\":\"user\",\"content\":\"\"}",
    "[\"a\",\"b\"]",
    "\"</think>\"",
    "\"<think>\"",
    "\"<tool_response></tool_response>\"",
};

static uint64_t random_state = 0x9E3779B97F4A7C15u;

/* xorshift64*; below `bound`. */
static size_t below(size_t bound)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (size_t)((random_state * 0x2545F4914F6CDD1Du) >> 33) % bound;
}

static int rounds(void)
{
    const char *value = getenv("QVL_MUTATIONS");
    return value ? atoi(value) : 300000;
}

static struct json *parse_copy(const char *text, struct arena *arena)
{
    char *bytes = arena_strdup(arena, str_from(text));
    struct json *root;
    struct reason why;
    assert_non_null(bytes);
    if (json_parse(bytes, strlen(text), (struct json_limits){0}, arena, &root, &why))
        fail_msg("%s: %s", text, why.message[LANG_EN]);
    return root;
}

/* All values below `v` in the order of the text. */
enum { NODES_MAX = 512 };
static void collect(struct json *v, struct json **nodes, size_t *count)
{
    if (*count < NODES_MAX)
        nodes[(*count)++] = v;
    for (struct json *child = v->first; child; child = child->next)
        collect(child, nodes, count);
}

static void copy_value(struct json *to, const struct json *from)
{
    struct json copy = *from;
    copy.key = to->key;
    copy.next = to->next;
    *to = copy;
}

static void drop_first(struct json *v)
{
    if (v->first) {
        v->first = v->first->next;
        v->count--;
    }
}

/* The first child goes to the end. */
static void turn_children(struct json *v)
{
    struct json *first = v->first;
    if (!first || !first->next)
        return;
    struct json *last = first;
    while (last->next)
        last = last->next;
    v->first = first->next;
    last->next = first;
    first->next = NULL;
}

static void mutate_tree(struct json *root, struct arena *arena)
{
    struct json *nodes[NODES_MAX];
    size_t count = 0;
    collect(root, nodes, &count);
    struct json *v = nodes[below(count)];
    const struct json *given = parse_copy(pool[below(ARRAY_LEN(pool))], arena);
    const struct json *other = nodes[below(count)];
    switch (below(5)) {
    case 0: copy_value(v, given); break;
    case 1: drop_first(v); break;
    case 2: turn_children(v); break;
    case 3:
        if (given->type == JSON_STRING)
            v->key = given->text;
        else
            v->key = other->key;
        break;
    default:
        if (!other->first) /* else the tree could come to hold itself */
            copy_value(v, other);
        break;
    }
}

static void test_changed_trees(void **state)
{
    (void)state;
    int accepted = 0;
    for (int i = 0; i < rounds(); i++) {
        struct arena arena;
        arena_init(&arena, 16 << 20);
        const size_t which = below(ARRAY_LEN(requests));
        struct json *root = parse_copy(requests[which].body, &arena);
        for (size_t changes = 1 + below(3); changes > 0; changes--)
            mutate_tree(root, &arena);
        const enum status status = request_check(requests[which].route, root, &arena);
        assert_true(!status || status == STATUS_INVALID);
        accepted += !status;
        arena_release(&arena);
    }
    assert_in_range(accepted, rounds() / 20, rounds() - rounds() / 20);
}

static void insert(struct buf *text, size_t at, struct str piece)
{
    const size_t tail = text->len - at;
    buf_add_str(text, piece);
    memmove(text->data + at + piece.len, text->data + at, tail);
    memcpy(text->data + at, piece.ptr, piece.len);
}

static void mutate_bytes(struct buf *text)
{
    if (text->len == 0)
        return;
    const size_t at = below(text->len), most = text->len - at;
    const size_t len = 1 + below(most < 16 ? most : 16);
    const char any = (char)below(256);
    switch (below(4)) {
    case 0: text->data[at] = any; break;
    case 1: text->data[at] = "[]{}\",:0-\\"[below(10)]; break;
    case 2: insert(text, at, str_from(pool[below(ARRAY_LEN(pool))])); break;
    default:
        memmove(text->data + at, text->data + at + len, most - len);
        text->len -= len;
        break;
    }
}

static void test_changed_bytes(void **state)
{
    (void)state;
    int parsed = 0;
    struct buf text;
    buf_init(&text, 1 << 16);
    for (int i = 0; i < rounds(); i++) {
        buf_clear(&text);
        const size_t which = below(ARRAY_LEN(requests));
        buf_puts(&text, requests[which].body);
        for (size_t changes = 1 + below(2); changes > 0; changes--)
            mutate_bytes(&text);
        struct arena arena;
        arena_init(&arena, 16 << 20);
        struct json *root;
        struct reason why;
        enum status status =
            json_parse(text.data, text.len, (struct json_limits){0}, &arena, &root, &why);
        parsed += !status;
        if (!status)
            status = request_check(requests[which].route, root, &arena);
        assert_true(!status || status == STATUS_INVALID);
        arena_release(&arena);
    }
    buf_release(&text);
    assert_in_range(parsed, rounds() / 20, rounds() - rounds() / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changed_trees),
        cmocka_unit_test(test_changed_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* How long readers of JSON take for the bodies that qvl gets, beside those libraries that were
 * there when the build was configured. Run by hand: build/src/json/json_bench
 *
 * Each reading starts from a fresh copy and ends with the tree freed; the best of all rounds
 * counts. */
#include "peers_bench.h"
#include "json/json.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 9, PADDING = 64, MIB = 1 << 20 };

static bool read_qvl(char *bytes, size_t len)
{
    struct arena arena;
    struct json *root;
    arena_init(&arena, (size_t)1 << 30);
    const bool ok = json_parse(bytes, len, (struct json_limits){.max_nodes = 1u << 24}, &arena,
                               &root, NULL) == STATUS_OK;
    arena_release(&arena);
    return ok;
}

static const struct {
    const char *name;
    bool (*read)(char *bytes, size_t len);
} readers[] = {
    {"qvl", read_qvl},
#ifdef WITH_YYJSON
    {"yyjson, in place", read_yyjson},
#endif
#ifdef WITH_SIMDJSON
    {"simdjson", read_simdjson},
#endif
#ifdef WITH_CJSON
    {"cJSON", read_cjson},
#endif
#ifdef WITH_JSON_C
    {"json-c", read_json_c},
#endif
    {"jansson", read_jansson},
};

static void write_picture(struct buf *out)
{
    buf_puts(out, "{\"model\":\"qwen-vl-8b\",\"messages\":[{\"role\":\"user\",\"content\":["
                  "{\"type\":\"text\",\"text\":\"What is in this picture?\"},"
                  "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,");
    unsigned seed = 1;
    while (out->len < 48 * (size_t)MIB)
        buf_putc(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                          [(rand_r(&seed) >> 8) % 64]);
    buf_puts(out, "\"}}]}],\"max_tokens\":100,\"stream\":true}");
}

static void write_values(struct buf *out)
{
    buf_putc(out, '[');
    for (int i = 0; out->len < 8 * (size_t)MIB; i++)
        buf_printf(out,
                   "%s{\"id\":%d,\"name\":\"row %d\",\"ok\":true,\"at\":[%d.5,-3e2],\"x\":null}",
                   i ? "," : "", i, i, i);
    buf_putc(out, ']');
}

static void write_chinese(struct buf *out)
{
    buf_puts(out, "[{\"role\":\"user\",\"content\":\"");
    while (out->len < 8 * (size_t)MIB)
        buf_puts(out, "请描述这张图片中的内容，并说明 Qwen3-VL 是怎样理解图像的。\\n");
    buf_puts(out, "\"}]");
}

static const struct {
    const char *name;
    void (*write)(struct buf *out);
} bodies[] = {
    {"a chat with one picture", write_picture},
    {"many small values", write_values},
    {"a long text in Chinese", write_chinese},
};

/* Milliseconds of the best round; negative if the text was refused. */
static double measure(bool (*read)(char *bytes, size_t len), const struct buf *body)
{
    char *copy = malloc(body->len + PADDING);
    double best = -1;
    for (int round = 0; copy && round < ROUNDS; round++) {
        memcpy(copy, body->data, body->len);
        memset(copy + body->len, 0, PADDING);
        const int64_t begin = clock_ns(&clock_system);
        const bool ok = read(copy, body->len);
        const double ms = (double)(clock_ns(&clock_system) - begin) / 1e6;
        if (!ok)
            break;
        if (best < 0 || ms < best)
            best = ms;
    }
    free(copy);
    return best;
}

int main(void)
{
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct buf body;
        buf_init(&body, 64 * (size_t)MIB);
        bodies[i].write(&body);
        printf("%s, %.1f MiB\n", bodies[i].name, (double)body.len / MIB);
        for (size_t k = 0; k < ARRAY_LEN(readers); k++) {
            const double ms = measure(readers[k].read, &body);
            if (ms < 0)
                printf("  %-18s refused\n", readers[k].name);
            else
                printf("  %-18s %8.2f ms %8.0f MiB/s\n", readers[k].name, ms,
                       (double)body.len / MIB / ms * 1000);
        }
        buf_release(&body);
    }
    return 0;
}

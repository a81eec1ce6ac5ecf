/* Many thousand requests, each a little wrong, are read by our parser and by llhttp: where they
 * differ, we know why. The generator has a fixed seed. */
#include "llhttp_compare_test.h"

#include "base/test.h"

enum { ROUNDS = 1000000, INPUT_MAX = 8192 };

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % limit;
}

#define CRLF "\r\n"
#define PIECE(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* Whole requests, to be changed. */
static const struct str requests[] = {
    PIECE("GET /a?b=c HTTP/1.1" CRLF "Host: h" CRLF CRLF),
    PIECE("GET / HTTP/1.0" CRLF CRLF),
    PIECE("GET / HTTP/1.0" CRLF "Connection: keep-alive" CRLF CRLF),
    PIECE("GET / HTTP/1.1" CRLF "Host: h" CRLF "Connection: close" CRLF CRLF),
    PIECE("POST / HTTP/1.1" CRLF "Host: h" CRLF "Content-Length: 3" CRLF CRLF "abc"),
    PIECE("POST / HTTP/1.1" CRLF "Host: h" CRLF "Transfer-Encoding: chunked" CRLF CRLF "3" CRLF
          "abc" CRLF "a;x=1" CRLF "0123456789" CRLF "0" CRLF "T: v" CRLF CRLF),
    PIECE("OPTIONS * HTTP/1.1" CRLF "Host: h:80" CRLF CRLF),
    PIECE("GET http://h/x HTTP/1.1" CRLF "Host: h" CRLF CRLF),
    PIECE("GET / HTTP/1.1" CRLF "Host: h" CRLF "Connection: upgrade, HTTP2-Settings" CRLF
          "Upgrade: h2c" CRLF "HTTP2-Settings: AAMAAABkAAQAAP__" CRLF CRLF),
    PIECE("PRI * HTTP/2.0" CRLF CRLF "SM" CRLF CRLF),
    PIECE("POST / HTTP/1.1" CRLF "Host: h" CRLF "Expect: 100-continue" CRLF
          "Content-Length: 1" CRLF CRLF "x"),
};

/* What is put between, or in place of, some bytes. */
static const struct str pieces[] = {
    PIECE(CRLF),
    PIECE("\n"),
    PIECE("\r"),
    PIECE("\0"),
    PIECE(" "),
    PIECE("\t"),
    PIECE("\x0b"),
    PIECE(":"),
    PIECE(","),
    PIECE(";"),
    PIECE("0"),
    PIECE("5"),
    PIECE("+5"),
    PIECE("-1"),
    PIECE("0x5"),
    PIECE("5, 5"),
    PIECE("00000000000000000005"),
    PIECE("18446744073709551616"),
    PIECE("ffffffffffffffff"),
    PIECE("10000000000000005"),
    PIECE("\xff"),
    PIECE("\x7f"),
    PIECE("#"),
    PIECE("?"),
    PIECE("Content-Length: 3" CRLF),
    PIECE("content-length: 4" CRLF),
    PIECE("Content_Length: 3" CRLF),
    PIECE("Content-Length : 3" CRLF),
    PIECE("Transfer-Encoding: chunked" CRLF),
    PIECE("Transfer-Encoding: identity" CRLF),
    PIECE("Transfer-Encoding: gzip, chunked" CRLF),
    PIECE("Transfer-Encoding:\x0b"
          "chunked" CRLF),
    PIECE("Transfer-Encoding: xchunked" CRLF),
    PIECE("Transfer-Encoding: chunked, chunked" CRLF),
    PIECE("Transfer-Encoding" CRLF " : chunked" CRLF),
    PIECE("X: y" CRLF " Transfer-Encoding: chunked" CRLF),
    PIECE("Host: i" CRLF),
    PIECE("Connection: close" CRLF),
    PIECE("Connection: keep-alive" CRLF),
    PIECE("Connection: content-length" CRLF),
    PIECE("Upgrade: x" CRLF),
    PIECE(": x" CRLF),
    PIECE(" folded" CRLF),
    PIECE("0" CRLF CRLF),
    PIECE("0" CRLF "Trailer: T" CRLF CRLF),
    PIECE("3" CRLF "abc" CRLF),
    PIECE("0" CRLF "Content-Length: 3" CRLF CRLF),
    PIECE("0" CRLF "Host: i" CRLF CRLF),
    PIECE("T: v" CRLF),
    PIECE(";y=\"q\""),
    PIECE("Transfer-Encoding: chunked\t" CRLF),
    PIECE("Content-Length: 3\t" CRLF),
    PIECE("Connection: close\t" CRLF),
    PIECE("HTTP/1.0"),
    PIECE("HTTP/1.1"),
    PIECE("HTTP/0.9"),
    PIECE("http://h"),
    PIECE("CONNECT h:1 "),
    PIECE("PRI / HTTP/1.1" CRLF CRLF),
    PIECE("DESCRIBE / HTTP/1.1" CRLF),
    PIECE("HEAD "),
    PIECE("QUERY "),
};

/* Puts a piece at a place, over up to `over` bytes. */
static void change(struct buf *text, struct buf *spare)
{
    const size_t at = random_below((uint32_t)text->len + 1);
    const size_t over = random_below(2) ? random_below(4) : 0;
    buf_clear(spare);
    buf_add_str(spare, str_slice(buf_str(text), 0, at));
    if (random_below(8))
        buf_add_str(spare, pieces[random_below(ARRAY_LEN(pieces))]);
    else
        buf_putc(spare, (char)random_below(256));
    buf_add_str(spare, str_slice(buf_str(text), at + over, text->len));
    const struct buf changed = *spare;
    *spare = *text;
    *text = changed;
}

/* One or two requests, changed in up to five places. */
static void generate(struct buf *text, struct buf *spare)
{
    buf_clear(text);
    for (uint32_t n = 1 + random_below(2); n > 0; n--)
        buf_add_str(text, requests[random_below(ARRAY_LEN(requests))]);
    for (uint32_t n = random_below(6); n > 0; n--)
        change(text, spare);
}

static void generate_large(struct buf *text)
{
    buf_puts(text, "GET / HTTP/1.1" CRLF "Host: h" CRLF);
    for (int i = 0; i < 100; i++)
        buf_puts(text, "X: y" CRLF);
    buf_puts(text, CRLF);
}

static void test_every_difference_is_known(void **state)
{
    (void)state;
    struct buf text, spare, report;
    buf_init(&text, INPUT_MAX);
    buf_init(&spare, INPUT_MAX);
    buf_init(&report, 1 << 20);
    size_t *counts = calloc(difference_count, sizeof *counts);
    assert_non_null(counts);
    for (int round = 0; round < ROUNDS; round++) {
        if (round == 0)
            generate_large(&text);
        else
            generate(&text, &spare);
        if (!llhttp_compare(buf_str(&text), &report, counts))
            fail_msg("round %d, for\n%.*s\n%s", round, STR_ARG(buf_str(&text)), report.data);
    }
    for (size_t i = 0; i < difference_count; i++) {
        print_message("%8zu %s\n", counts[i], differences[i].name);
        if (counts[i] == 0)
            fail_msg("%s: this difference does not occur", differences[i].name);
    }
    free(counts);
    buf_release(&text);
    buf_release(&spare);
    buf_release(&report);
}

/* "| `name` | …" in the document's table, one row for each class, and none for anything else. */
static void test_every_class_is_explained(void **state)
{
    (void)state;
    char path[1024], line[2048];
    snprintf(path, sizeof path, "%s/docs/internals/http-differences.md", getenv("QVL_SOURCE_ROOT"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t *rows = calloc(difference_count, sizeof *rows);
    assert_non_null(rows);
    while (fgets(line, sizeof line, file)) {
        bool known = strncmp(line, "| `", 3) != 0;
        for (size_t i = 0; i < difference_count && !known; i++) {
            const size_t n = strlen(differences[i].name);
            known = strncmp(line + 3, differences[i].name, n) == 0 && line[3 + n] == '`';
            rows[i] += known;
        }
        if (!known)
            fail_msg("no such difference: %s", line);
    }
    fclose(file);
    for (size_t i = 0; i < difference_count; i++)
        if (rows[i] != 1 && (i == 0 || strcmp(differences[i].name, differences[i - 1].name) != 0))
            fail_msg("%s is explained %zu times", differences[i].name, rows[i]);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_difference_is_known),
                                       cmocka_unit_test(test_every_class_is_explained)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

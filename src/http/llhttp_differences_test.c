/* The classes of differences between our parser and llhttp, each with a test of its own, written
 * without the parser's functions, that the input is of that kind.
 * docs/internals/http-differences.md says of each why it is so. */
#include "llhttp_compare_test.h"

#include <ctype.h>
#include <strings.h>

/* Takes the next line, with its line end; false at the end. */
static bool next_line(struct str *text, struct str *line)
{
    const char *lf = text->len ? memchr(text->ptr, '\n', text->len) : NULL;
    *line = str_slice(*text, 0, lf ? (size_t)(lf - text->ptr) + 1 : text->len);
    *text = str_slice(*text, line->len, text->len);
    return line->len > 0;
}

static struct str first_line(struct str seen)
{
    struct str line = {0};
    while (next_line(&seen, &line) && (str_is(line, "\r\n") || str_is(line, "\n")))
        ;
    return line;
}

static bool holds_text(struct str text, const char *part)
{
    const size_t n = strlen(part);
    for (size_t i = 0; i + n <= text.len; i++)
        if (strncasecmp(text.ptr + i, part, n) == 0)
            return true;
    return false;
}

static size_t count_fields(struct str seen, const char *name)
{
    struct str line;
    size_t count = 0;
    while (next_line(&seen, &line))
        count += line.len >= strlen(name) && strncasecmp(line.ptr, name, strlen(name)) == 0;
    return count;
}

static bool begins_with_blank(struct str line)
{
    return line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
}

static bool lone_lf(struct str seen)
{
    for (size_t i = 0; i < seen.len; i++)
        if (seen.ptr[i] == '\n' && (i == 0 || seen.ptr[i - 1] != '\r'))
            return true;
    return false;
}

static bool lone_cr(struct str seen)
{
    for (size_t i = 0; i < seen.len; i++)
        if (seen.ptr[i] == '\r' && (i + 1 == seen.len || seen.ptr[i + 1] != '\n'))
            return true;
    return false;
}

static bool empty_lines(struct str seen)
{
    return str_starts(seen, "\r\n\r\n");
}

static bool no_version(struct str seen)
{
    return !holds_text(first_line(seen), " HTTP/");
}

static bool many_blanks(struct str seen)
{
    return holds_text(first_line(seen), "  ");
}

static bool old_or_new_version(struct str seen)
{
    const struct str line = first_line(seen);
    return !str_ends(line, "HTTP/1.0\r\n") && !str_ends(line, "HTTP/1.1\r\n");
}

static struct str target_of(struct str seen)
{
    const struct str line = first_line(seen);
    size_t begin = 0, end;
    while (begin < line.len && line.ptr[begin] != ' ')
        begin++;
    for (end = ++begin; end < line.len && line.ptr[end] != ' ';)
        end++;
    return str_slice(line, begin, end);
}

static bool odd_target(struct str seen)
{
    const struct str target = target_of(seen);
    const bool options = str_starts(first_line(seen), "OPTIONS * ");
    return !options && !str_starts(target, "/");
}

static bool odd_byte_in_target(struct str seen)
{
    const struct str target = target_of(seen);
    for (size_t i = 0; i < target.len; i++)
        if (target.ptr[i] == '#' || target.ptr[i] <= ' ' || target.ptr[i] > '~')
            return true;
    return false;
}

static bool no_host(struct str seen)
{
    return count_fields(seen, "host:") == 0;
}

static bool two_hosts(struct str seen)
{
    return count_fields(seen, "host:") > 1;
}

static bool odd_host(struct str seen)
{
    struct str line;
    while (next_line(&seen, &line)) {
        if (!str_ieq(str_slice(line, 0, 5), STR("host:")))
            continue;
        const struct str value = str_trim(str_slice(line, 5, line.len));
        for (size_t i = 0; i < value.len; i++)
            if (!isalnum((unsigned char)value.ptr[i]) &&
                !memchr("-._~!$&'()*+;=%:[]", value.ptr[i], 18))
                return true;
    }
    return false;
}

static bool absolute_target(struct str seen)
{
    return holds_text(target_of(seen), "://");
}

static bool folded(struct str seen)
{
    struct str line, rest = seen;
    while (next_line(&rest, &line))
        if (begins_with_blank(line))
            return true;
    return false;
}

static bool no_name(struct str seen)
{
    struct str line;
    while (next_line(&seen, &line))
        if (str_starts(line, ":"))
            return true;
    return false;
}

static bool look_alike(struct str seen)
{
    return count_fields(seen, "content_length:") + count_fields(seen, "transfer_encoding:") > 0;
}

static bool any_coding(struct str seen)
{
    return count_fields(seen, "transfer-encoding:") > 0;
}

static bool two_codings(struct str seen)
{
    return count_fields(seen, "transfer-encoding:") > 1;
}

static bool coding_in_http_1_0(struct str seen)
{
    return any_coding(seen) && str_ends(first_line(seen), "HTTP/1.0\r\n");
}

static bool other_expectation(struct str seen)
{
    return count_fields(seen, "expect:") > 0;
}

static bool extension(struct str seen)
{
    return any_coding(seen) && memchr(seen.ptr, ';', seen.len);
}

static bool chunked(struct str seen)
{
    return any_coding(seen) && holds_text(seen, "chunked");
}

static bool long_size(struct str seen)
{
    struct str line, last = {0};
    while (next_line(&seen, &line))
        last = line;
    size_t digits = 0;
    while (digits < last.len && isxdigit((unsigned char)last.ptr[digits]))
        digits++;
    return digits > 16;
}

/* More than "size;name=value". */
static bool rich_extension(struct str seen)
{
    struct str line;
    while (next_line(&seen, &line)) {
        const char *first = memchr(line.ptr, ';', line.len);
        const size_t at = first ? (size_t)(first - line.ptr) : line.len;
        const struct str rest = str_slice(line, at + 1, line.len);
        if (first && (holds_text(rest, ";") || holds_text(rest, "\"")))
            return true;
    }
    return false;
}

/* The last chunk may have an extension. */
static bool framing_trailer(struct str seen)
{
    return chunked(seen) && (holds_text(seen, "0\r\n") || holds_text(seen, "0;"));
}

static bool length(struct str seen)
{
    return count_fields(seen, "content-length:") > 0;
}

static bool tab_in(struct str seen, const char *name)
{
    struct str line;
    while (next_line(&seen, &line))
        if (count_fields(line, name) && memchr(line.ptr, '\t', line.len))
            return true;
    return false;
}

static bool tab_in_framing(struct str seen)
{
    return tab_in(seen, "content-length:") || tab_in(seen, "transfer-encoding:");
}

static bool tab_in_connection(struct str seen)
{
    return tab_in(seen, "connection:");
}

static bool close_and_keep_alive(struct str seen)
{
    return count_fields(seen, "connection:") > 0 && holds_text(seen, "close") &&
           holds_text(seen, "keep-alive");
}

static bool method_pri(struct str seen)
{
    return str_starts(first_line(seen), "PRI ");
}

static bool many_headers(struct str seen)
{
    return count_fields(seen, "") > 101;
}

static bool any_method(struct str seen)
{
    const struct str line = first_line(seen);
    return line.len > 0 && memchr(line.ptr, ' ', line.len);
}

const struct difference differences[] = {
    {"lone-lf", WE_REFUSE, "A line of the request ends in LF without CR.", lone_lf},
    {"lone-cr", WE_REFUSE, "A line of the request holds a CR", lone_cr},
    {"empty-lines", WE_REFUSE, "The request line does not hold", empty_lines},
    {"http-0.9", WE_REFUSE, "The request line does not hold", no_version},
    {"blanks-in-request-line", WE_REFUSE, "The request line does not", many_blanks},
    {"version", WE_REFUSE, "This server speaks HTTP/1.1 and HTTP/1.0", old_or_new_version},
    {"method-pri", WE_REFUSE, "This server speaks", method_pri},
    {"target-form", WE_REFUSE, "The target of the request is neither", odd_target},
    {"target-bytes", WE_REFUSE, "The path of the request holds", odd_byte_in_target},
    {"no-host", WE_REFUSE, "An HTTP/1.1 request needs a Host", no_host},
    {"two-hosts", WE_REFUSE, "The request has more than one Host", two_hosts},
    {"host-form", WE_REFUSE, "The Host header is not a host name", odd_host},
    {"host-differs", WE_REFUSE, "The Host header and the URL", absolute_target},
    {"folded", WE_REFUSE, "A header line begins with a blank", folded},
    {"no-name", WE_REFUSE, "A header has no name before", no_name},
    {"look-alike", WE_REFUSE, "A header looks like Content-Length", look_alike},
    {"two-codings", WE_REFUSE, "The request has more than one Transfer-Encoding", two_codings},
    {"coding-1.0", WE_REFUSE, "HTTP/1.0 has no Transfer-Encoding", coding_in_http_1_0},
    {"coding-other", WE_REFUSE, "The only transfer coding", any_coding},
    {"coding-form", WE_REFUSE, "The Transfer-Encoding header", any_coding},
    {"tab-in-framing", WE_REFUSE, "A header that frames", tab_in_framing},
    {"expectation", WE_REFUSE, "The only expectation", other_expectation},
    {"extension-form", WE_REFUSE, "The size of a chunk is followed by", extension},
    {"chunk-digits", WE_REFUSE, "The size of a chunk has too many digits", long_size},
    {"trailer-framing", WE_REFUSE, "A trailer of the chunked body", framing_trailer},
    {"body-limit", WE_REFUSE, "The request body is larger", chunked},
    {"body-limit", WE_REFUSE, "The request body of", length},
    {"header-limit", WE_REFUSE, "The request has more than", many_headers},
    {"method-list", THEY_REFUSE, "HPE_INVALID_METHOD", any_method},
    {"method-list", THEY_REFUSE, "HPE_INVALID_CONSTANT: Invalid method for HTTP", any_method},
    {"extension-rich", THEY_REFUSE, "HPE_INVALID_CHUNK_SIZE", rich_extension},
    {"tab-in-connection", KEEP_ALIVE_DIFFERS, "", tab_in_connection},
    {"close-wins", KEEP_ALIVE_DIFFERS, "", close_and_keep_alive},
};
const size_t difference_count = ARRAY_LEN(differences);

#include "fetch/hop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { HEAD_MAX = 64 << 10 };

static uint64_t max_bytes(const struct hop *hop)
{
    return hop->file->kind == FETCH_VIDEO ? hop->rules->max_video_bytes
                                          : hop->rules->max_picture_bytes;
}

static void take_text(struct str value, char *out, size_t size)
{
    size_t len = 0;
    for (; len < value.len && len + 1 < size; len++)
        out[len] = (char)(value.ptr[len] >= ' ' && value.ptr[len] < 0x7f ? value.ptr[len] : '?');
    out[len] = '\0';
}

static void begin_head(struct hop *hop, struct str line)
{
    const char *blank = memchr(line.ptr, ' ', line.len);
    hop->status = blank ? atoi(blank) : 0;
    hop->announced_bytes = 0;
    hop->encoding[0] = hop->file->type[0] = '\0';
    buf_clear(&hop->location);
}

static uint64_t number_of(struct str text)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        value = value > UINT64_MAX / 16 ? value : 10 * value + (uint64_t)(text.ptr[i] - '0');
    return value;
}

static void take_field(struct hop *hop, struct str line)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    if (!colon)
        return;
    const size_t at = (size_t)(colon - line.ptr);
    const struct str name = str_slice(line, 0, at);
    const struct str value = str_trim(str_slice(line, at + 1, line.len));
    if (str_ieq(name, STR("content-length"))) {
        hop->announced_bytes = number_of(value);
    } else if (str_ieq(name, STR("content-type"))) {
        take_text(value, hop->file->type, sizeof hop->file->type);
    } else if (str_ieq(name, STR("content-encoding"))) {
        take_text(value, hop->encoding, sizeof hop->encoding);
    } else if (str_ieq(name, STR("location"))) {
        buf_clear(&hop->location);
        buf_add_str(&hop->location, value);
        if (hop->location.failed)
            hop->stop = HOP_NO_ROOM;
    }
}

static void end_head(struct hop *hop)
{
    if (hop->status < 200)
        return;
    hop->head_over = true;
    if (hop->status != 200)
        hop->stop = HOP_STATUS;
    else if (hop->announced_bytes > max_bytes(hop))
        hop->stop = HOP_TOO_LARGE;
    else if (hop->encoding[0] && !str_ieq(str_from(hop->encoding), STR("identity")))
        hop->stop = HOP_ENCODED;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct hop *hop = arg;
    const struct str line = {bytes, size * count};
    hop->head_bytes += line.len;
    if (hop->head_bytes > HEAD_MAX)
        hop->stop = HOP_HEAD_TOO_LONG;
    else if (hop->head_over)
        return line.len; /* a trailer */
    else if (str_starts(line, "HTTP/"))
        begin_head(hop, line);
    else if (str_trim(line).len == 0)
        end_head(hop);
    else
        take_field(hop, line);
    return hop->stop == HOP_NOT_STOPPED ? line.len : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct hop *hop = arg;
    const struct str piece = {bytes, size * count};
    if (piece.len > max_bytes(hop) - hop->file->size)
        hop->stop = HOP_TOO_LARGE;
    else if (!fetched_add(hop->file, piece, hop->rules->budget_bytes))
        hop->stop = HOP_NO_ROOM;
    return hop->stop == HOP_NOT_STOPPED ? piece.len : 0;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct hop *hop = arg;
    struct address address;
    (void)purpose;
    if (!address_from_socket(&to->addr, &address) ||
        !fetch_guard_allows(&hop->rules->guard, &address)) {
        hop->blocked = true;
        return CURL_SOCKET_BAD;
    }
    hop->socket = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    if (hop->socket < 0 && errno != EAFNOSUPPORT)
        hop->stop = HOP_NO_ROOM; /* the host is not to blame */
    return hop->socket;
}

/* "host:port:192.0.2.1,[2001:db8::1]" */
static bool pin(struct hop *hop, const struct address *addresses, size_t count)
{
    struct buf text;
    char address[ADDRESS_TEXT_MAX];
    buf_init(&text, 4096);
    buf_printf(&text, "%s:%u:", hop->target->host, (unsigned)hop->target->port);
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, address_is_v4(&addresses[i]) ? "%s%s" : "%s[%s]", i ? "," : "",
                   address_write(&addresses[i], address));
    hop->pins = text.failed ? NULL : curl_slist_append(NULL, text.data);
    buf_release(&text);
    hop->share = curl_share_init();
    if (!hop->pins || !hop->share)
        return false;
    curl_share_setopt(hop->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_easy_setopt(hop->easy, CURLOPT_SHARE, hop->share);
    curl_easy_setopt(hop->easy, CURLOPT_RESOLVE, hop->pins);
    return true;
}

static bool set_request(struct hop *hop)
{
    CURL *easy = hop->easy;
    hop->headers = curl_slist_append(NULL, hop->file->kind == FETCH_VIDEO
                                               ? "Accept: video/*, */*;q=0.1"
                                               : "Accept: image/jpeg, image/png, image/webp, "
                                                 "image/gif, image/bmp, */*;q=0.1");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, hop->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "qvl/" QVL_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); /* by hand: each is checked */
    curl_easy_setopt(easy, CURLOPT_PROXY, "");          /* a proxy would connect elsewhere */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    return hop->headers && curl_easy_setopt(easy, CURLOPT_URL, hop->target->url) == CURLE_OK;
}

static void set_callbacks(struct hop *hop)
{
    CURL *easy = hop->easy;
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, hop->error);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, hop);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, hop);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, hop);
}

/* libcurl keeps a parsed store for the next transfer only if it comes from one file and no
 * directory; parsing the system's takes 25 ms. A directory is read as certificates are needed. */
static void set_trust(const struct hop *hop, const struct fetch_trust *trust)
{
    const char *file = trust->ca_file;
    if (!file && !trust->ca_directory)
        curl_easy_getinfo(hop->easy, CURLINFO_CAINFO, &file);
    curl_easy_setopt(hop->easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(hop->easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (file || trust->ca_directory) {
        curl_easy_setopt(hop->easy, CURLOPT_CAINFO, file);
        curl_easy_setopt(hop->easy, CURLOPT_CAPATH, file ? NULL : trust->ca_directory);
    }
}

bool hop_init(struct hop *hop, const struct fetch_rules *rules, const struct fetch_trust *trust,
              const struct fetch_target *target, const struct address *addresses, size_t count,
              struct fetched *file, void *arg)
{
    *hop = (struct hop){.rules = rules, .target = target, .file = file, .socket = -1};
    snprintf(file->source, sizeof file->source, "%s", target->shown);
    buf_init(&hop->location, HEAD_MAX);
    hop->easy = curl_easy_init();
    if (!hop->easy)
        return false;
    curl_easy_setopt(hop->easy, CURLOPT_PRIVATE, arg);
    set_callbacks(hop);
    set_trust(hop, trust);
    return set_request(hop) && (target->is_address || pin(hop, addresses, count));
}

void hop_release(struct hop *hop)
{
    curl_easy_cleanup(hop->easy);
    curl_share_cleanup(hop->share);
    curl_slist_free_all(hop->pins);
    curl_slist_free_all(hop->headers);
    buf_release(&hop->location);
    *hop = (struct hop){0};
}

bool hop_is_redirect(const struct hop *hop)
{
    static const int statuses[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (hop->status == statuses[i])
            return hop->head_over && hop->location.len > 0;
    return false;
}

static enum status too_large(const struct hop *hop, struct reason *why)
{
    const unsigned long long max = max_bytes(hop);
    const bool video = hop->file->kind == FETCH_VIDEO;
    if (hop->announced_bytes > max)
        fetch_fault_printf(
            hop->file->kind, hop->target->shown, why, video ? "invalid_video" : "image_too_large",
            "it has %llu bytes, and at most %llu are taken", "它有 %llu 字节，最多接受 %llu 字节",
            (unsigned long long)hop->announced_bytes, max);
    else
        fetch_fault_printf(hop->file->kind, hop->target->shown, why,
                           video ? "invalid_video" : "image_too_large",
                           "it has more than %llu bytes", "它超过 %llu 字节", max);
    const char *setting = video ? "model.video.max_bytes" : "model.image.max_bytes";
    reason_hint(why, "Make it smaller, or raise %s.", "请缩小文件，或调大 %s。", setting);
    return STATUS_LIMIT;
}

static enum status no_room(struct reason *why)
{
    reason_set(why, "memory_full", "There is no memory left for fetched pictures and videos.",
               "没有可用于已获取图片和视频的内存。");
    return STATUS_NO_MEMORY;
}

static enum status fail(const struct hop *hop, const char *code, const char *en, const char *zh,
                        struct reason *why)
{
    return fetch_fault(hop->file->kind, hop->target->shown, code, en, zh, why);
}

static enum status stopped(const struct hop *hop, struct reason *why)
{
    switch (hop->stop) {
    case HOP_STATUS:
        return fetch_fault_printf(hop->file->kind, hop->target->shown, why, "image_http_status",
                                  "the host answered with status %d", "主机返回状态 %d",
                                  hop->status);
    case HOP_TOO_LARGE: return too_large(hop, why);
    case HOP_NO_ROOM: return no_room(why);
    case HOP_ENCODED:
        return fetch_fault_printf(hop->file->kind, hop->target->shown, why, "image_not_an_image",
                                  "the host sent it compressed (%s), though it was not asked to",
                                  "主机擅自以 %s 压缩发送", hop->encoding);
    default:
        return fail(hop, "image_http_status", "the head of the answer has more than 64 KiB",
                    "应答头超过 64 KiB", why);
    }
}

static enum status not_connected(const struct hop *hop, struct reason *why)
{
    long error = 0;
    curl_easy_getinfo(hop->easy, CURLINFO_OS_ERRNO, &error);
    if (hop->blocked)
        return fail(hop, "image_address_blocked", "its address may not be visited",
                    "不允许访问其地址", why);
    const char *words = error ? strerror((int)error) : curl_easy_strerror(CURLE_COULDNT_CONNECT);
    return fetch_fault_printf(hop->file->kind, hop->target->shown, why, "image_connect_failed",
                              "no connection to port %d: %s", "无法连接到端口 %d：%s",
                              hop->target->port, words);
}

static enum status cut(const struct hop *hop, struct reason *why)
{
    const unsigned long long got = hop->file->size;
    if (!hop->head_over)
        return fail(hop, "image_connect_failed", "the connection ended before the answer",
                    "连接在应答之前中断", why);
    if (hop->announced_bytes == 0)
        return fetch_fault_printf(hop->file->kind, hop->target->shown, why, "image_connect_failed",
                                  "the connection ended early, after %llu bytes",
                                  "连接提前中断，只收到 %llu 字节", got);
    return fetch_fault_printf(hop->file->kind, hop->target->shown, why, "image_connect_failed",
                              "the connection ended early, after %llu of %llu bytes",
                              "连接提前中断，只收到 %llu/%llu 字节", got,
                              (unsigned long long)hop->announced_bytes);
}

static enum status tls_failed(const struct hop *hop, CURLcode code, struct reason *why)
{
    const char *words = hop->error[0] ? hop->error : curl_easy_strerror(code);
    return fetch_fault_printf(hop->file->kind, hop->target->shown, why, "image_tls_failed",
                              "TLS failed: %.160s", "TLS 失败：%.160s", words);
}

enum status hop_result(const struct hop *hop, CURLcode code, struct reason *why)
{
    if (hop->stop != HOP_NOT_STOPPED)
        return stopped(hop, why);
    switch (code) {
    case CURLE_OK: return hop->head_over ? STATUS_OK : cut(hop, why); /* cut within the head */
    case CURLE_OUT_OF_MEMORY: return no_room(why);
    case CURLE_COULDNT_CONNECT: return not_connected(hop, why);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS: return tls_failed(hop, code, why);
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE: return cut(hop, why);
    default:
        return fail(hop, "image_http_status", "the host did not answer as HTTP/1.1 has it",
                    "主机的应答不符合 HTTP/1.1", why);
    }
}

/* libcurl counts the TLS handshake as part of connecting. */
static bool is_connected(const struct hop *hop)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    return hop->socket >= 0 && getpeername(hop->socket, (struct sockaddr *)&peer, &len) == 0;
}

const char *hop_step(const struct hop *hop, enum lang lang)
{
    static const char *const steps[][LANG_COUNT] = {
        {"connecting", "建立连接"},
        {"setting up TLS", "建立 TLS"},
        {"waiting for the answer", "等待应答"},
        {"receiving", "接收数据"},
    };
    curl_off_t secured = 0;
    curl_easy_getinfo(hop->easy, CURLINFO_APPCONNECT_TIME_T, &secured);
    const int step = hop->head_over                     ? 3
                     : !is_connected(hop)               ? 0
                     : hop->target->tls && secured == 0 ? 1
                                                        : 2;
    return steps[step][lang];
}

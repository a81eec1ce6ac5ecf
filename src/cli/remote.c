#include "cli/remote.h"

#include "base/utf8.h"
#include "cli/interrupt.h"

void remote_options_init(struct remote_options *o, struct option rows[REMOTE_ROWS])
{
    *o = (struct remote_options){.max_wait_s = 120, .retries = 3};
    struct endpoint_flags *f = &o->flags;
    const struct option table[REMOTE_ROWS] = {
        {"base-url",
         '\0',
         OPTION_TEXT,
         &f->base_url,
         "URL",
         {"the server, with or without /v1 (QWEN_API_BASE_URL; http://localhost:8000)",
          "服务器地址，带不带 /v1 均可（QWEN_API_BASE_URL；http://localhost:8000）"}},
        {"api-key",
         '\0',
         OPTION_TEXT,
         &f->api_key,
         "KEY",
         {"visible to `ps`: better set QWEN_API_KEY in the environment or in .env",
          "`ps` 可以看到它：建议改用环境变量或 .env 中的 QWEN_API_KEY"}},
        {"api-key-file",
         '\0',
         OPTION_TEXT,
         &f->api_key_file,
         "FILE",
         {"read the key from a file", "从文件读取密钥"}},
        {"model",
         'm',
         OPTION_TEXT,
         &f->model,
         "NAME",
         {"which model (QWEN_API_MODEL; qwen-vl-8b)", "模型名（QWEN_API_MODEL；qwen-vl-8b）"}},
        {"timeout",
         '\0',
         OPTION_DURATION,
         &f->timeout_s,
         "TIME",
         {"longest wait for the answer to begin, and between its parts (QWEN_API_TIMEOUT; 30s)",
          "等待应答开始以及各部分之间的最长时间（QWEN_API_TIMEOUT；30s）"}},
        {"retries",
         '\0',
         OPTION_INTEGER,
         &o->retries,
         "N",
         {"how often to try again when it may help (3)", "失败后的重试次数（3）"}},
        {"max-wait",
         '\0',
         OPTION_DURATION,
         &o->max_wait_s,
         "TIME",
         {"longest wait before a retry that the server may ask for (120s)",
          "服务器要求的重试等待最长接受多久（120s）"}},
        {"header",
         'H',
         OPTION_LIST,
         &o->headers,
         "'K: V'",
         {"send this header too; may be repeated", "附加请求头，可重复"}},
        {"env-file",
         '\0',
         OPTION_TEXT,
         &f->env_file,
         "FILE",
         {"read this instead of .env", "代替 .env 的文件"}},
        {"proxy",
         '\0',
         OPTION_TEXT,
         &f->proxy,
         "URL",
         {"proxy; '' for none (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY)",
          "代理；'' 表示不用代理（HTTP_PROXY、HTTPS_PROXY、ALL_PROXY、NO_PROXY）"}},
        {"ca-file",
         '\0',
         OPTION_TEXT,
         &f->ca_file,
         "FILE",
         {"certificates to trust, PEM (SSL_CERT_FILE)", "信任的证书，PEM（SSL_CERT_FILE）"}},
        {"cert",
         '\0',
         OPTION_TEXT,
         &f->certificate,
         "FILE",
         {"client certificate, PEM", "客户端证书，PEM"}},
        {"key",
         '\0',
         OPTION_TEXT,
         &f->certificate_key,
         "FILE",
         {"private key of the client certificate, PEM", "客户端证书的私钥，PEM"}},
        {"insecure",
         '\0',
         OPTION_FLAG,
         &f->insecure,
         NULL,
         {"do not check the server's certificate", "不检查服务器证书"}},
    };
    memcpy(rows, table, sizeof table);
}

void remote_options_release(struct remote_options *options)
{
    option_list_release(&options->headers);
}

static enum status check(const struct remote_options *o, struct reason *why)
{
    if (o->retries >= 0 && o->retries <= 100)
        return STATUS_OK;
    reason_set(why, "invalid_value", "--retries is from 0 to 100.",
               "--retries 的取值为 0 到 100。");
    return STATUS_INVALID;
}

/* What deserves a word although it does not stop anything. */
static void note(const struct cli *cli, const struct endpoint *e)
{
    if (cli->verbosity < 0)
        return;
    if (e->env_file.bad_lines > 0)
        fprintf(stderr,
                cli_text(cli, "qvl: %s:%d: This line is no assignment; it is skipped.\n",
                         "qvl: %s:%d：该行不是赋值语句，已跳过。\n"),
                e->env_file_path, e->env_file.first_bad_line);
    if (e->url.full_endpoint)
        fprintf(stderr,
                cli_text(cli, "qvl: The base URL names a whole endpoint; %s is used.\n",
                         "qvl: 基础地址写成了完整的接口地址；实际使用 %s。\n"),
                e->url.api);
}

enum status remote_open(struct remote *c, const struct cli *cli, struct remote_options *o,
                        struct reason *why)
{
    *c = (struct remote){.cli = cli};
    int cancel_fd;
    o->flags.headers = o->headers.items;
    o->flags.header_count = o->headers.count;
    enum status status = check(o, why);
    if (status == STATUS_OK)
        status = endpoint_init(&c->endpoint, &o->flags, why);
    if (status == STATUS_OK)
        status = interrupt_catch(&cancel_fd, why);
    if (status == STATUS_OK)
        status = http_client_init(&c->client, &clock_system, cancel_fd, why);
    if (status != STATUS_OK) {
        remote_close(c);
        return status;
    }
    note(cli, &c->endpoint);
    c->call = (struct call){.client = &c->client,
                            .transport = &c->endpoint.transport,
                            .policy = {.max_retries = (int)o->retries,
                                       .factor_ms = 1000,
                                       .max_wait_ms = (int64_t)(o->max_wait_s * 1000),
                                       .clock = &clock_system,
                                       .random = call_random}};
    return STATUS_OK;
}

void remote_close(struct remote *c)
{
    if (c->client.multi)
        http_client_release(&c->client);
    endpoint_release(&c->endpoint);
}

enum exit_code exit_code_of(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_OK: return EXIT_OK;
    case OUTCOME_REQUEST: return EXIT_USAGE;
    case OUTCOME_REFUSED: return EXIT_REFUSED;
    case OUTCOME_LIMITED: return EXIT_LIMITED;
    case OUTCOME_SERVER: return EXIT_SERVER;
    case OUTCOME_CONNECTION: return EXIT_CONNECTION;
    case OUTCOME_TIMEOUT: return EXIT_TIMED_OUT;
    case OUTCOME_NONSENSE: return EXIT_NONSENSE;
    case OUTCOME_CANCELLED: return EXIT_INTERRUPTED;
    }
    return EXIT_USAGE;
}

void put_clean(FILE *out, struct str text)
{
    for (size_t at = 0; at < text.len;) {
        const struct utf8_step step = utf8_decode(text.ptr + at, text.len - at);
        const uint32_t c = step.code;
        if (c == UTF8_INVALID)
            fputs("\xef\xbf\xbd", out);
        else if (c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f) || c >= 0xa0)
            fwrite(text.ptr + at, 1, step.len, out);
        at += step.len;
    }
}

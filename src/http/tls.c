#include "http/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

struct tls {
    uint32_t holders;
    SSL_CTX **contexts; /* one for each certificate; handshakes begin with the first */
    char **names;       /* of the certificates' files */
    size_t count;
};

/* OpenSSL's word for what went wrong last. */
static const char *openssl_reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "unknown";
}

static enum status refuse_file(const char *code, const char *path, const char *en, const char *zh,
                               struct reason *why)
{
    reason_set(why, code, "%s%.0s: %s%.0s.", "%.0s%s：%.0s%s。", path, path, en, zh);
    reason_subject(why, "%s", path);
    return STATUS_INVALID;
}

/* OpenSSL's errors do not tell a missing file from a bad one. */
static enum status check_readable(const char *path, struct reason *why)
{
    FILE *file = fopen(path, "re");
    if (file) {
        fclose(file);
        return STATUS_OK;
    }
    const char *code = errno == ENOENT ? "missing_file" : "unreadable";
    const char *text = strerror(errno);
    return refuse_file(code, path, text, text, why);
}

static enum status refuse_certificate(const char *path, struct reason *why)
{
    reason_set(why, "certificate_invalid", "%s holds no certificate that can be used: %s.",
               "%s 中没有可用的证书：%s。", path, openssl_reason());
    reason_hint(why, "Give a PEM file: the server's certificate first, then the chain.",
                "请给出 PEM 文件：先是服务器证书，然后是证书链。");
    reason_subject(why, "%s", path);
    return STATUS_INVALID;
}

static enum status use_certificate(SSL_CTX *context, const char *path, struct reason *why)
{
    const enum status status = check_readable(path, why);
    if (status)
        return status;
    return SSL_CTX_use_certificate_chain_file(context, path) == 1 ? STATUS_OK
                                                                  : refuse_certificate(path, why);
}

/* Called only for a key that is encrypted: nobody is there to type a password. */
static int note_password(char *out, int size, int writing, void *arg)
{
    (void)out, (void)size, (void)writing;
    *(bool *)arg = true;
    return 0;
}

static enum status use_key(SSL_CTX *context, const struct tls_files *files, struct reason *why)
{
    bool has_password = false;
    enum status status = check_readable(files->key, why);
    if (status)
        return status;
    SSL_CTX_set_default_passwd_cb(context, note_password);
    SSL_CTX_set_default_passwd_cb_userdata(context, &has_password);
    const bool used = SSL_CTX_use_PrivateKey_file(context, files->key, SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    if (used)
        return STATUS_OK;
    const unsigned long error = ERR_peek_last_error();
    if (has_password)
        return refuse_file("key_invalid", files->key,
                           "the private key is protected by a password; store it without one, "
                           "readable by this program alone",
                           "私钥有密码保护；请存为无密码的文件，并只允许本程序读取", why);
    if (ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH) {
        reason_set(why, "key_invalid", "The private key %s does not belong to the certificate %s.",
                   "私钥 %s 与证书 %s 不匹配。", files->key, files->certificate);
        reason_subject(why, "%s", files->key);
        return STATUS_INVALID;
    }
    return refuse_file("key_invalid", files->key, "there is no private key in PEM form",
                       "其中没有 PEM 格式的私钥", why);
}

static enum status use_client_ca(SSL_CTX *context, const char *path, struct reason *why)
{
    const enum status status = check_readable(path, why);
    if (status)
        return status;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
    if (!names || SSL_CTX_load_verify_file(context, path) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return refuse_certificate(path, why);
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return STATUS_OK;
}

/* RFC 7301: HTTP/1.1, which clients that do not ask get too; those that want only HTTP/2 are
 * refused. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl, (void)arg;
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    const int found = SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, in, in_len);
    *out = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* SNI (RFC 6066, section 3): the first certificate that has the name. */
static int choose_certificate(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    const struct tls *tls = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    for (size_t i = 0; name && i < tls->count; i++) {
        X509 *certificate = SSL_CTX_get0_certificate(tls->contexts[i]);
        if (X509_check_host(certificate, name, 0, 0, NULL) != 1)
            continue;
        SSL_set_SSL_CTX(ssl, tls->contexts[i]);
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_OK;
}

static enum status make_context(const struct tls_options *options, const struct tls_files *files,
                                SSL_CTX *context, struct reason *why)
{
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"qvl", 3);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    enum status status = use_certificate(context, files->certificate, why);
    if (!status)
        status = use_key(context, files, why);
    if (!status && options->client_ca)
        status = use_client_ca(context, options->client_ca, why);
    return status;
}

static enum status add_certificate(struct tls *tls, const struct tls_options *options,
                                   const struct tls_files *files, struct reason *why)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    char *name = strdup(files->certificate);
    if (!context || !name) {
        SSL_CTX_free(context);
        free(name);
        return reason_no_memory(why, 0);
    }
    tls->names[tls->count] = name;
    tls->contexts[tls->count++] = context;
    ERR_clear_error();
    return make_context(options, files, context, why);
}

enum status tls_create(const struct tls_options *options, struct tls **out, struct reason *why)
{
    struct tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return reason_no_memory(why, sizeof *tls);
    tls->holders = 1;
    tls->contexts = calloc(options->count, sizeof(SSL_CTX *));
    tls->names = calloc(options->count, sizeof(char *));
    enum status status = tls->contexts && tls->names ? STATUS_OK : reason_no_memory(why, 0);
    for (size_t i = 0; i < options->count && !status; i++)
        status = add_certificate(tls, options, &options->certificates[i], why);
    if (status) {
        tls_release(tls);
        return status;
    }
    SSL_CTX_set_tlsext_servername_callback(tls->contexts[0], choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(tls->contexts[0], tls);
    *out = tls;
    return STATUS_OK;
}

struct tls *tls_hold(struct tls *tls)
{
    tls->holders++;
    return tls;
}

void tls_release(struct tls *tls)
{
    if (!tls || --tls->holders > 0)
        return;
    for (size_t i = 0; i < tls->count; i++) {
        SSL_CTX_free(tls->contexts[i]);
        free(tls->names[i]);
    }
    free(tls->contexts);
    free(tls->names);
    free(tls);
}

bool tls_find_invalid(const struct tls *tls, int64_t now_s, struct reason *why)
{
    time_t now = (time_t)now_s;
    for (size_t i = 0; i < tls->count; i++) {
        const X509 *certificate = SSL_CTX_get0_certificate(tls->contexts[i]);
        const bool over = X509_cmp_time(X509_get0_notAfter(certificate), &now) < 0;
        if (!over && X509_cmp_time(X509_get0_notBefore(certificate), &now) < 0)
            continue;
        reason_set(why, "certificate_invalid", "The certificate %s %s%.0s.", "证书 %s %.0s%s。",
                   tls->names[i], over ? "has expired" : "is not valid yet",
                   over ? "已过期" : "尚未生效");
        reason_subject(why, "%s", tls->names[i]);
        return true;
    }
    return false;
}

struct tls_session {
    SSL *ssl;
    struct tls *tls; /* held */
};

enum status tls_session_create(struct tls *tls, struct tls_session **out, struct reason *why)
{
    struct tls_session *session = calloc(1, sizeof *session);
    SSL *ssl = SSL_new(tls->contexts[0]);
    BIO *in = BIO_new(BIO_s_mem()), *wire = BIO_new(BIO_s_mem());
    if (!session || !ssl || !in || !wire) {
        BIO_free(in);
        BIO_free(wire);
        SSL_free(ssl);
        free(session);
        return reason_no_memory(why, sizeof *session);
    }
    SSL_set_bio(ssl, in, wire);
    SSL_set_accept_state(ssl);
    *session = (struct tls_session){ssl, tls_hold(tls)};
    *out = session;
    return STATUS_OK;
}

void tls_session_destroy(struct tls_session *session)
{
    if (!session)
        return;
    SSL_free(session->ssl);
    tls_release(session->tls);
    free(session);
}

bool tls_session_take(struct tls_session *session, struct str bytes)
{
    return BIO_write(SSL_get_rbio(session->ssl), bytes.ptr, (int)bytes.len) == (int)bytes.len;
}

static enum tls_event failure(const struct tls_session *session, struct reason *why)
{
    const unsigned long error = ERR_peek_error();
    const int reason = ERR_GET_REASON(error);
    if (!SSL_is_init_finished(session->ssl) &&
        (reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST))
        return TLS_PLAIN_HTTP;
    const long verified = SSL_get_verify_result(session->ssl);
    const char *text = verified != X509_V_OK ? X509_verify_cert_error_string(verified)
                                             : ERR_reason_error_string(error);
    reason_set(why, "tls_failed", "The TLS handshake failed: %s.", "TLS 握手失败：%s。",
               text ? text : "unknown");
    return TLS_FAILED;
}

enum tls_event tls_session_read(struct tls_session *session, char *out, size_t size, size_t *len,
                                struct reason *why)
{
    ERR_clear_error();
    const int n = SSL_read(session->ssl, out, (int)size);
    *len = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return TLS_DATA;
    switch (SSL_get_error(session->ssl, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return TLS_MORE;
    case SSL_ERROR_ZERO_RETURN: return TLS_END;
    default: return failure(session, why);
    }
}

bool tls_session_is_open(const struct tls_session *session)
{
    return SSL_is_init_finished(session->ssl);
}

bool tls_session_write(struct tls_session *session, struct str bytes)
{
    ERR_clear_error();
    while (bytes.len > 0) {
        const size_t piece = bytes.len < (1 << 20) ? bytes.len : 1 << 20;
        const int n = SSL_write(session->ssl, bytes.ptr, (int)piece);
        if (n <= 0)
            return false;
        bytes = str_slice(bytes, (size_t)n, bytes.len);
    }
    return true;
}

void tls_session_end(struct tls_session *session)
{
    ERR_clear_error();
    if (SSL_is_init_finished(session->ssl))
        SSL_shutdown(session->ssl);
}

void tls_session_drain(struct tls_session *session, struct buf *wire)
{
    char *bytes;
    BIO *bio = SSL_get_wbio(session->ssl);
    const long len = BIO_get_mem_data(bio, &bytes);
    if (len > 0)
        buf_add(wire, bytes, (size_t)len);
    (void)BIO_reset(bio);
}

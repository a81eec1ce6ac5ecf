/* Certificates: what clients will refuse, or others could use. */
#include "config/mistakes.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum { DAY_S = 24 * 3600, SOON_DAYS = 30, RSA_BITS_MIN = 2048 };

/* The pair at an index, the first one in front; false behind the last. */
static bool pair_at(const struct inspection *in, size_t index, struct tls_pair *out)
{
    const struct settings *settings = in->settings;
    const struct record_list *others = &settings->server.tls.others;
    if (index > others->count || !settings->server.tls.certificate[0])
        return false;
    *out = index ? ((const struct tls_pair *)others->items)[index - 1]
                 : (struct tls_pair){settings->server.tls.certificate, settings->server.tls.key};
    return true;
}

/* The first certificate of a PEM file; NULL if there is none. To be freed. */
static X509 *read_certificate(const char *path)
{
    FILE *file = fopen(path, "re");
    X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    if (file)
        fclose(file);
    ERR_clear_error();
    return certificate;
}

static int no_password(char *out, int size, int writing, void *arg)
{
    (void)out, (void)size, (void)writing, (void)arg;
    return 0;
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, no_password, NULL) : NULL;
    if (file)
        fclose(file);
    ERR_clear_error();
    return key;
}

/* Calls `look` with each certificate that can be read, until one is found at fault. */
static void each_certificate(struct inspection *in,
                             bool (*look)(struct inspection *in, const char *path, X509 *x))
{
    struct tls_pair pair;
    bool found = false;
    for (size_t i = 0; !found && pair_at(in, i, &pair); i++) {
        X509 *certificate = read_certificate(pair.certificate);
        found = certificate && look(in, pair.certificate, certificate);
        X509_free(certificate);
    }
}

static bool pair_is_usable(const struct tls_pair *pair)
{
    X509 *certificate = read_certificate(pair->certificate);
    EVP_PKEY *key = read_key(pair->key);
    const bool usable = certificate && key && X509_check_private_key(certificate, key) == 1;
    ERR_clear_error();
    EVP_PKEY_free(key);
    X509_free(certificate);
    return usable;
}

static void look_for_unusable(struct inspection *in)
{
    struct tls_pair pair;
    for (size_t i = 0; pair_at(in, i, &pair); i++) {
        if (pair_is_usable(&pair))
            continue;
        mistake_found(in,
                      "%s and %s cannot be used together: one cannot be read, or they do not "
                      "belong to each other.",
                      "%s 与 %s 无法一起使用：其中之一无法读取，或两者不匹配。", pair.certificate,
                      pair.key);
        mistake_fix(in,
                    "Give the certificate and its own private key, both in PEM form, the key "
                    "without a password.",
                    "请给出证书及其私钥，均为 PEM 格式，私钥不带密码。");
        return;
    }
}

/* Days until the end of a certificate; negative behind it. */
static long days_left(const struct inspection *in, const X509 *certificate)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
        return 0;
    const int64_t left = (int64_t)timegm(&tm) - in->now_s;
    return (long)(left >= 0 ? left / DAY_S : -1 - -left / DAY_S);
}

static bool look_expired(struct inspection *in, const char *path, X509 *certificate)
{
    if (days_left(in, certificate) >= 0)
        return false;
    mistake_found(in, "The certificate %s has expired; clients refuse it.",
                  "证书 %s 已过期，客户端会拒绝。", path);
    mistake_fix(in, "Renew it, and send HUP to the service.", "请续签，然后向服务发送 HUP。");
    return true;
}

static void look_for_expired(struct inspection *in)
{
    each_certificate(in, look_expired);
}

static bool look_ending(struct inspection *in, const char *path, X509 *certificate)
{
    const long days = days_left(in, certificate);
    if (days < 0 || days >= SOON_DAYS)
        return false;
    mistake_found(in, "The certificate %s expires in %ld days.", "证书 %s 将在 %ld 天后过期。",
                  path, days);
    mistake_fix(in, "Renew it, and send HUP to the service.", "请续签，然后向服务发送 HUP。");
    return true;
}

static void look_for_ending(struct inspection *in)
{
    each_certificate(in, look_ending);
}

static bool look_early(struct inspection *in, const char *path, X509 *certificate)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &tm) != 1 ||
        (int64_t)timegm(&tm) <= in->now_s)
        return false;
    mistake_found(in, "The certificate %s is not valid yet; clients refuse it.",
                  "证书 %s 尚未生效，客户端会拒绝。", path);
    mistake_fix(in, "Check the clock of this machine, and the certificate's dates.",
                "请检查本机时钟和证书的日期。");
    return true;
}

static void look_for_early(struct inspection *in)
{
    each_certificate(in, look_early);
}

static bool look_self_signed(struct inspection *in, const char *path, X509 *certificate)
{
    if (X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(certificate)) != 0)
        return false;
    mistake_found(in,
                  "The certificate %s is signed by itself; clients refuse it unless they are told "
                  "to trust it.",
                  "证书 %s 是自签名的；除非客户端被告知信任它，否则会拒绝。", path);
    mistake_fix(in, "Get one from an authority that your clients know.",
                "请使用客户端信任的机构签发的证书。");
    return true;
}

static void look_for_self_signed(struct inspection *in)
{
    each_certificate(in, look_self_signed);
}

static bool look_weak(struct inspection *in, const char *path, X509 *certificate)
{
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    const bool short_key =
        key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) < RSA_BITS_MIN;
    int digest = NID_undef;
    const bool known = X509_get_signature_info(certificate, &digest, NULL, NULL, NULL) == 1;
    const bool old_digest = known && (digest == NID_sha1 || digest == NID_md5);
    if (!short_key && !old_digest)
        return false;
    mistake_found(in, "The certificate %s is weak (%s); clients refuse it.",
                  "证书 %s 强度不足（%s），客户端会拒绝。", path,
                  short_key ? "RSA < 2048 bit" : OBJ_nid2sn(digest));
    mistake_fix(in, "Get one with a key of 2048 bits or more (or ECDSA) and SHA-256.",
                "请使用 2048 位以上密钥（或 ECDSA）和 SHA-256 的证书。");
    return true;
}

static void look_for_weak(struct inspection *in)
{
    each_certificate(in, look_weak);
}

static void look_for_lone_options(struct inspection *in)
{
    const struct settings *settings = in->settings;
    if (settings->server.tls.certificate[0] ||
        (!settings->server.tls.client_ca[0] && settings->server.tls.others.count == 0))
        return;
    mistake_found(in, "%s has no effect without server.tls.certificate.",
                  "没有 server.tls.certificate 时，%s 不起作用。",
                  settings->server.tls.client_ca[0] ? "server.tls.client_ca" : "server.tls.others");
    mistake_fix(in, "Set server.tls.certificate and server.tls.key.",
                "请设置 server.tls.certificate 和 server.tls.key。");
}

static bool is_secure(const struct inspection *in, const struct listener *listener)
{
    return listener_is_secure(listener, in->settings->server.tls.certificate[0]);
}

static void look_for_unused(struct inspection *in)
{
    const struct listener_list *list = &in->settings->server.listen;
    if (!in->settings->server.tls.certificate[0])
        return;
    for (size_t i = 0; i < list->count; i++)
        if (is_secure(in, &list->items[i]))
            return;
    mistake_found(in, "There is a certificate, but no listener speaks TLS.",
                  "设置了证书，但没有监听使用 TLS。");
    mistake_fix(in, "Write an address in server.listen without http://.",
                "请在 server.listen 中写一个不带 http:// 的地址。");
}

/* An address, or a name that is in the certificate. */
static bool covers(X509 *certificate, const char *host)
{
    return X509_check_ip_asc(certificate, host, 0) == 1 ||
           X509_check_host(certificate, host, 0, 0, NULL) == 1;
}

/* A listener that names a host says how it is reached. */
static void look_for_other_names(struct inspection *in)
{
    const struct listener_list *list = &in->settings->server.listen;
    for (size_t i = 0; i < list->count; i++) {
        const struct listener *listener = &list->items[i];
        struct tls_pair pair;
        bool named = false, any = false;
        if (!is_secure(in, listener) || strpbrk(listener->host, "0123456789:"))
            continue;
        for (size_t k = 0; pair_at(in, k, &pair); k++) {
            X509 *certificate = read_certificate(pair.certificate);
            any = any || certificate;
            named = named || (certificate && covers(certificate, listener->host));
            X509_free(certificate);
        }
        if (named || !any)
            continue;
        mistake_found(in, "No certificate has the name %s, at which the service listens.",
                      "没有证书包含监听所用的名称 %s。", listener->host);
        mistake_fix(in, "Get a certificate whose subjectAltName has it.",
                    "请使用 subjectAltName 中含该名称的证书。");
        return;
    }
}

const struct mistake mistakes_tls[] = {
    {"certificate_unusable", FINDING_ERROR, "server.tls.certificate", look_for_unusable},
    {"certificate_expired", FINDING_ERROR, "server.tls.certificate", look_for_expired},
    {"certificate_expires_soon", FINDING_WARNING, "server.tls.certificate", look_for_ending},
    {"certificate_too_early", FINDING_ERROR, "server.tls.certificate", look_for_early},
    {"certificate_self_signed", FINDING_WARNING, "server.tls.certificate", look_for_self_signed},
    {"certificate_weak", FINDING_ERROR, "server.tls.certificate", look_for_weak},
    {"certificate_other_name", FINDING_WARNING, "server.tls.certificate", look_for_other_names},
    {"tls_without_certificate", FINDING_ERROR, "server.tls.certificate", look_for_lone_options},
    {"certificate_unused", FINDING_WARNING, "server.tls.certificate", look_for_unused},
    {0},
};

#include "engine/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct hasher {
    EVP_MD_CTX *context;
};

/* With the algorithm set, hashing memory cannot fail; a wrong digest would mix up prompts. */
static void must(int done)
{
    if (done != 1)
        abort();
}

enum status hasher_create(struct hasher **out, struct reason *why)
{
    struct hasher *hasher = calloc(1, sizeof *hasher);
    if (!hasher)
        return reason_no_memory(why, sizeof *hasher);
    hasher->context = EVP_MD_CTX_new();
    if (!hasher->context || EVP_DigestInit_ex(hasher->context, EVP_sha256(), NULL) != 1) {
        hasher_destroy(hasher);
        return reason_no_memory(why, sizeof *hasher);
    }
    *out = hasher;
    return STATUS_OK;
}

void hasher_destroy(struct hasher *hasher)
{
    if (!hasher)
        return;
    EVP_MD_CTX_free(hasher->context);
    free(hasher);
}

void hasher_begin(struct hasher *hasher)
{
    must(EVP_DigestInit_ex(hasher->context, NULL, NULL));
}

void hasher_add(struct hasher *hasher, const void *bytes, size_t len)
{
    must(EVP_DigestUpdate(hasher->context, bytes, len));
}

void hasher_end(struct hasher *hasher, struct digest *out)
{
    must(EVP_DigestFinal_ex(hasher->context, out->bytes, NULL));
}

/* OpenSSL 3 would rather have EVP, which allocates for every digest; the token loop must not. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "engine/digest.h"

#include <openssl/sha.h>
#include <stdlib.h>

struct hasher {
    SHA256_CTX context;
};

/* Hashing memory cannot fail; a wrong digest would mix up prompts. */
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
    *out = hasher;
    return STATUS_OK;
}

void hasher_destroy(struct hasher *hasher)
{
    free(hasher);
}

void hasher_begin(struct hasher *hasher)
{
    must(SHA256_Init(&hasher->context));
}

void hasher_add(struct hasher *hasher, const void *bytes, size_t len)
{
    must(SHA256_Update(&hasher->context, bytes, len));
}

void hasher_end(struct hasher *hasher, struct digest *out)
{
    must(SHA256_Final(out->bytes, &hasher->context));
}

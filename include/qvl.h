/* qvl.h — Qwen3-VL in C: load a checkpoint, ask about pictures, read the answer token by token.
 *
 * Objects: a qvl_model is loaded once and serves any number of generations at the same time. A
 * qvl_chat is one conversation, owned by one thread. All strings are UTF-8.
 * Errors: functions that can fail return 0 on success and another value on failure, and then fill
 * `error` (which may be NULL) with a stable code and one complete sentence. */
#ifndef QVL_H
#define QVL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QVL_API __attribute__((visibility("default")))

typedef struct qvl_model qvl_model;
typedef struct qvl_chat qvl_chat;

typedef struct {
    char code[64];     /* stable, for programs: "missing_file", "image_too_large", … */
    char message[512]; /* for people, in English */
} qvl_error;

typedef struct {
    int threads;          /* 0: one per usable core */
    uint32_t context;     /* most tokens of a conversation; 0: the engine's default */
    uint64_t cache_bytes; /* KV cache; 0: the engine's default */
    void (*progress)(void *arg, uint64_t done_bytes, uint64_t total_bytes); /* may be NULL */
    void *progress_arg;
    const char *mmproj;   /* vision part of a GGUF model; NULL: the only mmproj*.gguf beside it */
    const char *quantize; /* "q4_k", "q8_0", …: what the text model is brought to; NULL: as it is */
    int exact;            /* compute with 32-bit numbers throughout */
} qvl_options;

/* Loads a Hugging Face checkpoint directory, or a GGUF file. `options` may be NULL. */
QVL_API int qvl_model_load(const char *path, const qvl_options *options, qvl_model **out,
                           qvl_error *error);
/* Ends running generations. Chats of the model must be freed before. Takes NULL. */
QVL_API void qvl_model_free(qvl_model *model);

/* Token ids of a plain text. The caller frees *ids with qvl_free. */
QVL_API int qvl_tokenize(const qvl_model *model, const char *text, int32_t **ids, size_t *count,
                         qvl_error *error);
QVL_API void qvl_free(void *memory);

/* A new conversation; `system` may be NULL. */
QVL_API int qvl_chat_create(qvl_model *model, const char *system, qvl_chat **out, qvl_error *error);
QVL_API void qvl_chat_free(qvl_chat *chat); /* takes NULL */

/* Adds a picture (the bytes of a JPEG, PNG, WebP, GIF or BMP file) to the next user message. */
QVL_API int qvl_chat_add_image(qvl_chat *chat, const void *bytes, size_t length, qvl_error *error);

typedef struct {
    float temperature;   /* 0: greedy */
    float top_p;         /* 0 or 1: off */
    uint32_t top_k;      /* 0: off */
    uint64_t seed;       /* 0: a random one */
    uint32_t max_tokens; /* 0: 4096 or the room left */
} qvl_sampling;

/* New text of the answer; return 0 to go on, anything else to stop. Called on the caller's thread.
 */
typedef int qvl_text_fn(void *arg, const char *text, size_t length);

typedef enum { QVL_STOP, QVL_LENGTH, QVL_CANCELLED } qvl_finish;

/* Asks, and blocks until the answer is complete. `sampling` may be NULL (the checkpoint's
 * defaults), `finish` too. The question and the answer, as far as it came, become part of the
 * conversation; after an error the question does not, and its pictures wait for the next one. */
QVL_API int qvl_chat_ask(qvl_chat *chat, const char *question, const qvl_sampling *sampling,
                         qvl_text_fn *on_text, void *arg, qvl_finish *finish, qvl_error *error);

/* Makes a running qvl_chat_ask of this chat return soon with QVL_CANCELLED. Any thread. */
QVL_API void qvl_chat_cancel(qvl_chat *chat);

QVL_API const char *qvl_version(void);

#ifdef __cplusplus
}
#endif
#endif

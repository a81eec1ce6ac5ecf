#include "qvl.h"

#include "base/utf8.h"
#include "engine/engine.h"
#include "model/quantize_file.h"
#include "json/writer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PICTURE_BYTES_MAX = 64 << 20,
    PICTURE_PIXELS_MAX = 100 * 1000 * 1000,
    HISTORY_BYTES_MAX = 64 << 20,
    ANSWER_TOKENS = 4096,
};

struct qvl_model {
    struct model *model;
    struct engine *engine;
};

struct message {
    const char *role;
    struct buf text;
    size_t images; /* shown before the text */
};

struct qvl_chat {
    qvl_model *model;
    struct message *messages;
    size_t message_count, message_cap;
    struct prompt_picture *pictures; /* of all messages, then those of the next one */
    size_t picture_count, picture_cap, pictures_told;

    pthread_mutex_t lock;
    pthread_cond_t arrived;
    /* Under the lock, while an answer is made. */
    struct sequence *sequence;
    bool cancelled;
    struct buf fresh; /* text that the caller has not seen */
    enum finish_reason finish;
    struct reason why;
};

/* Every failure leaves the public functions through here. */
static int report(enum status status, const struct reason *why, qvl_error *error)
{
    if (error && status != STATUS_OK) {
        snprintf(error->code, sizeof error->code, "%s", why->code);
        snprintf(error->message, sizeof error->message, "%s", why->message[LANG_EN]);
    }
    return (int)status;
}

static enum status find_type(const char *name, enum dtype *out, struct reason *why)
{
    if (!name || quantize_file_type(name, out))
        return STATUS_OK;
    reason_set(why, "invalid_value", "There is no type %s; it is one of: %s.",
               "没有类型 %s，可选值：%s。", name, quantize_file_types);
    return STATUS_INVALID;
}

int qvl_model_load(const char *path, const qvl_options *options, qvl_model **out, qvl_error *error)
{
    static const qvl_options defaults;
    const qvl_options *o = options ? options : &defaults;
    struct reason why;
    struct qvl_model *model = calloc(1, sizeof *model);
    if (!model)
        return report(reason_no_memory(&why, sizeof *model), &why, error);
    const struct engine_options plan = {
        .threads = o->threads,
        .context = o->context,
        .kv_cache_bytes = o->cache_bytes,
        .kv_type = o->exact ? KV_F32 : KV_F16,
    };
    enum dtype type = DTYPE_F32;
    const struct model_options loading = {
        .mmproj = o->mmproj,
        .quantize = o->quantize ? &type : NULL,
        .exact = o->exact,
        .progress = o->progress,
        .arg = o->progress_arg,
    };
    enum status status = find_type(o->quantize, &type, &why);
    if (status == STATUS_OK)
        status = model_load(path, &loading, &model->model, &why);
    if (status == STATUS_OK)
        status = engine_create(model->model, &plan, &model->engine, &why);
    if (status == STATUS_OK)
        *out = model;
    else
        qvl_model_free(model);
    return report(status, &why, error);
}

void qvl_model_free(qvl_model *model)
{
    if (!model)
        return;
    engine_destroy(model->engine);
    model_destroy(model->model);
    free(model);
}

static enum status check_utf8(const char *text, struct reason *why)
{
    const struct str whole = str_from(text);
    if (whole.len == 0 || utf8_valid_prefix(whole.ptr, whole.len) == whole.len)
        return STATUS_OK;
    reason_set(why, "invalid_value", "The text is not valid UTF-8.", "文本不是有效的 UTF-8。");
    return STATUS_INVALID;
}

int qvl_tokenize(const qvl_model *model, const char *text, int32_t **ids, size_t *count,
                 qvl_error *error)
{
    struct reason why;
    struct token_list list = {0};
    enum status status = check_utf8(text, &why);
    if (status == STATUS_OK)
        status = tokenizer_encode(model->model->tokenizer, str_from(text), false, &list, &why);
    if (status != STATUS_OK) {
        token_list_release(&list);
        return report(status, &why, error);
    }
    *ids = list.ids;
    *count = list.count;
    return 0;
}

void qvl_free(void *memory)
{
    free(memory);
}

/* Room for one more item in a list of `count` items of `size` bytes. */
static enum status grow(void **list, size_t *cap, size_t count, size_t size, struct reason *why)
{
    if (count < *cap)
        return STATUS_OK;
    const size_t wanted = *cap ? *cap * 2 : 8;
    void *moved = wanted > SIZE_MAX / size ? NULL : realloc(*list, wanted * size);
    if (!moved)
        return reason_no_memory(why, wanted * size);
    *list = moved;
    *cap = wanted;
    return STATUS_OK;
}

static enum status add_message(qvl_chat *chat, const char *role, struct str text, size_t images,
                               struct reason *why)
{
    void *list = chat->messages;
    const enum status status =
        grow(&list, &chat->message_cap, chat->message_count, sizeof *chat->messages, why);
    chat->messages = list;
    if (status != STATUS_OK)
        return status;
    struct message *message = &chat->messages[chat->message_count];
    *message = (struct message){.role = role, .images = images};
    buf_init(&message->text, HISTORY_BYTES_MAX);
    buf_add_str(&message->text, text);
    if (message->text.failed) {
        buf_release(&message->text);
        return reason_no_memory(why, text.len);
    }
    chat->message_count++;
    return STATUS_OK;
}

static void drop_last_message(qvl_chat *chat)
{
    buf_release(&chat->messages[--chat->message_count].text);
}

int qvl_chat_create(qvl_model *model, const char *system, qvl_chat **out, qvl_error *error)
{
    struct reason why;
    struct qvl_chat *chat = calloc(1, sizeof *chat);
    if (!chat)
        return report(reason_no_memory(&why, sizeof *chat), &why, error);
    chat->model = model;
    pthread_mutex_init(&chat->lock, NULL);
    pthread_cond_init(&chat->arrived, NULL);
    buf_init(&chat->fresh, HISTORY_BYTES_MAX);
    enum status status = check_utf8(system, &why);
    if (status == STATUS_OK && system)
        status = add_message(chat, "system", str_from(system), 0, &why);
    if (status == STATUS_OK)
        *out = chat;
    else
        qvl_chat_free(chat);
    return report(status, &why, error);
}

void qvl_chat_free(qvl_chat *chat)
{
    if (!chat)
        return;
    while (chat->message_count > 0)
        drop_last_message(chat);
    free(chat->messages);
    for (size_t i = 0; i < chat->picture_count; i++)
        image_release(&chat->pictures[i].image);
    free(chat->pictures);
    buf_release(&chat->fresh);
    pthread_cond_destroy(&chat->arrived);
    pthread_mutex_destroy(&chat->lock);
    free(chat);
}

int qvl_chat_add_image(qvl_chat *chat, const void *bytes, size_t length, qvl_error *error)
{
    const struct image_limits limits = {PICTURE_PIXELS_MAX, PICTURE_BYTES_MAX};
    struct reason why;
    void *list = chat->pictures;
    enum status status =
        grow(&list, &chat->picture_cap, chat->picture_count, sizeof *chat->pictures, &why);
    chat->pictures = list;
    if (status == STATUS_OK) {
        struct prompt_picture *picture = &chat->pictures[chat->picture_count];
        *picture = (struct prompt_picture){0};
        status = image_decode(bytes, length, &limits, &picture->image, &why);
    }
    if (status == STATUS_OK)
        chat->picture_count++;
    return report(status, &why, error);
}

/* The conversation as the chat template reads it. */
static void write_messages(const qvl_chat *chat, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_array(&w);
    for (size_t i = 0; i < chat->message_count; i++) {
        const struct message *message = &chat->messages[i];
        json_begin_object(&w);
        json_key(&w, "role");
        json_cstring(&w, message->role);
        json_key(&w, "content");
        json_begin_array(&w);
        for (size_t k = 0; k < message->images; k++) {
            json_begin_object(&w);
            json_key(&w, "type");
            json_cstring(&w, "image");
            json_end_object(&w);
        }
        json_begin_object(&w);
        json_key(&w, "type");
        json_cstring(&w, "text");
        json_key(&w, "text");
        json_string(&w, buf_str(&message->text));
        json_end_object(&w);
        json_end_array(&w);
        json_end_object(&w);
    }
    json_end_array(&w);
}

static enum status build_prompt(const qvl_chat *chat, struct prompt_input *prompt,
                                struct reason *why)
{
    struct buf text;
    buf_init(&text, 2 * (size_t)HISTORY_BYTES_MAX);
    struct arena arena;
    arena_init(&arena, HISTORY_BYTES_MAX);
    write_messages(chat, &text);
    struct json *messages = NULL;
    enum status status = text.failed ? reason_no_memory(why, text.max) : STATUS_OK;
    if (status == STATUS_OK)
        status = json_parse(text.data, text.len, (struct json_limits){0}, &arena, &messages, why);
    if (status == STATUS_OK) {
        const struct prompt_request request = {
            .messages = messages,
            .options = {.add_generation_prompt = true},
            .pictures = chat->pictures,
            .picture_count = chat->picture_count,
        };
        status = prompt_build(chat->model->model, &request, prompt, why);
    }
    arena_release(&arena);
    buf_release(&text);
    return status;
}

static struct sampling sampling_of(const qvl_chat *chat, const qvl_sampling *asked)
{
    const struct generation_defaults *usual = &chat->model->model->config.generation;
    struct sampling s = {
        .temperature = usual->do_sample ? usual->temperature : 0,
        .top_p = usual->top_p,
        .min_p = usual->min_p,
        .top_k = usual->top_k,
        .repetition_penalty = usual->repetition_penalty,
    };
    if (asked) {
        s.temperature = asked->temperature;
        s.top_p = asked->top_p > 0 ? asked->top_p : 1;
        s.top_k = asked->top_k;
        s.min_p = 0;
        s.seed = asked->seed;
        s.seeded = asked->seed != 0;
    }
    return s;
}

/* On the scheduler's thread: hand over and wake the caller of qvl_chat_ask. */
static void on_event(void *arg, const struct engine_event *event)
{
    qvl_chat *chat = arg;
    pthread_mutex_lock(&chat->lock);
    buf_add_str(&chat->fresh, event->text);
    if (event->finish == FINISH_FAILED)
        chat->why = *event->why;
    chat->finish = event->finish;
    pthread_cond_signal(&chat->arrived);
    pthread_mutex_unlock(&chat->lock);
}

/* Waits for text or the end; moves the text to `out`. */
static enum finish_reason next_text(qvl_chat *chat, struct buf *out)
{
    pthread_mutex_lock(&chat->lock);
    while (chat->fresh.len == 0 && chat->finish == FINISH_NONE)
        pthread_cond_wait(&chat->arrived, &chat->lock);
    buf_add_str(out, buf_str(&chat->fresh));
    buf_clear(&chat->fresh);
    const enum finish_reason finish = chat->finish;
    pthread_mutex_unlock(&chat->lock);
    return finish;
}

/* Hands the answer on while it comes; all of it is in `answer` at the end. */
static enum finish_reason follow(qvl_chat *chat, struct sequence *sequence, qvl_text_fn *on_text,
                                 void *arg, struct buf *answer)
{
    for (;;) {
        const size_t seen = answer->len;
        const enum finish_reason finish = next_text(chat, answer);
        const struct str fresh = str_slice(buf_str(answer), seen, answer->len);
        if (on_text && fresh.len > 0 && on_text(arg, fresh.ptr, fresh.len) != 0)
            sequence_cancel(sequence);
        if (finish != FINISH_NONE)
            return finish;
    }
}

static void set_running(qvl_chat *chat, struct sequence *sequence)
{
    pthread_mutex_lock(&chat->lock);
    chat->sequence = sequence;
    if (sequence && chat->cancelled)
        sequence_cancel(sequence);
    pthread_mutex_unlock(&chat->lock);
}

static enum status answer_question(qvl_chat *chat, const qvl_sampling *sampling,
                                   qvl_text_fn *on_text, void *arg, qvl_finish *finish,
                                   struct buf *answer, struct reason *why)
{
    struct engine_request request = {
        .sampling = sampling_of(chat, sampling),
        .max_tokens = sampling && sampling->max_tokens ? sampling->max_tokens : ANSWER_TOKENS,
        .skip_special = true,
        .on_event = on_event,
        .arg = chat,
    };
    chat->finish = FINISH_NONE;
    buf_clear(&chat->fresh);
    enum status status = build_prompt(chat, &request.prompt, why);
    struct sequence *sequence;
    if (status == STATUS_OK)
        status = engine_submit(chat->model->engine, &request, &sequence, why);
    if (status != STATUS_OK)
        return status;
    set_running(chat, sequence);
    const enum finish_reason ended = follow(chat, sequence, on_text, arg, answer);
    set_running(chat, NULL);
    sequence_release(sequence);
    if (ended == FINISH_FAILED) {
        *why = chat->why;
        return STATUS_NO_MEMORY;
    }
    if (finish)
        *finish = ended == FINISH_STOP     ? QVL_STOP
                  : ended == FINISH_LENGTH ? QVL_LENGTH
                                           : QVL_CANCELLED;
    return answer->failed ? reason_no_memory(why, answer->max) : STATUS_OK;
}

int qvl_chat_ask(qvl_chat *chat, const char *question, const qvl_sampling *sampling,
                 qvl_text_fn *on_text, void *arg, qvl_finish *finish, qvl_error *error)
{
    struct reason why;
    pthread_mutex_lock(&chat->lock);
    chat->cancelled = false;
    pthread_mutex_unlock(&chat->lock);
    enum status status = check_utf8(question, &why);
    if (status == STATUS_OK)
        status = add_message(chat, "user", str_from(question),
                             chat->picture_count - chat->pictures_told, &why);
    if (status != STATUS_OK)
        return report(status, &why, error);
    struct buf answer;
    buf_init(&answer, HISTORY_BYTES_MAX);
    status = answer_question(chat, sampling, on_text, arg, finish, &answer, &why);
    if (status == STATUS_OK)
        status = add_message(chat, "assistant", buf_str(&answer), 0, &why);
    if (status == STATUS_OK)
        chat->pictures_told = chat->picture_count;
    else
        drop_last_message(chat); /* as if the question had not been asked */
    buf_release(&answer);
    return report(status, &why, error);
}

void qvl_chat_cancel(qvl_chat *chat)
{
    pthread_mutex_lock(&chat->lock);
    chat->cancelled = true;
    if (chat->sequence)
        sequence_cancel(chat->sequence);
    pthread_mutex_unlock(&chat->lock);
}

const char *qvl_version(void)
{
    return QVL_VERSION;
}

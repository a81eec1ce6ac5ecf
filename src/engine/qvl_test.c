/* The public API, as a program with nothing but qvl.h and the shared library sees it. */
#include "qvl.h"

#include "base/test.h"

#include <pthread.h>

enum { TEXT_MAX = 4096, FILE_MAX = 1 << 20 };

static qvl_model *model;

struct heard {
    char text[TEXT_MAX];
    size_t len;
    int stop_after; /* pieces of text; 0: never */
    int pieces;
};

static int hear(void *arg, const char *text, size_t length)
{
    struct heard *heard = arg;
    assert_true(length > 0 && heard->len + length < TEXT_MAX);
    memcpy(heard->text + heard->len, text, length);
    heard->len += length;
    return ++heard->pieces == heard->stop_after;
}

static const char *root_path(const char *path)
{
    static char whole[512];
    const char *root = getenv("QVL_SOURCE_ROOT");
    snprintf(whole, sizeof whole, "%s/%s", root ? root : ".", path);
    return whole;
}

static size_t read_file(const char *path, unsigned char *bytes)
{
    FILE *file = fopen(root_path(path), "rb");
    assert_non_null(file);
    const size_t length = fread(bytes, 1, FILE_MAX, file);
    fclose(file);
    return length;
}

static qvl_chat *new_chat(const char *system)
{
    qvl_chat *chat = NULL;
    qvl_error error;
    if (qvl_chat_create(model, system, &chat, &error) != 0)
        fail_msg("%s", error.message);
    return chat;
}

static void add_image(qvl_chat *chat, const char *path)
{
    static unsigned char bytes[FILE_MAX];
    qvl_error error;
    if (qvl_chat_add_image(chat, bytes, read_file(path, bytes), &error) != 0)
        fail_msg("%s", error.message);
}

static void ask(qvl_chat *chat, const char *question, const char *expected)
{
    static struct heard heard;
    qvl_finish finish;
    qvl_error error;
    heard = (struct heard){0};
    if (qvl_chat_ask(chat, question, NULL, hear, &heard, &finish, &error) != 0)
        fail_msg("%s", error.message);
    assert_string_equal(heard.text, expected);
    assert_int_equal(finish, QVL_STOP);
}

/* The second question sees the same picture, in the same conversation. */
static void two_questions_about_a_picture(void **state)
{
    (void)state;
    qvl_chat *chat = new_chat(NULL);
    add_image(chat, "models/demo/samples/0000.png");
    ask(chat, "图片里有什么", "图片中有一个红色的三角形和一个红色的菱形，背景是白色。");
    struct heard heard = {0};
    qvl_error error;
    assert_int_equal(qvl_chat_ask(chat, "背景是什么颜色？", NULL, hear, &heard, NULL, &error), 0);
    assert_true(heard.len > 0);
    qvl_chat_free(chat);
}

static void pictures_belong_to_their_question(void **state)
{
    (void)state;
    static unsigned char text[] = "no picture";
    qvl_error error;
    qvl_chat *chat = new_chat(NULL);
    assert_int_not_equal(qvl_chat_add_image(chat, text, sizeof text, &error), 0);
    assert_string_equal(error.code, "image_not_an_image");
    assert_true(error.message[0]);
    add_image(chat, "models/demo/samples/0000.png"); /* the chat goes on */
    ask(chat, "图片里有什么", "图片中有一个红色的三角形和一个红色的菱形，背景是白色。");
    qvl_chat_free(chat);
}

static void tokens_of_plain_text(void **state)
{
    (void)state;
    int32_t *ids = NULL;
    size_t count = 0;
    qvl_error error;
    assert_int_equal(qvl_tokenize(model, "hello", &ids, &count, &error), 0);
    assert_true(count >= 1 && ids[0] >= 0);
    qvl_free(ids);
    assert_int_equal(qvl_tokenize(model, "", &ids, &count, &error), 0);
    assert_int_equal(count, 0);
    qvl_free(ids);
    /* A marker spelled in text is text: no single token. */
    assert_int_equal(qvl_tokenize(model, "<|im_end|>", &ids, &count, NULL), 0);
    assert_true(count > 1);
    qvl_free(ids);
    assert_int_not_equal(qvl_tokenize(model, "\xff", &ids, &count, &error), 0);
    assert_string_equal(error.code, "invalid_value");
}

static void broken_text_is_refused(void **state)
{
    (void)state;
    qvl_error error;
    qvl_chat *chat = NULL;
    assert_int_not_equal(qvl_chat_create(model, "\xc3", &chat, &error), 0);
    assert_string_equal(error.code, "invalid_value");
    chat = new_chat("Answer briefly.");
    assert_int_not_equal(qvl_chat_ask(chat, "\xc3(", NULL, NULL, NULL, NULL, &error), 0);
    assert_string_equal(error.code, "invalid_value");
    assert_int_equal(qvl_chat_ask(chat, "ping", NULL, NULL, NULL, NULL, NULL), 0);
    qvl_chat_free(chat);
}

static void missing_models_are_named(void **state)
{
    (void)state;
    qvl_model *none = NULL;
    qvl_error error;
    assert_int_not_equal(qvl_model_load("/nowhere/at/all", NULL, &none, &error), 0);
    assert_true(error.code[0]);
    assert_non_null(strstr(error.message, "/nowhere/at/all"));
    assert_int_not_equal(qvl_model_load("/nowhere/at/all", NULL, &none, NULL), 0);
    assert_null(none);
}

static void models_can_be_quantised_and_exact(void **state)
{
    (void)state;
    const qvl_options wrong = {.quantize = "q3"}, right = {.quantize = "q8_0", .exact = 1};
    qvl_model *other = NULL;
    qvl_error error;
    assert_int_not_equal(qvl_model_load(root_path("models/demo"), &wrong, &other, &error), 0);
    assert_string_equal(error.code, "invalid_value");
    assert_non_null(strstr(error.message, "q6_k"));
    assert_int_equal(qvl_model_load(root_path("models/demo"), &right, &other, &error), 0);
    qvl_model_free(other);
}

static void too_long_for_the_context(void **state)
{
    (void)state;
    const qvl_options options = {.threads = 1, .context = 32};
    qvl_model *small;
    qvl_chat *chat;
    qvl_error error;
    assert_int_equal(qvl_model_load(root_path("models/demo"), &options, &small, &error), 0);
    assert_int_equal(qvl_chat_create(small, NULL, &chat, &error), 0);
    char question[512] = {0};
    memset(question, 'z', sizeof question - 1);
    assert_int_not_equal(qvl_chat_ask(chat, question, NULL, NULL, NULL, NULL, &error), 0);
    assert_string_equal(error.code, "context_length_exceeded");
    qvl_chat_free(chat);
    qvl_model_free(small);
}

static void lengths_and_callbacks_end_an_answer(void **state)
{
    (void)state;
    qvl_finish finish;
    struct heard heard = {0};
    const qvl_sampling two = {.max_tokens = 2};
    qvl_chat *chat = new_chat(NULL);
    assert_int_equal(qvl_chat_ask(chat, "hello", &two, hear, &heard, &finish, NULL), 0);
    assert_int_equal(finish, QVL_LENGTH);
    heard = (struct heard){.stop_after = 1};
    /* So hot that it goes on for long. */
    const qvl_sampling hot = {.temperature = 50, .seed = 3, .max_tokens = 4000};
    assert_int_equal(qvl_chat_ask(chat, "hello", &hot, hear, &heard, &finish, NULL), 0);
    assert_int_equal(finish, QVL_CANCELLED);
    qvl_chat_free(chat);
}

struct canceller {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t told;
    int heard;
    qvl_chat *chat;
};

static int tell(void *arg, const char *text, size_t length)
{
    (void)text;
    (void)length;
    struct canceller *canceller = arg;
    pthread_mutex_lock(&canceller->lock);
    canceller->heard = 1;
    pthread_cond_signal(&canceller->told);
    pthread_mutex_unlock(&canceller->lock);
    return 0;
}

static void *cancel_when_told(void *arg)
{
    struct canceller *canceller = arg;
    pthread_mutex_lock(&canceller->lock);
    while (!canceller->heard)
        pthread_cond_wait(&canceller->told, &canceller->lock);
    pthread_mutex_unlock(&canceller->lock);
    qvl_chat_cancel(canceller->chat);
    return NULL;
}

static void another_thread_cancels(void **state)
{
    (void)state;
    struct canceller canceller = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                  .told = PTHREAD_COND_INITIALIZER,
                                  .chat = new_chat(NULL)};
    const qvl_sampling hot = {.temperature = 50, .seed = 3, .max_tokens = 4000};
    qvl_finish finish;
    assert_int_equal(pthread_create(&canceller.thread, NULL, cancel_when_told, &canceller), 0);
    assert_int_equal(qvl_chat_ask(canceller.chat, "hello", &hot, tell, &canceller, &finish, NULL),
                     0);
    assert_int_equal(finish, QVL_CANCELLED);
    pthread_join(canceller.thread, NULL);
    /* The cut answer is a part of the conversation now: what comes next may be anything, but comes.
     */
    const qvl_sampling two = {.max_tokens = 2};
    assert_int_equal(qvl_chat_ask(canceller.chat, "ping", &two, NULL, NULL, &finish, NULL), 0);
    assert_int_not_equal(finish, QVL_CANCELLED);
    qvl_chat_free(canceller.chat);
}

static void *chat_in_thread(void *arg)
{
    struct heard *heard = arg;
    qvl_chat *chat = new_chat(NULL);
    assert_int_equal(qvl_chat_ask(chat, "hello", NULL, hear, heard, NULL, NULL), 0);
    qvl_chat_free(chat);
    return NULL;
}

static void chats_run_at_the_same_time(void **state)
{
    (void)state;
    enum { CHATS = 4 };
    static struct heard heard[CHATS];
    pthread_t threads[CHATS];
    for (int i = 0; i < CHATS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, chat_in_thread, &heard[i]), 0);
    for (int i = 0; i < CHATS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < CHATS; i++)
        assert_string_equal(heard[i].text, heard[0].text);
}

static void count_progress(void *arg, uint64_t done, uint64_t total)
{
    uint64_t *seen = arg;
    assert_true(done <= total && done >= *seen);
    *seen = done;
}

static void loading_tells_its_progress(void **state)
{
    (void)state;
    uint64_t seen = 0;
    const qvl_options options = {.progress = count_progress, .progress_arg = &seen};
    qvl_model *other;
    assert_int_equal(qvl_model_load(root_path("models/demo"), &options, &other, NULL), 0);
    assert_true(seen > 13000000);
    qvl_model_free(other);
    qvl_model_free(NULL);
    qvl_chat_free(NULL);
    assert_true(strlen(qvl_version()) >= 5);
}

static int load(void **state)
{
    (void)state;
    const qvl_options options = {.threads = 2};
    return qvl_model_load(root_path("models/demo"), &options, &model, NULL);
}

static int unload(void **state)
{
    (void)state;
    qvl_model_free(model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_questions_about_a_picture),
        cmocka_unit_test(pictures_belong_to_their_question),
        cmocka_unit_test(tokens_of_plain_text),
        cmocka_unit_test(broken_text_is_refused),
        cmocka_unit_test(missing_models_are_named),
        cmocka_unit_test(models_can_be_quantised_and_exact),
        cmocka_unit_test(too_long_for_the_context),
        cmocka_unit_test(lengths_and_callbacks_end_an_answer),
        cmocka_unit_test(another_thread_cancels),
        cmocka_unit_test(chats_run_at_the_same_time),
        cmocka_unit_test(loading_tells_its_progress),
    };
    return cmocka_run_group_tests(tests, load, unload);
}

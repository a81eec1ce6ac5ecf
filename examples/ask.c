/* Asks a model about a picture and prints the answer while it comes.
 *
 *     cc ask.c $(pkg-config --cflags --libs qvl) -o ask
 *     ./ask models/demo picture.png "Describe this image." */
#include <qvl.h>

#include <stdio.h>
#include <stdlib.h>

enum { PICTURE_MAX = 64 << 20 };

static int print_text(void *arg, const char *text, size_t length)
{
    (void)arg;
    fwrite(text, 1, length, stdout);
    return fflush(stdout);
}

static int add_picture(qvl_chat *chat, const char *path, qvl_error *error)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = malloc(PICTURE_MAX);
    int failed = 1;
    if (file && bytes)
        failed = qvl_chat_add_image(chat, bytes, fread(bytes, 1, PICTURE_MAX, file), error);
    else
        snprintf(error->message, sizeof error->message, "%s cannot be read.", path);
    if (file)
        fclose(file);
    free(bytes);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "Usage: ask MODEL PICTURE QUESTION\n");
        return 2;
    }
    qvl_model *model = NULL;
    qvl_chat *chat = NULL;
    qvl_error error;
    const int failed = qvl_model_load(argv[1], NULL, &model, &error) ||
                       qvl_chat_create(model, NULL, &chat, &error) ||
                       add_picture(chat, argv[2], &error) ||
                       qvl_chat_ask(chat, argv[3], NULL, print_text, NULL, NULL, &error);
    if (failed)
        fprintf(stderr, "%s\n", error.message);
    else
        puts("");
    qvl_chat_free(chat);
    qvl_model_free(model);
    return failed;
}

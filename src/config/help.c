#include "base/utf8.h"
#include "config/describe.h"

enum { COLUMNS = 80, INDENT = 8, WORDS_COLUMNS = 32, WORDS_BYTES = 256 };

/* Bytes of `text` that fit in the columns: whole words; Chinese may break after any character. */
static size_t line_len(struct str text, size_t columns)
{
    size_t fits = 0;
    for (size_t at = 0; at < text.len;) {
        const size_t step = utf8_decode(text.ptr + at, text.len - at).len;
        if (utf8_columns(text.ptr, at + step) > columns)
            return fits ? fits : at + step;
        at += step;
        if (at == text.len || text.ptr[at] == ' ' || step > 1)
            fits = at;
    }
    return text.len;
}

static void print_wrapped(FILE *out, struct str text)
{
    while (text.len > 0) {
        const size_t len = line_len(text, COLUMNS - INDENT);
        fprintf(out, "%*s%.*s\n", INDENT, "", (int)len, text.ptr);
        text = str_trim(str_slice(text, len, text.len));
    }
}

/* "f16|f32|q8_0" */
static void join_words(const struct setting *row, char out[WORDS_BYTES])
{
    size_t len = 0;
    for (size_t i = 0; row->words[i] && len < WORDS_BYTES; i++)
        len += (size_t)snprintf(out + len, WORDS_BYTES - len, "%s%s", i ? "|" : "", row->words[i]);
}

static void print_row(const struct setting *row, FILE *out, enum lang lang)
{
    char flag[SETTING_NAME_MAX];
    char words[WORDS_BYTES] = "";
    const char *metavar = setting_kind(row->type)->metavar;
    if (row->type == SETTING_CHOICE)
        join_words(row, words);
    const bool many = strlen(words) > WORDS_COLUMNS; /* on a line of their own */
    setting_flag_name(row, flag);
    fprintf(out, "  --%s", flag);
    if (row->alias)
        fprintf(out, ", --%s", row->alias);
    if (!metavar)
        fprintf(out, ", --no-%s", flag);
    else
        fprintf(out, " %s", words[0] && !many ? words : metavar);
    if (row->type == SETTING_LISTENERS)
        fputs(", --host HOST, --port N", out);
    if (row->fallback)
        fprintf(out, lang == LANG_ZH ? "（%s）" : "  (%s)", row->fallback);
    fputc('\n', out);
    if (many)
        print_wrapped(out, str_from(words));
    print_wrapped(out, str_from(row->help[lang]));
}

void settings_help_print(const struct setting_table *table, FILE *out, enum lang lang)
{
    fputs(lang == LANG_ZH
              ? "设置（标志，括号内为默认值）。每一项也可写在 YAML 文件中（--server.max-body 即\n"
                "server: {max_body: …}），或用环境变量给出（QVL_SERVER_MAX_BODY）。\n"
              : "Settings (flags, defaults in brackets). Each may also stand in the YAML file\n"
                "(--server.max-body is server: {max_body: …}) or in the environment\n"
                "(QVL_SERVER_MAX_BODY).\n",
          out);
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].type != SETTING_RECORDS)
            print_row(&table->rows[i], out, lang);
}

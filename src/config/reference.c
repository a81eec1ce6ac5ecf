#include "config/describe.h"
#include "config/value.h"

static const char *const introduction[LANG_COUNT] = {
    "# Settings\n"
    "\n"
    "[中文](settings.zh.md) · This page is written by the program from its table of settings.\n"
    "\n"
    "A setting may stand in four places. The first that has it counts:\n"
    "\n"
    "1. a flag: `qvl serve --server.max-body 32MiB`\n"
    "2. a variable of the environment: `QVL_SERVER_MAX_BODY=32MiB` (an empty one counts as "
    "absent)\n"
    "3. the file given by `--config qvl.yaml`\n"
    "4. the default\n"
    "\n"
    "```yaml\n"
    "server:\n"
    "  listen: [127.0.0.1:8000, unix:/run/qvl.sock]\n"
    "  max_body: 32MiB\n"
    "model:\n"
    "  path: /srv/models/Qwen3-VL-8B-Instruct\n"
    "```\n"
    "\n"
    "In the file, `${NAME}` is replaced by the variable of that name, and `$${` stands for `${`. "
    "Paths "
    "are relative to the file that\n"
    "names them. A setting without a value keeps its default. In flags and variables the items of "
    "a "
    "list stand between commas; the flag\n"
    "of a list may be given several times. A mistake stops the program with file, line and what "
    "was "
    "expected.\n"
    "\n"
    "Sizes: `64MiB` (× 1024), `20MB` (× 1000), or plain bytes. Durations: `500ms`, `10s`, `10m`, "
    "`1h`, `7d`, or plain seconds.\n"
    "Counts: `4096`, `64K`, `100M` (× 1000). Switches: `true`, `false`.\n",

    "# 设置\n"
    "\n"
    "[English](settings.md) · 本页由程序根据其设置表生成。\n"
    "\n"
    "一项设置可以写在四处，按下列顺序以先找到的为准：\n"
    "\n"
    "1. 命令行标志：`qvl serve --server.max-body 32MiB`\n"
    "2. 环境变量：`QVL_SERVER_MAX_BODY=32MiB`（空变量视为没有）\n"
    "3. `--config qvl.yaml` 给出的文件\n"
    "4. 默认值\n"
    "\n"
    "```yaml\n"
    "server:\n"
    "  listen: [127.0.0.1:8000, unix:/run/qvl.sock]\n"
    "  max_body: 32MiB\n"
    "model:\n"
    "  path: /srv/models/Qwen3-VL-8B-Instruct\n"
    "```\n"
    "\n"
    "文件中的 `${NAME}` 会替换为同名环境变量，`$${` 表示 `${` "
    "本身。路径相对于写出它的文件。没有值的"
    "设置项保持默认值。\n"
    "在标志和环境变量中，列表各项以逗号分隔；列表的标志可以给出多次。一旦有误，程序会停止，并说明"
    "文件、行号和应有的写法。\n"
    "\n"
    "大小：`64MiB`（× 1024）、`20MB`（× 1000）或字节数。时长：`500ms`、`10s`、`10m`、`1h`、`7d` 或"
    "秒数。\n"
    "数量：`4096`、`64K`、`100M`（× 1000）。开关：`true`、`false`。\n",
};

static const char *word(enum lang lang, const char *en, const char *zh)
{
    return lang == LANG_ZH ? zh : en;
}

void setting_flags_text(const struct setting *row, struct buf *out)
{
    char flag[SETTING_NAME_MAX];
    setting_flag_name(row, flag);
    buf_printf(out, "`--%s`", flag);
    if (!setting_kind(row->type)->metavar)
        buf_printf(out, ", `--no-%s`", flag);
    if (row->alias)
        buf_printf(out, ", `--%s`", row->alias);
    if (row->type == SETTING_LISTENERS)
        buf_puts(out, ", `--host`, `--port`");
}

void setting_type_text(const struct setting *row, struct buf *out, enum lang lang)
{
    buf_puts(out, setting_kind(row->type)->name[lang]);
    const size_t before = out->len;
    buf_puts(out, row->type == SETTING_CHOICE ? word(lang, ": ", "：") : word(lang, ", ", "，"));
    const size_t with_glue = out->len;
    value_range_text(row, lang, out);
    if (out->len == with_glue && !out->failed)
        out->len = before;
    if (row->words && row->type == SETTING_INTEGER)
        buf_printf(out, word(lang, ", or `%s`", "，或 `%s`"), row->words[0]);
    if (row->required)
        buf_puts(out, word(lang, "; required", "；必填"));
    else if (row->fallback)
        buf_printf(out, word(lang, "; default `%s`", "；默认 `%s`"), row->fallback);
    else
        buf_puts(out, word(lang, "; unset by default", "；默认不设置"));
    if (row->restart)
        buf_puts(out, word(lang, "; a change needs a restart", "；修改后须重启"));
}

static void write_rows(const struct setting_table *table, const char *prefix, struct buf *out,
                       enum lang lang)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct setting *row = &table->rows[i];
        char variable[SETTING_NAME_MAX];
        setting_variable_name(row, variable);
        buf_printf(out, "\n## %s%s\n\n%s\n\n", prefix, row->path, row->help[lang]);
        buf_puts(out, "- ");
        setting_type_text(row, out, lang);
        buf_putc(out, '\n');
        if (row->type == SETTING_RECORDS) {
            char inner[2 * SETTING_NAME_MAX];
            snprintf(inner, sizeof inner, "%s[].", row->path);
            write_rows(row->table, inner, out, lang);
        } else if (!prefix[0]) {
            buf_puts(out, "- ");
            setting_flags_text(row, out);
            buf_printf(out, word(lang, "; `%s`\n", "；`%s`\n"), variable);
        }
    }
}

void settings_reference_write(const struct setting_table *table, struct buf *out, enum lang lang)
{
    buf_puts(out, introduction[lang]);
    write_rows(table, "", out, lang);
}

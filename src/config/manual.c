/* The manual page of the configuration file, qvl.yaml(5), in roff for man(1). */
#include "config/describe.h"

static const char *const introduction[LANG_COUNT] = {
    ".TH QVL.YAML 5 \"\" \"qvl\" \"File Formats\"\n"
    ".\\\" Written by the program: qvl config reference --man\n"
    ".SH NAME\n"
    "qvl.yaml \\- configuration of\n"
    ".B qvl serve\n"
    ".SH SYNOPSIS\n"
    ".B qvl serve \\-\\-config\n"
    ".I FILE\n"
    ".SH DESCRIPTION\n"
    "A file in YAML. It has no fixed place:\n"
    ".B \\-\\-config\n"
    "names it.\n"
    ".PP\n"
    "A setting may stand in four places. The first that has it counts: a flag, a variable of the\n"
    "environment (an empty one counts as absent), the file, the default.\n"
    ".PP\n"
    "In the file, ${NAME} is replaced by the variable of that name, and $${ stands for ${. Paths\n"
    "are relative to the file that names them. A setting without a value keeps its default. In\n"
    "flags and variables the items of a list stand between commas; the flag of a list may be\n"
    "given several times. A mistake stops the program with file, line and what was expected.\n"
    ".PP\n"
    "Sizes: 64MiB (\\(mu 1024), 20MB (\\(mu 1000), or plain bytes.\n"
    "Durations: 500ms, 10s, 10m, 1h, 7d, or plain seconds.\n"
    "Counts: 4096, 64K, 100M (\\(mu 1000). Switches: true, false.\n"
    ".PP\n"
    "On SIGHUP the service reads the file again. With a mistake in it the old settings stay.\n"
    ".SH SETTINGS\n",

    ".TH QVL.YAML 5 \"\" \"qvl\" \"文件格式\"\n"
    ".\\\" 由程序生成：qvl config reference --man --lang zh\n"
    ".mso zh.tmac\n"
    ".ad l\n"
    ".SH 名称\n"
    "qvl.yaml \\- qvl serve 的配置文件\n"
    ".SH 概要\n"
    ".B qvl serve \\-\\-config\n"
    ".I FILE\n"
    ".SH 描述\n"
    "YAML 格式的文件，由 \\fB\\-\\-config\\fR 指定；程序不会自行到别处寻找。\n"
    ".PP\n"
    "一项设置可以写在四处，按下列顺序以先找到的为准：命令行标志、环境变量（空变量视为没有）、\n"
    "文件、默认值。\n"
    ".PP\n"
    "文件中的 ${NAME} 会替换为同名环境变量，$${ 表示 ${ 本身。路径相对于写出它的文件。\n"
    "没有值的设置项保持默认值。在标志和环境变量中，列表各项以逗号分隔；列表的标志可以给出多次。\n"
    "一旦有误，程序会停止，并说明文件、行号和应有的写法。\n"
    ".PP\n"
    "大小：64MiB（\\(mu 1024）、20MB（\\(mu 1000）或字节数。\n"
    "时长：500ms、10s、10m、1h、7d 或秒数。\n"
    "数量：4096、64K、100M（\\(mu 1000）。开关：true、false。\n"
    ".PP\n"
    "收到 SIGHUP 后，服务会重新读取该文件；若其中有误，则保留原有设置。\n"
    ".SH 设置\n",
};

static const char *const end[LANG_COUNT] = {
    ".SH EXAMPLES\n"
    ".nf\n"
    "server:\n"
    "  listen: [127.0.0.1:8000, unix:/run/qvl.sock]\n"
    "  max_body: 32MiB\n"
    "model:\n"
    "  path: /srv/models/Qwen3\\-VL\\-8B\\-Instruct\n"
    ".fi\n"
    ".PP\n"
    ".B qvl config reference \\-\\-yaml\n"
    "prints a whole file to begin with,\n"
    ".B qvl config check \\-\\-config\n"
    ".I FILE\n"
    "looks for mistakes.\n"
    ".SH SEE ALSO\n"
    ".BR qvl (1)\n",

    ".SH 示例\n"
    ".nf\n"
    "server:\n"
    "  listen: [127.0.0.1:8000, unix:/run/qvl.sock]\n"
    "  max_body: 32MiB\n"
    "model:\n"
    "  path: /srv/models/Qwen3\\-VL\\-8B\\-Instruct\n"
    ".fi\n"
    ".PP\n"
    "\\fBqvl config reference \\-\\-yaml\\fR 输出一份可用作起点的完整文件，\n"
    "\\fBqvl config check \\-\\-config \\fIFILE\\fR 检查其中的错误。\n"
    ".SH 参见\n"
    ".BR qvl (1)\n",
};

/* `text` as roff: what stands between backticks is bold. A line must not begin with '.' or '\''. */
static void write_text(const char *text, struct buf *out)
{
    bool bold = false;
    if (*text == '.' || *text == '\'')
        buf_puts(out, "\\&");
    for (; *text; text++) {
        switch (*text) {
        case '`':
            bold = !bold;
            buf_puts(out, bold ? "\\fB" : "\\fR");
            break;
        case '-': buf_puts(out, "\\-"); break;
        case '\\': buf_puts(out, "\\e"); break;
        default: buf_putc(out, *text);
        }
    }
}

/* Adds the zero that `write_text` needs. */
static void write_buf(struct buf *text, struct buf *out)
{
    buf_putc(text, '\0');
    out->failed |= text->failed;
    if (!text->failed)
        write_text(text->data, out);
    buf_release(text);
}

static void write_type(const struct setting *row, struct buf *out, enum lang lang)
{
    struct buf text;
    buf_init(&text, 4096);
    setting_type_text(row, &text, lang);
    write_buf(&text, out);
}

static void write_names(const struct setting *row, struct buf *out)
{
    struct buf text;
    char variable[SETTING_NAME_MAX];
    buf_init(&text, 4096);
    setting_flags_text(row, &text);
    setting_variable_name(row, variable);
    buf_printf(&text, ", `%s`", variable);
    buf_puts(out, "\n.br\n");
    write_buf(&text, out);
}

static void write_rows(const struct setting_table *table, const char *prefix, struct buf *out,
                       enum lang lang)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct setting *row = &table->rows[i];
        char name[2 * SETTING_NAME_MAX];
        snprintf(name, sizeof name, "`%s%s`", prefix, row->path);
        buf_puts(out, ".TP\n");
        write_text(name, out);
        buf_putc(out, '\n');
        write_text(row->help[lang], out);
        buf_puts(out, "\n.br\n");
        write_type(row, out, lang);
        if (!prefix[0] && row->type != SETTING_RECORDS)
            write_names(row, out);
        buf_putc(out, '\n');
        if (row->type == SETTING_RECORDS) {
            snprintf(name, sizeof name, "%s[].", row->path);
            write_rows(row->table, name, out, lang);
        }
    }
}

void settings_manual_write(const struct setting_table *table, struct buf *out, enum lang lang)
{
    buf_puts(out, introduction[lang]);
    write_rows(table, "", out, lang);
    buf_puts(out, end[lang]);
}

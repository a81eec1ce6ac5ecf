#include "config/yaml_syntax.h"

/* The problems of libyaml 0.2.5 (scanner.c, parser.c) that people meet; others are quoted. */
static const struct {
    const char *problem;
    const char *text[LANG_COUNT];
} problems[] = {
    {"mapping values are not allowed in this context",
     {"a second \": \" on the line, or a wrong indentation; put values with \": \" in quotes",
      "同一行出现第二个 “: ”，或缩进有误；含 “: ” 的值请加引号"}},
    {"found character that cannot start any token",
     {"a character that cannot start a value: put the value in quotes; indent by spaces, not tabs",
      "此字符不能作为值的开头：请给值加引号；缩进请用空格，不要用制表符"}},
    {"did not find expected key",
     {"a setting was expected here: check the indentation of this line and the one above",
      "此处应为设置项：请检查本行与上一行的缩进"}},
    {"could not find expected ':'",
     {"a \":\" is missing after the name, or no blank stands behind it",
      "名称后缺少 “:”，或其后没有空格"}},
    {"did not find expected '-' indicator",
     {"a list item \"- \" was expected: check the indentation", "此处应为列表项 “- ”：请检查缩进"}},
    {"did not find expected ',' or ']'",
     {"a list in brackets lacks \",\" or \"]\"", "方括号列表缺少 “,” 或 “]”"}},
    {"did not find expected ',' or '}'",
     {"a mapping in braces lacks \",\" or \"}\"", "花括号映射缺少 “,” 或 “}”"}},
    {"found unexpected end of stream", {"a quotation mark is not closed", "引号没有闭合"}},
    {"did not find expected node content", {"a value was expected here", "此处应为一个值"}},
    {"block sequence entries are not allowed in this context",
     {"a list cannot start here: put it on the next line or in [brackets]",
      "列表不能从这里开始：请另起一行，或写成 [方括号] 形式"}},
    {"mapping keys are not allowed in this context",
     {"a \"? \" cannot stand here", "此处不能出现 “? ”"}},
    {"found unknown escape character",
     {"an unknown escape after a backslash: use single quotes to keep backslashes",
      "反斜杠后的转义未知：要保留反斜杠请用单引号"}},
    {"found a tab character that violates indentation",
     {"a tab in the indentation: use spaces", "缩进中有制表符：请用空格"}},
    {"found a tab character where an indentation space is expected",
     {"a tab in the indentation: use spaces", "缩进中有制表符：请用空格"}},
    {"did not find expected <document start>",
     {"something follows where the document has ended: check the indentation",
      "文档已结束，其后还有内容：请检查缩进"}},
    {"control characters are not allowed", {"a control character", "出现控制字符"}},
    {"invalid leading UTF-8 octet", {"bytes that are not UTF-8", "含有非 UTF-8 的字节"}},
    {"invalid trailing UTF-8 octet", {"bytes that are not UTF-8", "含有非 UTF-8 的字节"}},
    {"incomplete UTF-8 octet sequence", {"bytes that are not UTF-8", "含有非 UTF-8 的字节"}},
    {"invalid length of a UTF-8 sequence", {"bytes that are not UTF-8", "含有非 UTF-8 的字节"}},
    {"invalid Unicode character", {"bytes that are not UTF-8", "含有非 UTF-8 的字节"}},
};

/* Where an offset is: line and column, both from 0. */
static void find_offset(struct str text, size_t offset, size_t *line, size_t *column)
{
    *line = *column = 0;
    for (size_t i = 0; i < offset && i < text.len; i++) {
        const bool end = text.ptr[i] == '\n';
        *line += end;
        *column = end ? 0 : *column + 1;
    }
}

static const char *translate(const char *problem, enum lang lang)
{
    for (size_t i = 0; i < ARRAY_LEN(problems); i++)
        if (strcmp(problem, problems[i].problem) == 0)
            return problems[i].text[lang];
    return problem;
}

static bool line_starts_with_tab(struct str text, size_t offset)
{
    size_t start = offset < text.len ? offset : text.len;
    while (start > 0 && text.ptr[start - 1] != '\n')
        start--;
    while (start < text.len && text.ptr[start] == ' ')
        start++;
    return start < text.len && text.ptr[start] == '\t';
}

enum status yaml_syntax_reason(const yaml_parser_t *parser, const char *file, struct str text,
                               struct reason *why)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return reason_no_memory(why, text.len);
    const bool reader = parser->error == YAML_READER_ERROR;
    size_t line = parser->problem_mark.line, column = parser->problem_mark.column;
    if (reader)
        find_offset(text, parser->problem_offset, &line, &column);
    const char *problem = parser->problem ? parser->problem : "unknown";
    if (!reader && line_starts_with_tab(text, parser->problem_mark.index))
        problem = "found a tab character that violates indentation";
    reason_set(why, "config_syntax", "The YAML is not well formed: %s%.0s.",
               "YAML 格式有误：%.0s%s。", translate(problem, LANG_EN), translate(problem, LANG_ZH));
    reason_subject(why, "%s:%zu:%zu", file, line + 1, column + 1);
    return STATUS_INVALID;
}

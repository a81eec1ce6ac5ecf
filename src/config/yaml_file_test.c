#include "base/test.h"
#include "config/table_test.h"
#include "config/yaml_file.h"

#include <math.h>

static char *environment[] = {(char[]){"NAME=pear"},     (char[]){"EMPTY="},   (char[]){"NUMBER=7"},
                              (char[]){"TRICK=${NAME}"}, (char[]){"BAD=\xFF"}, NULL};

/* What is right, and the whole dump of what it changes, one "path: value" per line. */
static const struct {
    const char *yaml, *path, *value;
} right[] = {
    {"", "text.title", "hello"},
    {"# only a comment\n", "text.title", "hello"},
    {"---\n", "text.title", "hello"},
    {"---\n...\n", "text.title", "hello"},
    {"~\n", "text.title", "hello"},
    {"{}\n", "text.title", "hello"},
    {"\xEF\xBB\xBFtext: {title: bom}\n", "text.title", "bom"},
    {"text:\r\n  title: crlf\r\n", "text.title", "crlf"},
    {"%YAML 1.2\n---\ntext: {title: a}\n", "text.title", "a"},
    {"text:\n", "text.title", "hello"},
    {"text: {title: }\n", "text.title", "hello"},
    {"text: {title: ~, fruit: null}\n", "text.title", "hello"},
    {"text: {title: \"\"}\n", "text.title", "\"\""},
    {"text: {title: \"null\"}\n", "text.title", "\"null\""},
    {"text: {title: \"a: b # c\"}\n", "text.title", "\"a: b # c\""},
    {"text: {title: 你好}\n", "text.title", "\"你好\""},
    {"text:\n  title: |\n    two\n    lines\n", "text.title", "\"two\\nlines\\n\""},
    {"text.title: dotted\n", "text.title", "dotted"},
    {"a.b: {bytes: 1}\n", "a.b.bytes", "1B"},
    {"text: {title: \"is ${NAME}!\"}\n", "text.title", "\"is pear!\""},
    {"text: {title: \"${NAME}${NUMBER}\"}\n", "text.title", "pear7"},
    {"text: {title: \"a${EMPTY}b\"}\n", "text.title", "ab"},
    {"text: {title: \"$${NAME}\"}\n", "text.title", "\"$${NAME}\""},
    {"text: {title: \"${TRICK}\"}\n", "text.title", "\"$${NAME}\""},
    {"text: {title: $5 $NAME}\n", "text.title", "\"$5 $NAME\""},
    {"text: {fruit: \"${NAME}\"}\n", "text.fruit", "pear"},
    {"text: {fruit: plum}\n", "text.fruit", "plum"},
    {"text: {folder: keys}\n", "text.folder", "etc/keys"},
    {"text: {folder: /keys}\n", "text.folder", "/keys"},
    {"text: {folder: stderr}\n", "text.folder", "stderr"},
    {"text: {folder: ./stderr}\n", "text.folder", "etc/./stderr"},
    {"text: {names: []}\n", "text.names", "[]"},
    {"text: {names: [a, \"b, c\"]}\n", "text.names", "[a, \"b, c\"]"},
    {"text:\n  names:\n  - a\n  - ${NAME}\n", "text.names", "[a, pear]"},
    {"text: {ranges: [10.0.0.0/8, \"fd00::/8\", 192.0.2.7]}\n", "text.ranges",
     "[10.0.0.0/8, fd00::/8, 192.0.2.7]"},
    {"text: {ranges: \"::ffff:10.0.0.0/104\"}\n", "text.ranges", "[10.0.0.0/8]"},
    {"text: {ranges: []}\n", "text.ranges", "[]"},
    {"text: {names: one}\n", "text.names", "[one]"},
    {"text: {token: \"${NAME}\"}\n", "text.token", "\"***\""},
    {"a: {loud: false}\n", "a.loud", "false"},
    {"a: {loud: Yes}\n", "a.loud", "true"},
    {"a: {loud: off}\n", "a.loud", "false"},
    {"a: {asked: true}\n", "a.asked", "true"},
    {"a: {asked: false}\n", "a.asked", "false"},
    {"a: {asked: }\n", "a.asked", ""},
    {"a: {workers: 64}\n", "a.workers", "64"},
    {"a: {workers: \"${NUMBER}\"}\n", "a.workers", "7"},
    {"a: {workers: auto}\n", "a.workers", "auto"},
    {"a: {pixels: 100M}\n", "a.pixels", "100M"},
    {"a: {pixels: 1.5k}\n", "a.pixels", "1500"},
    {"a: {pixels: 1000000000}\n", "a.pixels", "1G"},
    {"a: {pixels: }\n", "a.pixels", ""},
    {"a: {b: {bytes: 20MB}}\n", "a.b.bytes", "20MB"},
    {"a: {b: {bytes: 0.5 kib}}\n", "a.b.bytes", "512B"},
    {"a: {b: {bytes: 0}}\n", "a.b.bytes", "0"},
    {"a: {b: {rate: 2MB/s}}\n", "a.b.rate", "2MB/s"},
    {"a: {b: {rate: 5}}\n", "a.b.rate", "5B/s"},
    {"a: {b: {time: 500ms}}\n", "a.b.time", "500ms"},
    {"a: {b: {time: 1.5s}}\n", "a.b.time", "1500ms"},
    {"a: {b: {time: 90}}\n", "a.b.time", "90s"},
    {"a: {b: {time: 10min}}\n", "a.b.time", "10m"},
    {"a: {b: {time: 48h}}\n", "a.b.time", "2d"},
    {"a: {b: {time: 0}}\n", "a.b.time", "0s"},
    {"a: {heat: 0.7}\n", "a.heat", "0.7"},
    {"a: {heat: 2}\n", "a.heat", "2"},
    {"a: {share: 12.5%}\n", "a.share", "12.5%"},
    {"listen: [\"[::1]:80\", unix:/a, localhost:0]\n", "listen",
     "[\"[::1]:80\", unix:/a, localhost:0]"},
    {"listen: 0.0.0.0:1\n", "listen", "[0.0.0.0:1]"},
    {"upstreams: []\n", "upstreams", "[]"},
    {"upstreams:\n", "upstreams", "[]"},
    {"upstreams: [{name: a}]\n", "upstreams", "[{name: a, weight: 1, limits.time: 2s}]"},
    {"upstreams:\n- name: a\n  limits: {time: 3}\n- {name: b, weight: 5, key: \"${NAME}\"}\n",
     "upstreams",
     "[{name: a, weight: 1, limits.time: 3s}, {name: b, weight: 5, limits.time: 2s, key: "
     "\"***\"}]"},
};

static void write_value(const struct snapshot *snapshot, const char *path, struct buf *out)
{
    const struct setting *row = setting_find(&sample_table, str_from(path));
    assert_non_null(row);
    value_write(row, (const char *)snapshot->values + row->offset, out);
}

static void reads_what_is_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        struct snapshot *snapshot;
        struct reason why;
        struct buf out;
        buf_init(&out, 1 << 16);
        if (sample_load(right[i].yaml, strlen(right[i].yaml), environment, &snapshot, &why))
            fail_msg("%s: %s", right[i].yaml, why.message[LANG_EN]);
        write_value(snapshot, right[i].path, &out);
        if (!str_is(buf_str(&out), right[i].value))
            fail_msg("%s: %.*s, not %s", right[i].yaml, STR_ARG(buf_str(&out)), right[i].value);
        buf_release(&out);
        snapshot_destroy(snapshot);
    }
}

static const struct {
    const char *yaml;
    int line;
    const char *code, *message, *hint;
} wrong[] = {
    /* names */
    {"nonsense: 1\n", 1, "config_unknown_setting", "There is no setting nonsense.", ""},
    {"a:\n  lould: true\n", 2, "config_unknown_setting", "no setting a.lould", "a.loud?"},
    {"a:\n  b:\n    bites: 1\n", 3, "config_unknown_setting", "a.b.bites", "a.b.bytes?"},
    {"fruit: pear\n", 1, "config_unknown_setting", "setting fruit", "text.fruit?"},
    {"a: {title: x}\n", 1, "config_unknown_setting", "setting a.title", "text.title?"},
    {"\"a.\": {}\n", 1, "config_unknown_setting", "setting a.", ""},
    {"\"\": 1\n", 1, "config_unknown_setting", "There is no setting", ""},
    {"\"a\\0\": {}\n", 1, "config_unknown_setting", "There is no setting", ""},
    {"upstreams:\n- name: a\n  wait: 2\n", 3, "config_unknown_setting", "upstreams[0].wait", ""},
    {"upstreams:\n- name: a\n  wieght: 2\n", 3, "config_unknown_setting", "upstreams[0].wieght",
     "upstreams[0].weight?"},
    {"<<: {a: 1}\n", 1, "config_unknown_setting", "setting <<", ""},
    /* values */
    {"a:\n\n  workers: many\n", 3, "config_invalid_value",
     "a.workers must be a whole number or auto, not \"many\".", ""},
    {"a: {workers: 1.5}\n", 1, "config_invalid_value", "a whole number", ""},
    {"a: {workers: 1e3}\n", 1, "config_invalid_value", "a whole number", ""},
    {"a: {workers: 0x10}\n", 1, "config_invalid_value", "a whole number", ""},
    {"a: {workers: 1_0}\n", 1, "config_invalid_value", "a whole number", ""},
    {"a: {workers: +1}\n", 1, "config_invalid_value", "a whole number", ""},
    {"a: {workers: \"\"}\n", 1, "config_invalid_value", "a whole number", ""},
    {"a: {workers: 0}\n", 1, "config_invalid_value", "must be from 1 to 64, not 0.", ""},
    {"a: {workers: -1}\n", 1, "config_invalid_value", "must be from 1 to 64, not -1.", ""},
    {"a: {workers: 65}\n", 1, "config_invalid_value", "from 1 to 64", ""},
    {"a: {workers: 99999999999999999999}\n", 1, "config_invalid_value", "from 1 to 64", ""},
    {"a: {pixels: 100MB}\n", 1, "config_invalid_value", "a count such as 4096, 64K or 100M", ""},
    {"a: {pixels: 0.5}\n", 1, "config_invalid_value", "a count", ""},
    {"a: {b: {bytes: 64M}}\n", 1, "config_invalid_value", "a size such as 64MiB", ""},
    {"a: {b: {bytes: 9999999999GiB}}\n", 1, "config_invalid_value", "from 0 to 1TB", ""},
    {"a: {b: {bytes: 1.23456789KiB}}\n", 1, "config_invalid_value", "a size", ""},
    {"a: {b: {bytes: MiB}}\n", 1, "config_invalid_value", "a size", ""},
    {"a: {b: {rate: 1KiB/m}}\n", 1, "config_invalid_value", "a rate such as 1KiB/s", ""},
    {"a: {b: {time: soon}}\n", 1, "config_invalid_value", "a duration such as 500ms", ""},
    {"a: {b: {time: 1h30m}}\n", 1, "config_invalid_value", "a duration", ""},
    {"a: {b: {time: 0.5ms}}\n", 1, "config_invalid_value", "a duration", ""},
    {"a: {heat: warm}\n", 1, "config_invalid_value", "a number such as 0.7", ""},
    {"a: {heat: .5}\n", 1, "config_invalid_value", "a number", ""},
    {"a: {heat: nan}\n", 1, "config_invalid_value", "a number", ""},
    {"a: {heat: 2.01}\n", 1, "config_invalid_value", "from 0 to 2", ""},
    {"a: {share: 0.2}\n", 1, "config_invalid_value", "a percentage such as 20%", ""},
    {"a: {share: 101%}\n", 1, "config_invalid_value", "from 0% to 100%", ""},
    {"a: {loud: maybe}\n", 1, "config_invalid_value", "a.loud must be true or false", ""},
    {"a: {asked: 2}\n", 1, "config_invalid_value", "a.asked must be true or false", ""},
    {"text: {fruit: pera}\n", 1, "config_invalid_value",
     "text.fruit must be apple, pear or plum, not \"pera\".", "pear?"},
    {"text: {fruit: Apple}\n", 1, "config_invalid_value", "not \"Apple\"", "apple?"},
    {"text: {title: \"a\\0b\"}\n", 1, "config_invalid_value", "without NUL", ""},
    {"text: {title: \"${BAD}\"}\n", 1, "config_invalid_value", "UTF-8", ""},
    {"text:\n  token: file:/nowhere/at/all\n", 2, "missing_file", "text.token: There is no file",
     ""},
    {"text: {names: [a, \"\"]}\n", 1, "config_invalid_value", "text.names[1] has an empty item",
     ""},
    {"text: {names: [a, ~]}\n", 1, "config_invalid_value", "text.names[1] must be one text", ""},
    {"text: {names: [[a]]}\n", 1, "config_invalid_value", "text.names[0] must be one text", ""},
    {"text:\n  names:\n  - a\n  - b: c\n", 4, "config_invalid_value", "text.names[1]", ""},
    {"listen: [8000]\n", 1, "config_invalid_value", "\"8000\" is not an address", "host:port"},
    {"listen: ['[::1]']\n", 1, "config_invalid_value", "is not an address", ""},
    {"listen: ['::1:80']\n", 1, "config_invalid_value", "is not an address", ""},
    {"listen: [':80']\n", 1, "config_invalid_value", "is not an address", ""},
    {"listen: [1.2.3.999:80]\n", 1, "config_invalid_value", "is not an address", ""},
    {"listen: [a:65536]\n", 1, "config_invalid_value", "is not an address", ""},
    {"listen: [unix:relative]\n", 1, "config_invalid_value", "is not an address", "absolute"},
    {"listen:\n- a:1\n- a:1\n", 3, "config_invalid_value", "names a:1 twice", ""},
    /* shapes */
    {"a: 5\n", 1, "config_invalid_value", "a is a section", ""},
    {"a: [1]\n", 1, "config_invalid_value", "a is a section", ""},
    {"a: {loud: [true]}\n", 1, "config_invalid_value", "true or false, not a list", ""},
    {"a: {loud: {}}\n", 1, "config_invalid_value", "true or false, not a mapping", ""},
    {"text: {fruit: [a]}\n", 1, "config_invalid_value", "one word, not a list", ""},
    {"text: {names: {a: b}}\n", 1, "config_invalid_value", "a list of texts, not a mapping", ""},
    {"upstreams: {name: a}\n", 1, "config_invalid_value", "a list of mappings, not a mapping", ""},
    {"upstreams: many\n", 1, "config_invalid_value", "a list of mappings, not a text", ""},
    {"upstreams: [a]\n", 1, "config_invalid_value", "upstreams[0] must be a mapping", ""},
    {"upstreams:\n- weight: 1\n", 2, "config_invalid_value", "upstreams[0].name is missing", ""},
    {"upstreams:\n- name: a\n- {name: b, weight: 101}\n", 3, "config_invalid_value",
     "upstreams[1].weight must be from 0 to 100", ""},
    {"- a\n", 1, "config_syntax", "must be a mapping", ""},
    {"hello\n", 1, "config_syntax", "must be a mapping", ""},
    {"[a]: 1\n", 1, "config_syntax", "name of a setting", ""},
    {"? {a: b}\n: 1\n", 1, "config_syntax", "name of a setting", ""},
    /* given twice */
    {"a: {loud: true, loud: false}\n", 1, "config_invalid_value", "a.loud is given twice", ""},
    {"a: {loud: true}\ntext:\na: {heat: 1}\n", 3, "config_invalid_value",
     "a is given twice; first in line 1", ""},
    {"a: {loud: true}\na.loud: false\n", 2, "config_invalid_value", "a.loud is given twice", ""},
    {"upstreams: [{name: a, name: b}]\n", 1, "config_invalid_value", "upstreams[0].name is given",
     ""},
    /* variables */
    {"text: {title: \"${ABSENT}\"}\n", 1, "config_invalid_value", "no variable ABSENT", ""},
    {"text: {title: \"${}\"}\n", 1, "config_invalid_value", "after ${ comes the name", "$${"},
    {"text: {title: \"${NAME\"}\n", 1, "config_invalid_value", "after ${", ""},
    {"text: {title: \"${NAME:-x}\"}\n", 1, "config_invalid_value", "after ${", ""},
    {"text: {title: \"${1A}\"}\n", 1, "config_invalid_value", "after ${", ""},
    {"a: {workers: \"${NAME}\"}\n", 1, "config_invalid_value", "not \"pear\"", ""},
    {"a: {workers: \"${EMPTY}\"}\n", 1, "config_invalid_value", "whole number", ""},
    /* YAML itself */
    {"a:\n\tloud: true\n", 2, "config_syntax", "a tab in the indentation", ""},
    {"text:\n  title: a\n   heat: 1\n", 3, "config_syntax", "wrong indentation", ""},
    {"a:\n  loud: true\n heat: 1\n", 3, "config_syntax", "indentation", ""},
    {"a: {loud: true\n", 2, "config_syntax", "\"}\"", ""},
    {"text: {names: [a}\n", 1, "config_syntax", "\"]\"", ""},
    {"text:\n  title: \"open\n", 3, "config_syntax", "quotation mark", ""},
    {"text:\n  title: a: b\n", 2, "config_syntax", "quotes", ""},
    {"text:\n  title: @a\n", 2, "config_syntax", "quotes", ""},
    {"text:\n  title: \"\\q\"\n", 2, "config_syntax", "escape", ""},
    {"text: &x {title: a}\n", 1, "config_syntax", "anchors", ""},
    {"text: {title: &x a}\n", 1, "config_syntax", "anchors", ""},
    {"text: {names: &x [a]}\n", 1, "config_syntax", "anchors", ""},
    {"text:\n  title: *x\n", 2, "config_syntax", "aliases", ""},
    {"text: {title: !!str a}\n", 1, "config_syntax", "tags", ""},
    {"!x {}\n", 1, "config_syntax", "tags", ""},
    {"text: {title: a}\n---\ntext: {title: b}\n", 2, "config_syntax", "more than one", ""},
    {"a: {loud: true}\n}\n", 2, "config_syntax", "YAML is not well formed", ""},
    {"text:\n  title: caf\xE9 x\n", 2, "config_syntax", "not UTF-8", ""},
    {"text:\n\n  title: \xED\xA0\x80\n", 3, "config_syntax", "not UTF-8", ""},
    {"text:\n  title: a\x01\n", 2, "config_syntax", "control character", ""},
    {"\xFF\xFE"
     "a",
     1, "config_syntax", "not UTF-8", ""},
};

static void says_what_is_wrong_and_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct snapshot *snapshot;
        struct reason why;
        char place[64];
        snprintf(place, sizeof place, "etc/qvl.yaml:%d:", wrong[i].line);
        if (!sample_load(wrong[i].yaml, strlen(wrong[i].yaml), environment, &snapshot, &why))
            fail_msg("accepted: %s", wrong[i].yaml);
        if (strcmp(why.code, wrong[i].code) != 0 || !str_starts(str_from(why.subject), place) ||
            !strstr(why.message[LANG_EN], wrong[i].message) ||
            !strstr(why.hint[LANG_EN], wrong[i].hint))
            fail_msg("%s: %s, %s, %s %s", wrong[i].yaml, why.code, why.subject,
                     why.message[LANG_EN], why.hint[LANG_EN]);
        assert_true(why.message[LANG_ZH][0] != '\0');
        assert_int_equal(why.hint[LANG_ZH][0] != '\0', why.hint[LANG_EN][0] != '\0');
    }
}

static void refuses_a_zero_byte(void **state)
{
    (void)state;
    static const char yaml[] = "text:\n  title: a\0b\n";
    struct snapshot *snapshot;
    struct reason why;
    assert_int_equal(sample_load(yaml, sizeof yaml - 1, environment, &snapshot, &why),
                     STATUS_INVALID);
    assert_string_equal(why.subject, "etc/qvl.yaml:2:11");
}

/* Columns count characters, from 1. */
static void says_the_column(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *place;
    } cases[] = {
        {"nonsense: 1\n", "etc/qvl.yaml:1:1"},
        {"text: {titel: a}\n", "etc/qvl.yaml:1:8"},
        {"text:\n  title: {}\n", "etc/qvl.yaml:2:10"},
        {"text:\n  title: 你好\n  fruit: kiwi\n", "etc/qvl.yaml:3:10"},
        {"text: {title: 你好, fruit: kiwi}\n", "etc/qvl.yaml:1:26"},
        {"upstreams:\n- {name: a}\n- {weight: 1}\n", "etc/qvl.yaml:3:3"},
        {"text:\n  title: a\n  title: b\n", "etc/qvl.yaml:3:3"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct snapshot *snapshot;
        struct reason why;
        assert_int_equal(
            sample_load(cases[i].yaml, strlen(cases[i].yaml), environment, &snapshot, &why),
            STATUS_INVALID);
        assert_string_equal(why.subject, cases[i].place);
    }
}

static void fills_the_fields(void **state)
{
    (void)state;
    static const char yaml[] =
        "a: {loud: no, asked: no, workers: 3, pixels: 2K, heat: 0.1, share: 5%,\n"
        "    b: {bytes: 1KiB, rate: 2B/s, time: 3s}}\n"
        "text: {title: t, fruit: plum, names: [p, q, r], folder: f, token: secret}\n"
        "upstreams: [{name: u}, {name: v, weight: 9, limits: {time: 1ms}, key: k}, {name: w}]\n";
    struct snapshot *snapshot;
    struct reason why;
    assert_int_equal(sample_load(yaml, sizeof yaml - 1, environment, &snapshot, &why), STATUS_OK);
    const struct sample *s = snapshot->values;
    assert_false(s->loud);
    assert_int_equal(s->asked, TRISTATE_NO);
    assert_int_equal(s->workers, 3);
    assert_int_equal(s->pixels, 2000);
    assert_true(s->heat == 0.1 && s->share == 0.05);
    assert_int_equal(s->bytes, 1024);
    assert_int_equal(s->rate, 2);
    assert_int_equal(s->time_ms, 3000);
    assert_string_equal(s->title, "t");
    assert_string_equal(s->folder, "etc/f");
    assert_string_equal(s->token, "secret");
    assert_int_equal(s->fruit, FRUIT_PLUM);
    assert_int_equal(s->names.count, 3);
    assert_string_equal(s->names.items[2], "r");
    assert_int_equal(s->upstreams.count, 3);
    const struct sample_record *records = s->upstreams.items;
    assert_string_equal(records[0].name, "u");
    assert_string_equal(records[0].key, "");
    assert_int_equal(records[1].weight, 9);
    assert_int_equal(records[1].timeout_ms, 1);
    assert_string_equal(records[2].name, "w");
    assert_int_equal(snapshot_origin(snapshot, "a.b.bytes")->line, 2);
    assert_int_equal(snapshot_origin(snapshot, "upstreams")->line, 4);
    assert_int_equal(snapshot->warnings.count, 2);
    assert_non_null(strstr(snapshot->warnings.items[0].text[LANG_EN],
                           "etc/qvl.yaml:3: text.token stands in the file"));
    snapshot_destroy(snapshot);
}

static void unset_is_a_value(void **state)
{
    (void)state;
    struct snapshot *snapshot;
    assert_int_equal(sample_load("", 0, NULL, &snapshot, NULL), STATUS_OK);
    const struct sample *s = snapshot->values;
    assert_int_equal(s->asked, TRISTATE_UNSET);
    assert_int_equal(s->pixels, -1);
    assert_int_equal(s->workers, 0);
    assert_true(isnan(s->heat));
    assert_string_equal(s->folder, "");
    snapshot_destroy(snapshot);
}

static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    static const char alphabet[] = "a:b.{}[],-\n\n  \"'$#&*!|>%@\t\0\xFF\xC3loudtextnames0123";
    srand(1);
    for (int round = 0; round < 20000; round++) {
        char text[64];
        const size_t len = (size_t)(rand() % (int)sizeof text);
        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        struct snapshot *snapshot;
        struct reason why = {0};
        if (sample_load(text, len, environment, &snapshot, &why))
            assert_true(why.code && why.message[LANG_EN][0] && why.message[LANG_ZH][0]);
        else
            snapshot_destroy(snapshot);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_right),     cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(refuses_a_zero_byte),     cmocka_unit_test(says_the_column),
        cmocka_unit_test(fills_the_fields),        cmocka_unit_test(unset_is_a_value),
        cmocka_unit_test(random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

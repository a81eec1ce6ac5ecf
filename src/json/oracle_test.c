#include "json/oracle_test.h"

#include "base/json_text.h"

#include <jansson.h>

static void canonical(const json_t *v, struct buf *out)
{
    const char *key;
    json_t *child;
    size_t i;
    const char *separator = "";
    switch (json_typeof(v)) {
    case JSON_NULL: buf_puts(out, "null"); break;
    case JSON_TRUE: buf_puts(out, "true"); break;
    case JSON_FALSE: buf_puts(out, "false"); break;
    case JSON_INTEGER:
    case JSON_REAL: buf_printf(out, "%.17g", json_number_value(v)); break;
    case JSON_STRING:
        json_text_string(out, (struct str){json_string_value(v), json_string_length(v)});
        break;
    case JSON_ARRAY:
        buf_putc(out, '[');
        json_array_foreach(v, i, child)
        {
            buf_puts(out, separator);
            canonical(child, out);
            separator = ",";
        }
        buf_putc(out, ']');
        break;
    case JSON_OBJECT:
        buf_putc(out, '{');
        json_object_foreach((json_t *)(uintptr_t)v, key, child)
        {
            buf_puts(out, separator);
            json_text_string(out, str_from(key));
            buf_putc(out, ':');
            canonical(child, out);
            separator = ",";
        }
        buf_putc(out, '}');
        break;
    }
}

bool oracle_canonical(const char *text, size_t len, struct buf *out)
{
    json_error_t error;
    json_t *root =
        json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    if (root)
        canonical(root, out);
    json_decref(root);
    return root != NULL;
}

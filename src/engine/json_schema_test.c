/* Which texts a schema accepts. ' stands for ". */
#include "engine/grammar_fixture_test.h"

static struct grammar_fixture fixture;

static int open_fixture(void **state)
{
    (void)state;
    grammar_fixture_open(DEMO_TOKENIZER, &fixture);
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    grammar_fixture_close(&fixture);
    return 0;
}

enum { TEXTS_MAX = 24 };

/* Texts begin with + (accepted) or - (not). */
struct row {
    const char *schema;
    const char *texts[TEXTS_MAX];
};

static void check_row(const struct row *row)
{
    struct grammar *grammar;
    struct reason why;
    if (grammar_from_text(row->schema, &grammar, &why))
        fail_msg("%s: %s", row->schema, why.message[LANG_EN]);
    for (size_t i = 0; i < TEXTS_MAX && row->texts[i]; i++) {
        const char *text = grammar_quotes(row->texts[i] + 1);
        const bool expected = row->texts[i][0] == '+';
        if (grammar_accepts(&fixture, grammar, str_from(text)) != expected)
            fail_msg("%s %s %s", row->schema, expected ? "refuses" : "accepts", text);
    }
    grammar_release(grammar);
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_row(&rows[i]);
}

static void test_scalars(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{'type':'null'}", {"+null", "-nul", "-nulll", "- null", "-0", "-"}},
        {"{'type':'boolean'}", {"+true", "+false", "-tru", "-truefalse", "-'true'", "-1"}},
        {"{'type':['null','boolean']}", {"+null", "+true", "-0"}},
        {"{'type':'string'}",
         {"+''",
          "+'a'",
          "+'é'",
          "+'𝄞'",
          "+'\\n\\u00e9\\/'",
          "+'\\ud834\\udd1e'",
          "-'",
          "-'a",
          "-'\\ud834'",
          "-'\\udd1e'",
          "-'\\x'",
          "-'\\ud834\\u0041'",
          "-a",
          "-'a'b",
          "-'\n'",
          "-'\xC3'",
          "-'\xED\xA0\x80'",
          "-'\xC0\x80'",
          "-'\xF4\x90\x80\x80'",
          "+'\xF4\x8F\xBF\xBF'"}},
        {"true", {"+1", "+'x'", "+[]", "+{}", "+null", "+[1,{'a':[]}]", "-[1,]", "-{'a'}"}},
        {"{}", {"+1", "+{'a':1,'b':2}", "-{a:1}"}},
        {"{'enum':['red','green','re',3,null,[1,2],{'a':'b'}]}",
         {"+'red'", "+'re'", "+'green'", "+3", "+null", "+[1,2]", "+{'a':'b'}", "-'r'", "-'blue'",
          "-4", "-[1]"}},
        {"{'enum':[1,12,123]}", {"+1", "+12", "+123", "-13", "-1234"}},
        {"{'const':'a\\'b\\n'}", {"+'a\\'b\\n'", "-'a'", "-'ab'"}},
        {"{'const':'\\u00e9'}", {"+'é'", "-'e'"}},
        {"{'type':'string','enum':['a',1]}", {"+'a'", "-1"}},
        {"{'type':'integer','enum':[1,1.0,1.5,20]}", {"+1", "+1.0", "-1.5", "+20"}},
        {"{'enum':['a','bb','ccc'],'minLength':2}", {"-'a'", "+'bb'", "+'ccc'"}},
        {"{'enum':[1,5,9],'minimum':2,'exclusiveMaximum':9}", {"-1", "+5", "-9"}},
        {"{'enum':['a','b'],'const':'b'}", {"-'a'", "+'b'"}},
        {"{'allOf':[{'enum':[1,2,3]},{'enum':[2,3,4]}]}", {"-1", "+2", "+3", "-4"}},
        {"{'const':{'a':1}}", {"+{'a':1}", "-{'a': 1}", "-{}"}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_integers(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{'type':'integer'}",
         {"+0", "+7", "-07", "+-7", "--0", "-1.0", "-1e3", "+123456789012345678",
          "-1234567890123456789", "-+1", "-"}},
        {"{'type':'integer','minimum':0}", {"+0", "+5", "--1", "--0"}},
        {"{'type':'integer','minimum':5,'maximum':120}",
         {"-4", "+5", "+9", "+10", "+99", "+100", "+120", "-121", "-130", "-1000", "-50000"}},
        {"{'type':'integer','minimum':-20,'maximum':-3}",
         {"-0", "--2", "+-3", "+-10", "+-20", "--21", "-3", "--100"}},
        {"{'type':'integer','minimum':-5,'maximum':5}",
         {"+-5", "+-1", "+0", "+5", "--6", "-6", "-10"}},
        {"{'type':'integer','exclusiveMinimum':5,'exclusiveMaximum':8}",
         {"-5", "+6", "+7", "-8", "-60"}},
        {"{'type':'integer','minimum':0.5,'maximum':2.5}", {"-0", "+1", "+2", "-3"}},
        {"{'type':'integer','minimum':1e2,'maximum':1.01e2}", {"-99", "+100", "+101", "-102"}},
        {"{'type':'integer','minimum':9007199254740990}",
         {"-9007199254740989", "+9007199254740990", "+9007199254740991"}},
        {"{'type':'integer','minimum':1000000000000000000000,'maximum':1000000000000000000001}",
         {"+1000000000000000000000", "+1000000000000000000001", "-1000000000000000000002", "-1"}},
        {"{'type':'integer','multipleOf':5,'minimum':3,'maximum':20}",
         {"-3", "+5", "+10", "-12", "+20", "-25"}},
        {"{'type':'number','multipleOf':10}", {"+0", "+10", "-11", "-10.0"}},
        {"{'type':'integer','maximum':1.7976931348623157e308}", {"+1", "+-1"}},
        {"{'minimum':3}", {"+3", "-2", "-'a'"}},
        {"{'allOf':[{'type':'integer','minimum':3},{'maximum':9,'minimum':2}]}",
         {"-2", "+3", "+9", "-10"}},
        {"{'type':'integer','minimum':3,'exclusiveMinimum':3}", {"-3", "+4"}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{'type':'number'}",
         {"+0", "+-1.5", "+1e5", "+1E+5", "+1.25e-7", "-1.", "-.5", "-01", "-1e", "-1e100",
          "+0.001", "-1.2345678901234567", "--0", "--0.0", "+-0.5"}},
        {"{'type':'number','minimum':0,'maximum':1}",
         {"+0", "+1", "+0.5", "+0.999999", "+1.0", "+1.000", "-1.01", "-2", "--0.1", "-1e0"}},
        {"{'type':'number','exclusiveMinimum':0,'exclusiveMaximum':1}",
         {"-0", "-0.0", "+0.1", "+0.000001", "-1", "-1.0", "-0.000", "+0.99"}},
        {"{'type':'number','minimum':0.05,'maximum':0.5}",
         {"+0.05", "-0.04", "+0.051", "+0.5", "-0.51", "-0.0499", "+0.1", "-5", "+0.050"}},
        {"{'type':'number','minimum':-2.5,'maximum':10.25}",
         {"+-2.5", "--2.51", "+10.25", "-10.26", "+10.249", "+9.9", "+0", "+-0.1", "-11", "-100"}},
        {"{'type':'number','maximum':-1.5}", {"+-1.5", "--1.4", "+-100", "-0", "-1"}},
        {"{'type':'number','minimum':99.5}", {"+99.5", "-99.4", "+100", "+1000.1", "-99", "-9.95"}},
        {"{'type':'number','minimum':1e3}", {"-999.9", "+1000", "+1000.5"}},
        {"{'type':['integer','null']}", {"+1", "+null", "-1.5"}},
        {"{'type':['integer','number']}", {"+1", "+1.5"}},
        {"{'allOf':[{'type':'integer'},{'type':'number'}]}", {"+1", "-1.5"}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_strings(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{'type':'string','minLength':2,'maxLength':3}",
         {"-''", "-'a'", "+'ab'", "+'abc'", "-'abcd'", "+'éé'", "+'𝄞𝄞𝄞'", "-'𝄞'", "+'\\n\\n'",
          "-'\\n'", "+'\\ud834\\udd1ea'", "-'\\ud834\\udd1e'"}},
        {"{'type':'string','maxLength':0}", {"+''", "-'a'"}},
        {"{'minLength':1}", {"-''", "+'a'", "-1"}},
        {"{'type':'string','pattern':'^[a-c]+$'}", {"+'abc'", "-''", "-'abd'", "-'ab"}},
        {"{'type':'string','pattern':'b'}", {"+'b'", "+'abc'", "+'xb'", "-'a'", "-''", "+'\\nb'"}},
        {"{'type':'string','pattern':'^b'}", {"+'b'", "+'bx'", "-'ab'"}},
        {"{'type':'string','pattern':'b$'}", {"+'b'", "+'ab'", "-'ba'"}},
        {"{'type':'string','pattern':'^a|b$'}", {"+'ax'", "+'xb'", "-'xa'", "+'ab'"}},
        {"{'type':'string','pattern':'^(foo|bar){2}$'}",
         {"+'foobar'", "+'barbar'", "-'foo'", "-'foobarfoo'"}},
        {"{'type':'string','pattern':'^\\\\d{3}-\\\\d{4}$'}",
         {"+'555-1234'", "-'555-123'", "-'5555-123'"}},
        {"{'type':'string','pattern':'^[^a]$'}",
         {"+'b'", "-'a'", "+'é'", "+'𝄞'", "+'\\''", "+'\\\\'", "+'\\n'", "+'\\u0001'", "-''",
          "-'bb'", "-'\xED\xA0\x80'"}},
        {"{'type':'string','pattern':'^.$'}", {"+'a'", "-'\\n'", "+'é'", "-'\\r'"}},
        {"{'type':'string','pattern':'^\\\\w+@\\\\w+\\\\.com$'}", {"+'a@b.com'", "-'a@bxcom'"}},
        {"{'type':'string','pattern':'^a{2,}$'}", {"-'a'", "+'aa'", "+'aaaa'"}},
        {"{'type':'string','pattern':'^a{1,2}?b*?c?$'}", {"+'a'", "+'aabbc'", "-'aaa'"}},
        {"{'type':'string','pattern':'^[a\\\\-z\\\\]]$'}",
         {"+'a'", "+'-'", "+'z'", "+']'", "-'b'"}},
        {"{'type':'string','pattern':'^[-a]$'}", {"+'-'", "+'a'", "-'b'"}},
        {"{'type':'string','pattern':'^\\\\u00e9\\\\x41$'}", {"+'éA'", "-'eA'"}},
        {"{'type':'string','pattern':'^[α-ω]+$'}", {"+'αβγ'", "-'abc'", "+'ω'"}},
        {"{'type':'string','pattern':'^[\\ud7f0-\\ue010]$'}",
         {"+'\xEE\x80\x80'", "+'\xED\x9F\xBF'", "-'\xEE\x80\x91'"}},
        {"{'type':'string','pattern':'^[\\u0100-\\ud83d\\ude00]$'}",
         {"+'Ā'", "+'ༀ'", "+'𐀀'", "+'😀'", "-'😁'", "-'ÿ'"}},
        {"{'type':'string','pattern':'^(?:)$'}", {"+''", "-'a'"}},
        {"{'type':'string','pattern':''}", {"+''", "+'abc'"}},
        {"{'type':'string','pattern':'^[a-z]+$','minLength':2,'maxLength':3}",
         {"-'a'", "+'ab'", "+'abc'", "-'abcd'"}},
        {"{'type':'string','pattern':'^[^x]+$','maxLength':2}",
         {"+'é'", "+'\\'\\''", "-'\\'\\'\\''", "-''", "+'𝄞a'", "-'xa'"}},
        {"{'type':'string','pattern':'\\\\s','minLength':3}",
         {"-' '", "+' ab'", "+'a b'", "-'abc'"}},
        {"{'type':'string','format':'date-time'}", {"+'x'"}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_arrays(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{'type':'array'}", {"+[]", "+[1]", "+[1,'a',null]", "-[,]", "-[1", "-[1,]", "-[1 2]"}},
        {"{'type':'array','items':{'type':'integer'}}", {"+[]", "+[1,2]", "-['a']", "-[1.5]"}},
        {"{'type':'array','items':{'type':'integer'},'minItems':2,'maxItems':3}",
         {"-[]", "-[1]", "+[1,2]", "+[1,2,3]", "-[1,2,3,4]"}},
        {"{'type':'array','maxItems':0}", {"+[]", "-[1]", "+[ ]"}},
        {"{'type':'array','prefixItems':[{'type':'integer'},{'type':'string'}],'items':false}",
         {"+[]", "+[1]", "+[1,'a']", "-[1,'a',2]", "-['a']"}},
        {"{'type':'array','prefixItems':[{'type':'integer'}],'items':{'type':'null'}}",
         {"+[1,null,null]", "-[1,2]", "+[1]"}},
        {"{'items':{'type':'array','items':{'type':'boolean'}}}",
         {"+[[true],[]]", "-[true]", "-1"}},
        {"{'type':'array','items':{'type':'integer'}}",
         {"+[1, 2]", "+[ 1, 2 ]", "-[1 , 2]", "+[\n  1,\n  2\n]", "+[\n]", "-[\n\n1]", "-[  1]",
          "+[\n    1]", "-[\n     1]", "-[\r\n1]", "+[\n\t1]"}},
        {"{'allOf':[{'items':{'minimum':3}},{'items':{'type':'integer'},'maxItems':1}]}",
         {"+[3]", "-[2]", "-[3,4]"}},
        {"{'type':'array','uniqueItems':false}", {"+[1,1]"}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

#define AB "'properties':{'a':{'type':'integer'},'b':{'type':'string'}}"

static void test_objects(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{'type':'object'}",
         {"+{}", "+{'a':1}", "+{'a':{'b':[]}}", "-{'a':1,}", "-{'a' :1}", "+{'a\\u0041':1}",
          "-{1:2}"}},
        {"{'type':'object'," AB "}",
         {"+{}", "+{'a':1}", "+{'b':'x'}", "+{'a':1,'b':'x'}", "-{'b':'x','a':1}", "-{'c':1}",
          "-{'a':1,'a':2}", "-{'a':'x'}", "+{'a': 1, 'b': 'x'}", "-{'a':  1}"}},
        {"{'type':'object'," AB ",'required':['b']}",
         {"-{}", "-{'a':1}", "+{'b':'x'}", "+{'a':1,'b':'x'}", "-{'a':1,}"}},
        {"{'type':'object'," AB ",'required':['a','b'],'additionalProperties':false}",
         {"+{'a':1,'b':''}", "-{'a':1}", "-{'b':''}", "-{'a':1,'b':'','c':1}",
          "+{\n  'a': 1,\n  'b': ''\n}", "+{ 'a':1,'b':'' }", "-{'a':1\n,'b':''}"}},
        {"{'type':'object'," AB ",'additionalProperties':true}",
         {"+{'c':1}", "+{'a':1,'c':[]}", "-{'c':1,'a':1}", "+{'ab':1}", "+{'':1}", "-{'\\u0061':1}",
          "+{'c\\u0061':1}", "+{'a':1,'b':'','d':1,'e':2}", "-{'a':'x'}", "+{'é':1}"}},
        {"{'type':'object'," AB ",'additionalProperties':{'type':'null'},'required':['a']}",
         {"+{'a':1,'c':null}", "-{'a':1,'c':1}", "-{'c':null}", "+{'a':1}"}},
        {"{'type':'object','required':['x']}", {"+{'x':1}", "-{}", "+{'x':1,'y':2}", "-{'y':1}"}},
        {"{'type':'object','properties':{},'additionalProperties':false}",
         {"+{}", "+{ }", "-{'a':1}"}},
        {"{'type':'object','properties':{'a':false,'b':true}}", {"+{}", "+{'b':1}", "-{'a':1}"}},
        {"{'type':'object','properties':{'a':false},'additionalProperties':true}",
         {"+{}", "+{'b':1}", "-{'a':1}"}},
        {"{'type':'object','properties':{'a':{'type':'integer'},'ab':{'type':'integer'},"
         "'abc':{'type':'integer'}}}",
         {"+{'a':1,'ab':2,'abc':3}", "+{'abc':3}", "-{'ab':1,'a':2}", "+{'a':1,'abc':2}"}},
        {"{'type':'object','properties':{'a\\'\\n':{'const':1}}}", {"+{'a\\'\\n':1}", "-{'a':1}"}},
        {"{'properties':{'o':{'type':'object','properties':{'x':{'type':'null'}}}}}",
         {"+{'o':{}}", "+{'o':{'x':null}}", "-{'o':{'y':1}}", "-3"}},
        {"{'allOf':[{'type':'object','properties':{'a':{'type':'integer'}},'required':['a']},"
         "{'properties':{'a':{'minimum':3},'b':{'type':'null'}},'required':['b']}]}",
         {"+{'a':3,'b':null}", "-{'a':2,'b':null}", "-{'a':3}"}},
        {"{'allOf':[{'properties':{'a':{}},'additionalProperties':false},"
         "{'properties':{'b':{}}}],'type':'object'}",
         {"+{'a':1}", "+{}", "-{'b':1}"}},
        {"{'type':'object','minProperties':0,'x-order':1,'title':'T','description':'D',"
         "'examples':[1],'default':{}}",
         {"+{}"}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_combinations(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{'anyOf':[{'type':'integer'},{'type':'string','maxLength':1}]}",
         {"+1", "+'a'", "-'ab'", "-null"}},
        {"{'anyOf':[{'type':'string','maxLength':2},{'type':'string','pattern':'^x+$'}]}",
         {"+'ab'", "+'xxxx'", "-'abc'", "+'xx'", "-'xxxa'"}},
        {"{'anyOf':[{'type':'object','properties':{'a':{'type':'integer'}},'required':['a']},"
         "{'type':'object','properties':{'a':{'type':'string'},'b':{}},'required':['a','b']}]}",
         {"+{'a':1}", "-{'a':'x'}", "+{'a':'x','b':0}", "-{'a':1,'b':0}"}},
        {"{'type':'object','properties':{'k':{'type':'string'}},'required':['k'],"
         "'anyOf':[{'properties':{'k':{'const':'x'}}},{'properties':{'k':{'const':'yy'}}}]}",
         {"+{'k':'x'}", "+{'k':'yy'}", "-{'k':'y'}", "-{}"}},
        {"{'oneOf':[{'type':'integer'},{'type':'string'},{'type':'null'}]}",
         {"+1", "+'a'", "+null", "-true"}},
        {"{'oneOf':[{'const':1},{'const':2},{'enum':['a','b']}]}", {"+1", "+2", "+'a'", "-3"}},
        {"{'oneOf':[{'type':'object','properties':{'kind':{'const':'cat'},'m':{'type':'integer'}},"
         "'required':['kind']},{'type':'object','properties':{'kind':{'enum':['dog','pup']},"
         "'w':{'type':'boolean'}},'required':['kind','w']}],'discriminator':{'propertyName':'kind'}"
         "}",
         {"+{'kind':'cat'}", "+{'kind':'cat','m':1}", "-{'kind':'cat','w':true}",
          "+{'kind':'pup','w':false}", "-{'kind':'dog'}", "-{'kind':'cow'}"}},
        {"{'$ref':'#/$defs/x','$defs':{'x':{'type':'integer'}}}", {"+1", "-'a'"}},
        {"{'$defs':{'a/b':{'type':'null'},'c~d':{'$ref':'#/$defs/a~1b'},'e f':{'type':'boolean'}},"
         "'type':'array','items':{'anyOf':[{'$ref':'#/$defs/c~0d'},{'$ref':'#/$defs/e%20f'}]}}",
         {"+[null,true]", "-[1]"}},
        {"{'definitions':{'n':{'type':'object','properties':{'v':{'type':'integer'},"
         "'next':{'anyOf':[{'$ref':'#/definitions/n'},{'type':'null'}]}},"
         "'required':['v','next']}},'$ref':'#/definitions/n'}",
         {"+{'v':1,'next':null}", "+{'v':1,'next':{'v':2,'next':null}}", "-{'v':1}",
          "-{'v':1,'next':{'v':2}}"}},
        {"{'type':'object','properties':{'c':{'type':'array','items':{'$ref':'#'}}}}",
         {"+{}", "+{'c':[]}", "+{'c':[{'c':[{}]},{}]}", "-{'c':{}}"}},
        {"{'anyOf':[{'$ref':'#'},{'type':'integer'}]}", {"+1", "-'a'"}},
        {"{'type':'object','properties':{'a':{'$ref':'#/$defs/s','minLength':2}},"
         "'$defs':{'s':{'type':'string','maxLength':3}}}",
         {"+{'a':'xx'}", "-{'a':'x'}", "-{'a':'xxxx'}"}},
        {"{'allOf':[{'$ref':'#/$defs/s'},{'$ref':'#/$defs/s'}],'$defs':{'s':{'type':'string'}}}",
         {"+'a'", "-1"}},
        {"{'type':'array','items':{'anyOf':[{'type':'string','maxLength':5},{'type':'string'}]}}",
         {"+['a','b','c','d','e','f','g','h','i','j','k','l','m','n','o','p','q','r']"}},
        {"{'anyOf':[{'type':'integer'},false]}", {"+1", "-2.5"}},
        {"{'anyOf':[{'type':'string'},{'type':'integer'}],'type':['integer','null']}",
         {"+1", "-'a'", "-null"}},
        {"{'anyOf':[{'const':'a'},{'const':'ab'}],'allOf':[{'anyOf':[{'maxLength':1},"
         "{'minLength':2}]}]}",
         {"+'a'", "+'ab'", "-'abc'"}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* What is refused, where, and with which words. */
static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *subject, *words;
    } rows[] = {
        {"{'not':{}}", "schema.not", "not supported"},
        {"{'type':'object','properties':{'a':{'if':{}}}}", "schema.properties.a.if", "supported"},
        {"{'type':'array','contains':{}}", "schema.contains", "not supported"},
        {"{'type':'array','uniqueItems':true}", "schema.uniqueItems", "not supported"},
        {"{'patternProperties':{}}", "schema.patternProperties", "not supported"},
        {"{'propertyNames':{}}", "schema.propertyNames", "not supported"},
        {"{'minProperties':1}", "schema.minProperties", "not supported"},
        {"{'dependentRequired':{}}", "schema.dependentRequired", "not supported"},
        {"{'unevaluatedProperties':false}", "schema.unevaluatedProperties", "not supported"},
        {"{'nullable':true}", "schema.nullable", "not supported"},
        {"{'$dynamicRef':'#x'}", "schema.$dynamicRef", "not supported"},
        {"{'anyOf':[{},{'allOf':[{'else':{}}]}]}", "schema.anyOf[1].allOf[0].else", "supported"},
        {"3", "schema", "must be a schema"},
        {"{'type':'float'}", "schema.type", "no JSON type"},
        {"{'type':3}", "schema.type", "must be a string or an array"},
        {"{'minLength':-1}", "schema.minLength", "whole number"},
        {"{'minLength':1.5}", "schema.minLength", "whole number"},
        {"{'minimum':'1'}", "schema.minimum", "must be a number"},
        {"{'exclusiveMinimum':true}", "schema.exclusiveMinimum", "must be a number"},
        {"{'items':[{}]}", "schema.items", "must be a schema"},
        {"{'properties':{'a':1}}", "schema.properties", "object of schemas"},
        {"{'required':'a'}", "schema.required", "array of strings"},
        {"{'required':[1]}", "schema.required", "array of strings"},
        {"{'enum':[]}", "schema.enum", "non-empty"},
        {"{'anyOf':[]}", "schema.anyOf", "non-empty"},
        {"{'anyOf':{}}", "schema.anyOf", "array"},
        {"{'$ref':'http://x/y'}", "schema.$ref", "#/"},
        {"{'$ref':'#/$defs/none'}", "schema.$ref", "no schema"},
        {"{'$ref':'#'}", "schema", "refers to itself"},
        {"{'$defs':{'a':{'$ref':'#/$defs/b'},'b':{'allOf':[{'$ref':'#/$defs/a'}]}},"
         "'$ref':'#/$defs/a'}",
         "schema.$defs.a", "refers to itself"},
        {"false", "schema", "No value"},
        {"{'type':'integer','minimum':5,'maximum':4}", "schema", "No value"},
        {"{'type':'integer','minimum':0.1,'maximum':0.9}", "schema", "No value"},
        {"{'type':'string','minLength':3,'maxLength':2}", "schema", "No value"},
        {"{'type':'string','pattern':'^a$','minLength':2}", "schema", "No value"},
        {"{'type':'array','minItems':2,'maxItems':1}", "schema", "No value"},
        {"{'type':'array','items':false,'minItems':1}", "schema", "No value"},
        {"{'type':'object','properties':{'a':{'$ref':'#'}},'required':['a']}", "schema",
         "No value"},
        {"{'allOf':[{'type':'string'},{'type':'integer'}]}", "schema", "No value"},
        {"{'enum':['a'],'type':'integer'}", "schema", "No value"},
        {"{'type':'object','required':['a'],'properties':{'a':false}}", "schema", "No value"},
        {"{'enum':['a'],'pattern':'a'}", "schema.pattern", "beside enum"},
        {"{'const':[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}", "schema", "too large"},
        {"{'const':{'a':1},'properties':{}}", "schema.properties", "beside enum"},
        {"{'oneOf':[{'type':'integer'},{'type':'number'}]}", "schema.oneOf", "both"},
        {"{'oneOf':[{},{'type':'null'}]}", "schema.oneOf", "both"},
        {"{'oneOf':[{'const':1},{'const':1.0}]}", "schema.oneOf", "both"},
        {"{'oneOf':[{'type':'object','properties':{'k':{'const':1}}},"
         "{'type':'object','properties':{'k':{'const':2}}}]}",
         "schema.oneOf", "both"},
        {"{'oneOf':[{'type':'string'},{'properties':{'a':{}}}]}", "schema.oneOf", "both"},
        {"{'multipleOf':0.5}", "schema.multipleOf", "whole number"},
        {"{'multipleOf':1000}", "schema.multipleOf", "whole number"},
        {"{'minimum':1e300}", "schema.minimum", "digits"},
        {"{'pattern':'(a'}", "schema.pattern", "group without end"},
        {"{'pattern':'a)'}", "schema.pattern", "closes nothing"},
        {"{'pattern':'[a'}", "schema.pattern", "class without end"},
        {"{'pattern':'(?=a)'}", "schema.pattern", "kind of group"},
        {"{'pattern':'(?<n>a)'}", "schema.pattern", "kind of group"},
        {"{'pattern':'\\\\bword'}", "schema.pattern", "escape"},
        {"{'pattern':'(a)\\\\1'}", "schema.pattern", "escape"},
        {"{'pattern':'\\\\p{L}'}", "schema.pattern", "escape"},
        {"{'pattern':'a^b'}", "schema.pattern", "anchor"},
        {"{'pattern':'(^a)'}", "schema.pattern", "anchor"},
        {"{'pattern':'*a'}", "schema.pattern", "escaped"},
        {"{'pattern':'a{2,1}'}", "schema.pattern", "repetition"},
        {"{'pattern':'a{2000}'}", "schema.pattern", "repetition"},
        {"{'pattern':'[b-a]'}", "schema.pattern", "range"},
        {"{'pattern':'\\\\ud800'}", "schema.pattern", "no character"},
        {"{'pattern':'((a{100}){100}){100}'}", "schema.pattern", "too complex"},
        {"{'pattern':'((((){1000}){1000}){1000}){1000}'}", "schema.pattern", "too complex"},
        {"{'pattern':'^(a|b)*a(a|b){20}$'}", "schema.pattern", "too complex"},
        {"{'pattern':'^[a-z]*$','maxLength':100000}", "schema.pattern", "too complex"},
        {"{'allOf':[{'pattern':'a'},{'pattern':'b'}]}", "schema.allOf[1].pattern", "second"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct grammar *grammar;
        struct reason why = {0};
        if (grammar_from_text(rows[i].schema, &grammar, &why) == STATUS_OK)
            fail_msg("%s is accepted", rows[i].schema);
        assert_string_equal(why.code, "invalid_schema");
        if (strcmp(why.subject, rows[i].subject) != 0 ||
            !strstr(why.message[LANG_EN], rows[i].words) || !why.message[LANG_ZH][0])
            fail_msg("%s: %s: %s", rows[i].schema, why.subject, why.message[LANG_EN]);
    }
}

static void test_depth(void **state)
{
    (void)state;
    struct grammar *grammar;
    struct reason why;
    char text[256];
    assert_int_equal(grammar_any_object(&grammar, &why), STATUS_OK);
    for (int depth = 1; depth <= GRAMMAR_DEPTH_MAX + 1; depth++) {
        size_t n = (size_t)snprintf(text, sizeof text, "{\"a\":");
        for (int i = 1; i < depth; i++)
            text[n++] = '[';
        if (depth == 1)
            text[n++] = '1';
        for (int i = 1; i < depth; i++)
            text[n++] = ']';
        text[n++] = '}';
        assert_int_equal(grammar_accepts(&fixture, grammar, (struct str){text, n}),
                         depth <= GRAMMAR_DEPTH_MAX);
    }
    assert_false(grammar_accepts(&fixture, grammar, STR("[]")));
    grammar_release(grammar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),      cmocka_unit_test(test_integers),
        cmocka_unit_test(test_numbers),      cmocka_unit_test(test_strings),
        cmocka_unit_test(test_arrays),       cmocka_unit_test(test_objects),
        cmocka_unit_test(test_combinations), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}

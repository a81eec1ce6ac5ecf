"""A small validator of JSON values against JSON schemas, after the specification (draft 2020-12).

It shares nothing with the compiler in src/engine, and asserts on keywords that it does not know, so
that nothing is taken for valid by oversight. Numbers are exact (fractions)."""
import json
import re
from fractions import Fraction

ANNOTATIONS = {"title", "description", "default", "examples", "format", "$defs", "definitions",
               "$schema", "$comment", "discriminator"}
ECMA_SPACE = r"[\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]"


def type_names(value):
    if value is None:
        return {"null"}
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, Fraction):
        return {"integer", "number"} if value.denominator == 1 else {"number"}
    if isinstance(value, str):
        return {"string"}
    return {"array"} if isinstance(value, list) else {"object"}


def exact(value):
    """Numbers of a schema (parsed by json as int or float) as fractions."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return Fraction(str(value))
    if isinstance(value, list):
        return [exact(v) for v in value]
    if isinstance(value, dict):
        return {k: exact(v) for k, v in value.items()}
    return value


def equal(a, b):
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


def matches(pattern, text):
    python = pattern.replace("$", r"\Z").replace(r"\s", ECMA_SPACE)
    return re.search(python, text, re.ASCII) is not None


def resolve(root, reference):
    assert reference.startswith("#"), reference
    at = root
    for token in reference[1:].split("/")[1:]:
        token = token.replace("~1", "/").replace("~0", "~")
        at = at[int(token)] if isinstance(at, list) else at[token]
    return at


class Validator:
    def __init__(self, schema):
        self.root = schema

    def valid(self, value):
        return self.check(self.root, value)

    def check(self, schema, value):
        if isinstance(schema, bool):
            return schema
        return all(getattr(self, "on_" + key.replace("$", ""))(schema, schema[key], value)
                   for key in schema if key not in ANNOTATIONS)

    def on_type(self, _, names, value):
        names = [names] if isinstance(names, str) else names
        return bool(type_names(value) & set(names))

    def on_enum(self, _, values, value):
        return any(equal(exact(v), value) for v in values)

    def on_const(self, _, constant, value):
        return equal(exact(constant), value)

    def on_anyOf(self, _, branches, value):
        return any(self.check(b, value) for b in branches)

    def on_oneOf(self, _, branches, value):
        return sum(self.check(b, value) for b in branches) == 1

    def on_allOf(self, _, branches, value):
        return all(self.check(b, value) for b in branches)

    def on_ref(self, _, reference, value):
        return self.check(resolve(self.root, reference), value)

    def on_minimum(self, _, bound, value):
        return not isinstance(value, Fraction) or value >= exact(bound)

    def on_maximum(self, _, bound, value):
        return not isinstance(value, Fraction) or value <= exact(bound)

    def on_exclusiveMinimum(self, _, bound, value):
        return not isinstance(value, Fraction) or value > exact(bound)

    def on_exclusiveMaximum(self, _, bound, value):
        return not isinstance(value, Fraction) or value < exact(bound)

    def on_multipleOf(self, _, step, value):
        return not isinstance(value, Fraction) or (value / exact(step)).denominator == 1

    def on_minLength(self, _, n, value):
        return not isinstance(value, str) or len(value) >= n

    def on_maxLength(self, _, n, value):
        return not isinstance(value, str) or len(value) <= n

    def on_pattern(self, _, pattern, value):
        return not isinstance(value, str) or matches(pattern, value)

    def on_minItems(self, _, n, value):
        return not isinstance(value, list) or len(value) >= n

    def on_maxItems(self, _, n, value):
        return not isinstance(value, list) or len(value) <= n

    def on_prefixItems(self, _, schemas, value):
        return not isinstance(value, list) or all(self.check(s, v) for s, v in zip(schemas, value))

    def on_items(self, schema, items, value):
        skipped = len(schema.get("prefixItems", []))
        return not isinstance(value, list) or all(self.check(items, v) for v in value[skipped:])

    def on_properties(self, _, properties, value):
        return not isinstance(value, dict) or all(
            self.check(s, value[k]) for k, s in properties.items() if k in value)

    def on_required(self, _, names, value):
        return not isinstance(value, dict) or all(n in value for n in names)

    def on_additionalProperties(self, schema, others, value):
        declared = schema.get("properties", {})
        return not isinstance(value, dict) or all(
            self.check(others, v) for k, v in value.items() if k not in declared)


def self_test():
    """The validator itself can say no."""
    rows = [
        ({"type": "integer"}, "1.5", False), ({"type": "integer"}, "1.0", True),
        ({"minimum": 0.1}, "0.1", True), ({"exclusiveMinimum": 0.1}, "0.1", False),
        ({"maximum": 2}, "2.0001", False), ({"multipleOf": 5}, "12", False),
        ({"enum": [1, "a"]}, "true", False), ({"const": {"a": [1]}}, '{"a": [1.0]}', True),
        ({"maxLength": 1}, '"\\ud834\\udd1e"', True), ({"minLength": 2}, '"\\u00e9"', False),
        ({"pattern": "^a$"}, '"a\\n"', False), ({"pattern": "b"}, '"abc"', True),
        ({"items": False}, "[1]", False), ({"prefixItems": [{"type": "null"}]}, "[1]", False),
        ({"minItems": 1}, "[]", False), ({"required": ["a"]}, "{}", False),
        ({"properties": {"a": False}}, '{"a": 1}', False),
        ({"properties": {"a": True}, "additionalProperties": False}, '{"b": 1}', False),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "1", False),
        ({"anyOf": [{"type": "null"}, {"type": "array"}]}, "0", False),
        ({"allOf": [{"minimum": 1}, {"maximum": 0}]}, "1", False),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "null"}}}, "0", False),
    ]
    for schema, text, expected in rows:
        assert valid_text(schema, text) == expected, (schema, text)


def valid_text(schema, text):
    """Raises ValueError if the text does not parse."""
    def no_constant(name):
        raise ValueError(name)
    value = json.loads(text, parse_int=Fraction, parse_float=Fraction, parse_constant=no_constant)
    return Validator(schema).valid(value)

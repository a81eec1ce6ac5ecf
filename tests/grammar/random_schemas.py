#!/usr/bin/env python3
"""Random schemas, answered by a random model: every answer parses, and satisfies its schema by a
validator that knows nothing of the compiler.

Usage: random_schemas.py GENERATE [SEED [SCHEMAS]]"""
import json
import random
import subprocess
import sys

from schema_validator import self_test, valid_text

ANSWERS = 6
PATTERNS = [r"^[a-z]+$", r"^\d{3}-\d{4}$", r"\d", r"^(foo|bar)+$", r"^[^\d]{2,5}$", r"a.c", r"^\w+\s\w+$",
            r"^[A-Z]\w{0,7}$", r"d$", r"^(a|b(c|d)*)?$", "^[äöü]{1,4}$", r"^[\"\\]+$", r"^.{3}$",
            r"^#[0-9a-fA-F]{6}$", r"^\w+([.-]\w+)*@\w+\.(com|org)$"]
WORDS = ["red", "green", "re", "a\"b", "tab\there", "back\\slash", "é", "漢字", "😀", "", "x y", "null"]
NAMES = ["a", "ab", "abc", "name", "na", "été", "q\"uote", "n\nl", "id", "漢", "x y", "value"]


class Generator:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.defs = {}

    def chance(self, p):
        return self.r.random() < p

    def integer(self):
        s = {"type": "integer"}
        low = self.r.choice([-1000, -17, -1, 0, 1, 5, 99, 1000, 123456])
        if self.chance(0.6):
            s[self.r.choice(["minimum", "exclusiveMinimum"])] = low
        if self.chance(0.6):
            s[self.r.choice(["maximum", "exclusiveMaximum"])] = low + self.r.choice([2, 9, 100, 12345])
        if self.chance(0.15):
            s["multipleOf"] = self.r.choice([1, 2, 5, 7, 10])
        return s

    def number(self):
        s = {"type": "number"}
        low = self.r.choice([-12.5, -1, -0.001, 0, 0.05, 0.5, 3, 99.99, 1e3])
        if self.chance(0.6):
            s[self.r.choice(["minimum", "exclusiveMinimum"])] = low
        if self.chance(0.6):
            s[self.r.choice(["maximum", "exclusiveMaximum"])] = round(
                low + self.r.choice([0.002, 0.5, 7.25, 1000]), 4)
        return s

    def string(self):
        s = {"type": "string"}
        if self.chance(0.35):
            s["pattern"] = self.r.choice(PATTERNS)
        if self.chance(0.4):
            s["minLength"] = self.r.choice([0, 1, 2, 5])
        if self.chance(0.4):
            s["maxLength"] = self.r.choice([5, 8, 20])
        return s

    def listed(self):
        values = self.r.sample(WORDS, 4) + [self.r.choice([None, True, 1, 12, 1.5, [1, "a"], {"k": None}])]
        return self.r.choice([{"enum": values}, {"const": self.r.choice(values)},
                              {"type": "string", "enum": values}])

    def array(self, depth):
        s = {"type": "array"}
        if self.chance(0.85):
            s["items"] = self.schema(depth - 1)
        if self.chance(0.25):
            s["prefixItems"] = [self.schema(depth - 1) for _ in range(self.r.randint(1, 2))]
        if self.chance(0.4):
            s["minItems"] = self.r.randint(0, 3)
        if self.chance(0.4):
            s["maxItems"] = self.r.randint(3, 6)
        return s

    def object(self, depth):
        names = self.r.sample(NAMES, self.r.randint(0, 5))
        s = {"type": "object", "properties": {n: self.schema(depth - 1) for n in names}}
        if self.chance(0.7):
            s["required"] = [n for n in names if self.chance(0.6)]
        if self.chance(0.3):
            s["additionalProperties"] = self.r.choice([False, True, {"type": "integer"}, {"type": "string"}])
        if self.chance(0.05):
            s.setdefault("required", []).append("undeclared")
        return s

    def variants(self, depth):
        names = self.r.sample(["cat", "dog", "cow"], self.r.randint(2, 3))
        return {"oneOf": [{"type": "object", "required": ["kind", "v"], "properties": {
            "kind": {"const": n}, "v": self.schema(depth - 1)}} for n in names]}

    def reference(self, depth):
        if "list" in self.defs and self.chance(0.5):
            return {"$ref": "#/$defs/list"}
        self.defs["list"] = {"type": "object", "required": ["v", "next"], "properties": {
            "v": {"type": "boolean"}, "next": {"anyOf": [{"$ref": "#/$defs/list"}, {"type": "null"}]}}}
        self.defs["tree"] = {"type": "object", "properties": {
            "v": self.schema(min(depth - 1, 1)), "c": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}
        return {"$ref": "#/$defs/tree", "description": "a tree"}

    def together(self, depth):
        a, b = self.object(depth), self.object(depth)
        return self.r.choice([
            {"allOf": [a, b]},
            {"allOf": [self.integer(), {"minimum": 0}]},
            {"allOf": [self.string(), {"minLength": 1, "maxLength": 30}]},
            {**a, "anyOf": [{"required": ["a"]}, {"properties": {"name": {"type": "string"}}}]},
        ])

    def schema(self, depth):
        leaves = [self.integer, self.number, self.string, self.listed,
                  lambda: {"type": self.r.choice(["null", "boolean"])},
                  lambda: {"type": self.r.sample(["null", "integer", "string", "number", "boolean"], 2)}]
        if depth <= 0:
            return self.r.choice(leaves)()
        inner = [lambda: self.array(depth), lambda: self.object(depth), lambda: self.object(depth),
                 lambda: {"anyOf": [self.schema(depth - 1) for _ in range(self.r.randint(2, 3))]},
                 lambda: self.variants(depth), lambda: self.reference(depth),
                 lambda: self.together(depth), lambda: self.r.choice([True, {}])]
        return self.r.choice(inner + leaves[:2])()

    def document(self):
        self.defs = {}
        s = self.schema(3)
        if not isinstance(s, dict):
            s = {"description": "anything"}
        return {**s, "$defs": self.defs} if self.defs else s


def check(schema, text):
    """None if the text is fine, else what is wrong."""
    try:
        return None if valid_text(schema, text) else "does not satisfy the schema"
    except ValueError as error:
        return f"does not parse: {error}"


def main():
    self_test()
    program, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 700
    generator = Generator(seed)
    schemas = [generator.document() for _ in range(count)]
    lines = "".join(json.dumps(s, ensure_ascii=False) + "\n" for s in schemas)
    run = subprocess.run([program, str(seed), str(ANSWERS)], input=lines.encode(), capture_output=True,
                         check=False)
    results = [json.loads(line) for line in run.stdout.decode().split("\n") if line]
    wrong, refused, texts = 0, {}, 0
    for schema, result in zip(schemas, results):
        if "refused" in result:
            why = result["refused"].split(" ", 1)[-1]
            refused[why] = refused.get(why, 0) + 1
            continue
        for text in result["texts"]:
            problem = check(schema, text)
            texts += 1
            if problem:
                wrong += 1
                print(f"{json.dumps(schema, ensure_ascii=False)}\n  {text[:2000]}\n  {problem}")
    accepted = len(results) - sum(refused.values())
    print(f"{accepted} schemas, {texts} answers, {wrong} wrong; refused: {refused}")
    if run.returncode or len(results) < count:
        print(f"the program ended with {run.returncode} at schema {len(results)}: "
              f"{json.dumps(schemas[len(results) - 1], ensure_ascii=False)}\n{run.stderr.decode()}")
        return 1
    return 1 if wrong or accepted < 500 else 0


if __name__ == "__main__":
    sys.exit(main())

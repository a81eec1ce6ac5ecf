#!/usr/bin/env python3
"""Writes src/model/unicode_tables.c from the Unicode Character Database 16.0.

Needs the PyPI package unicodedata2 16.0.0 (Python's own unicodedata follows the interpreter).
The tokenizer that qvl reproduces takes letters and numbers from Unicode 16, but composes (NFC) by
Unicode 9: what later versions added to composition is inert, by the lists below.
"""
import sys

import unicodedata2 as ucd

LATE_MARKS = """07FD 0897-089F 08CA-08D3 09FE 0C3C 0D3B-0D3C 0EBA 1715 1ABF-1ADD 1AE0-1AEB 1DF6-1DFA
A82C 10D24-10D27 10D69-10D6D 10EAB-10EAC 10EFA-10EFB 10EFD-10EFF 10F46-10F50 10F82-10F85 11070 1133B
113CE-113D0 1145E 11839-1183A 1193D-1193E 11943 119E0 11A34 11A47 11A99 11D42 11D44-11D45 11D97
11F41-11F42 1612F 16FF0-16FF1 1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF 1E4EC-1E4EF 1E5EE-1E5EF 1E6E3
1E6E6 1E6EE-1E6EF 1E6F5"""
LATE_COMPOSITES = """11938 105C9 105E4 11383 11385 1138E 11391 113C5 113C7-113C8 16121-16128
16D68-16D6A"""
SPACES = "0009-000D 0020 0085 00A0 1680 2000-200A 2028-2029 202F 205F 3000"

LETTER, NUMBER, SPACE, UNSTABLE, LATE = 1, 2, 4, 8, 16


def ranges(text):
    for item in text.split():
        first, _, last = item.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


def seconds():
    """Characters that can be the second of a canonical pair: their presence may change others."""
    for c in range(0x110000):
        parts = ucd.decomposition(chr(c)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            yield int(parts[1], 16)
    yield from range(0x1161, 0x1176)  # Hangul vowels
    yield from range(0x11A8, 0x11C3)  # and trailing consonants


def classes():
    table = [0] * 0x110000
    for c in range(0x110000):
        if 0xD800 <= c <= 0xDFFF:
            continue
        category = ucd.category(chr(c))[0]
        table[c] |= {"L": LETTER, "N": NUMBER}.get(category, 0)
        if ucd.combining(chr(c)) or ucd.normalize("NFC", chr(c)) != chr(c):
            table[c] |= UNSTABLE
    for c in seconds():
        table[c] |= UNSTABLE
    for c in ranges(SPACES):
        table[c] |= SPACE
    for c in [*ranges(LATE_MARKS), *ranges(LATE_COMPOSITES)]:
        table[c] = table[c] & ~UNSTABLE | LATE
    return table


def main():
    assert ucd.unidata_version == "16.0.0", ucd.unidata_version
    table = classes()
    rows, start = [], 0
    for c in range(1, 0x110001):
        if c == 0x110000 or table[c] != table[start]:
            if table[start]:
                rows.append((start, c - 1, table[start]))
            start = c
    out = sys.stdout
    out.write("/* Made by scripts/unicode-tables.py from the Unicode Character Database 16.0\n"
              " * (Unicode License V3). Do not edit. */\n"
              '#include "model/unicode.h"\n\n'
              "const struct unicode_range unicode_ranges[] = {\n")
    for i in range(0, len(rows), 4):
        cells = (f"{{0x{a:X}, 0x{b:X}, {k}}}," for a, b, k in rows[i:i + 4])
        out.write("    " + " ".join(cells) + "\n")
    out.write("};\n\nconst size_t unicode_range_count = sizeof unicode_ranges / "
              "sizeof *unicode_ranges;\n")


if __name__ == "__main__":
    main()

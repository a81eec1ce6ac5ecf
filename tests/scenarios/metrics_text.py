"""A strict reader of the text that Prometheus scrapes: format 0.0.4 and OpenMetrics 1.0."""
import re

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
SAMPLE = re.compile(r'([a-z][a-z0-9_]*)(?:\{(.*)\})? (\S+)\Z')
LABEL = re.compile(r'([a-z][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|\Z)')
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?\Z")


def fail(line, why):
    raise AssertionError(f"{why}: {line!r}")


class Family:
    def __init__(self, name, kind, samples):
        self.name, self.kind, self.samples = name, kind, samples


def read_labels(text, line):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        if not match or match[1] in labels:
            fail(line, "bad labels")
        labels[match[1]] = match[2]
        at = match.end()
    return labels


def allowed_names(family, kind, open_metrics):
    if kind == "histogram":
        return {family + "_bucket", family + "_sum", family + "_count"}
    return {family + "_total"} if kind == "counter" and open_metrics else {family}


def check_histogram(family):
    buckets = [(labels["le"], value) for name, labels, value in family.samples
               if name.endswith("_bucket")]
    bounds = [float("inf") if le == "+Inf" else float(le) for le, _ in buckets]
    if bounds != sorted(set(bounds)) or bounds[-1] != float("inf"):
        fail(family.name, "bounds out of order")
    counts = [value for _, value in buckets]
    if counts != sorted(counts):
        fail(family.name, "buckets are not cumulative")
    total = [value for name, _, value in family.samples if name.endswith("_count")]
    if total != [counts[-1]]:
        fail(family.name, "_count is not the last bucket")


def read_metrics(text, open_metrics=False):
    """The families by their name; anything that is not as the format has it is an error."""
    if not text.endswith("\n"):
        fail(text[-80:], "no newline at the end")
    lines, families, at = text.split("\n")[:-1], {}, 0
    if open_metrics:
        if lines.pop() != "# EOF":
            fail(lines[-1], "no # EOF")
    while at < len(lines):
        help_line, type_line = lines[at:at + 2]
        match = re.match(r"# HELP ([a-z0-9_]+) (.+)\Z", help_line)
        if not match or not NAME.match(match[1]) or not match[2].endswith("."):
            fail(help_line, "not a HELP line")
        name = match[1]
        kind = re.match(rf"# TYPE {name} (counter|gauge|histogram)\Z", type_line)
        if not kind or name in families:
            fail(type_line, "not a TYPE line, or the second one")
        if kind[1] == "counter" and name.endswith("_total") == open_metrics:
            fail(type_line, "a counter's name")
        family, at = Family(name, kind[1], []), at + 2
        names, seen = allowed_names(name, kind[1], open_metrics), set()
        while at < len(lines) and not lines[at].startswith("#"):
            match = SAMPLE.match(lines[at])
            if not match or match[1] not in names or not NUMBER.match(match[3]):
                fail(lines[at], "not a sample of " + name)
            labels = read_labels(match[2] or "", lines[at])
            if (match[1], tuple(labels.items())) in seen:
                fail(lines[at], "twice")
            seen.add((match[1], tuple(labels.items())))
            value = float(match[3])
            if kind[1] != "gauge" and value < 0:
                fail(lines[at], "less than nothing")
            family.samples.append((match[1], labels, value))
            at += 1
        if kind[1] == "histogram":
            check_histogram(family)
        families[name] = family
    return families


def value_of(families, name, **labels):
    """The sum of a name's samples with these labels."""
    family = families.get(name) or families[re.sub(r"_(bucket|sum|count)$", "", name)]
    return sum(value for sample, have, value in family.samples
               if sample == name and labels.items() <= have.items())

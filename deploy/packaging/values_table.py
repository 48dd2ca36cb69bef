"""The table of values in helm/tidegate/README.md, made from the comments of values.yaml; and that the schema knows them all.

It must never invent a text: a value without a comment is a fault.
"""

import json
import re

import yaml

from places import CHART


BEGIN, END = "<!-- values: begin -->", "<!-- values: end -->"


def rows():
    """(path, default, text) of every value, in the order of the file."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    path, text, found, done = [], None, [], []
    for line in (CHART / "values.yaml").read_text().splitlines():
        stripped = line.strip()
        if stripped.startswith("# -- "):
            text = stripped[5:]
            continue
        match = re.match(r"^( *)([A-Za-z][A-Za-z0-9]*):", line)
        if not match:
            if not stripped:
                text = None
            continue
        depth = len(match[1]) // 2
        # Below a described value everything is its default.
        if done and depth > done[-1][0] and path[: len(done[-1][1])] == done[-1][1]:
            continue
        path = path[:depth] + [match[2]]
        value = values
        for key in path:
            value = value[key]
        if text is None:
            assert isinstance(value, dict) and value, f"{'.'.join(path)} has no description"
            continue
        done.append((depth, list(path)))
        found.append((".".join(path), value, text))
        text = None
    return found


def table():
    lines = ["| value | default | meaning |", "|---|---|---|"]
    for path, value, text in rows():
        shown = json.dumps(value)
        lines.append(f"| `{path}` | `{shown}` | {text} |")
    return "\n".join(lines)


def _split():
    text = (CHART / "README.md").read_text()
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    return before, old.strip(), after


def write():
    before, _, after = _split()
    (CHART / "README.md").write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}")


def _readme():
    assert _split()[1] == table(), "helm/tidegate/README.md is old: deploy/packaging/run readme"


def _resolve(schema, root):
    while "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _schema():
    """Every value stands in the schema, and everything in the schema is a value."""
    root = json.loads((CHART / "values.schema.json").read_text())

    def compare(values, schema, path):
        schema = _resolve(schema, root)
        if "properties" not in schema or "patternProperties" in schema:
            return
        assert schema.get("additionalProperties") is False, f"{path}: the schema takes unknown values"
        missing = set(values) - set(schema["properties"])
        assert not missing, f"{path}: not in the schema: {missing}"
        if path.rsplit(".", 1)[-1] in ("requests", "limits", "startup", "liveness", "readiness", "resources", "timeouts"):
            return
        extra = set(schema["properties"]) - set(values) - {"global"}
        assert not extra, f"{path}: in the schema, and no value: {extra}"
        for name, value in values.items():
            if isinstance(value, dict):
                compare(value, schema["properties"][name], f"{path}.{name}")

    compare(yaml.safe_load((CHART / "values.yaml").read_text()), root, "values")


def checks():
    yield "README.md has the values of values.yaml", _readme
    yield "the schema has the values of values.yaml", _schema

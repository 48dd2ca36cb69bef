#!/usr/bin/env python3
"""Writes the fuzz targets' first inputs: the messages, payloads, rows and tokens of the recorded cases.

    python3 seed.py            fills corpus/<target> with all of them
    python3 seed.py --keep     fills seeds/<target> with at most 50 each, those that bring the most new words

It must never invent an input: what it writes was recorded.
"""

import hashlib
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE.parent / "tests" / "conformance" / "cases"
NAMED = json.loads((CASES.parent / "fixture_ids.json").read_text())["named"]
IDS = {f"{kind.rstrip('s').replace('policie', 'policy')}_{name}": key for kind, names in NAMED.items() for name, key in names.items()}
ENVELOPE = {"type", "uid"}
LARGEST = 4096
KEPT = 50
FOUND = {}


def steps():
    for path in sorted(CASES.glob("*/*.json")):
        text = re.sub(r"\$\{(\w+)\}", lambda name: str(IDS.get(name[1], "x")), path.read_text())
        case = json.loads(text)
        for step in case["steps"]:
            yield step
        for step in case["expect"]:
            yield {"expected": step.get("msg")}


def objects(value):
    """Every object that could be a row."""
    if isinstance(value, dict):
        if "id" in value:
            yield value
        for below in value.values():
            yield from objects(below)
    elif isinstance(value, list):
        for below in value:
            yield from objects(below)


def write(target, text):
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= LARGEST:
        FOUND.setdefault(target, {})[hashlib.sha1(data).hexdigest()] = data


def chosen(inputs):
    """The inputs that bring the most new words, shortest first among equals."""
    words = {name: set(re.findall(rb"[$\w]+", data)) for name, data in inputs.items()}
    known, kept = set(), {}
    while len(kept) < KEPT:
        best = max(words, key=lambda name: (len(words[name] - known), -len(inputs[name]), name))
        if not words[best] - known:
            break
        known |= words[best]
        kept[best] = inputs[best]
    return kept


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main():
    for step in steps():
        message = step.get("msg")
        if isinstance(message, dict):
            write("message", compact(message))
            asked = {name: value for name, value in message.items() if name not in ENVELOPE}
            if message.get("action", "read") == "read" and "collection" in message:
                write("query", compact(asked))
                write("sql", compact(asked))
            if "data" in message:
                write("payload", compact({name: asked[name] for name in asked if name in ("collection", "data")}))
            for row in objects(message.get("data")):
                write("image", compact(row))
        for name in ("raw", "text"):
            if isinstance(step.get(name), str):
                write("message", step[name])
        for row in objects(step.get("expected")):
            write("image", compact(row))
        if "mint" in step:
            claims = {"iss": "directus", "role": None, "app_access": False, "admin_access": False, "exp": 1900000000}
            minted = step["mint"] if isinstance(step["mint"], dict) else {}
            claims.update(minted.get("claims", {}))
            write("jwt", compact(claims))
            write("jwt", compact({"alg": minted.get("alg", "HS256"), "typ": "JWT"}) + "\n" + compact(claims))
    keep = "--keep" in sys.argv
    for target, inputs in FOUND.items():
        folder = HERE / ("seeds" if keep else "corpus") / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in (chosen(inputs) if keep else inputs).items():
            (folder / name).write_bytes(data)


main()

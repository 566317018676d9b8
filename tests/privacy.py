#!/usr/bin/env python3
"""privacy.py INPUT... -- FOLDER_OR_FILE...

Everything that names a person in the CNAF files and JSON lines INPUT is looked for in every
file given after `--`: as it is (in the encodings that a file may have), in either case, in
base64 at each of its three phases, in hexadecimal. Prints what was found where, without the
value itself; ends with 1 if anything was, or if there was nothing to look for or in.
"""
import base64
import json
import os
import re
import sys
import xml.etree.ElementTree as xml

PERSONAL = {
    "NOM", "NOMNAI", "PRENOM", "PRENOM2", "PRENOM3", "NOMCOMNAI", "NIR", "DTNAI", "MATRICULE",
    "NUMDEMRSA", "NUMDEMRSAPRECE", "NOMVOIE", "LIEUDIST", "COMPLADR",
    "COMPLIDEADR", "LIBLIG2ADR", "LIBLIG3ADR", "LIBLIG4ADR", "LIBLIG5ADR", "LIBLIG6ADR",
    "LIBLIG7ADR", "IDASSEDIC", "NOMCOM", "LIBANO",
}
SHORTEST = 6  # below, a value says little and occurs by chance


def from_xml(path):
    for element in xml.parse(path).iter():
        text = (element.text or "").strip()
        if element.tag in PERSONAL and len(text) >= SHORTEST:
            yield text
            if element.tag == "NIR":
                yield text[:13]


def from_json(path):
    """Pseudonymised fields are given as canonical text, encrypted ones clear."""
    for line in open(path, encoding="utf-8"):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        yield event["entete"]["dossier"]
        for text in re.findall(r'"((?:ec|ed|nir):[^"]*)"', line):
            yield from (part for part in re.split(r"[:|]", text)[1:] if len(part) >= SHORTEST)


def forms(value):
    """name of a form -> bytes"""
    out = {}
    for text in {value, value.lower(), value.upper(), value.title()}:
        for encoding in ("utf-8", "windows-1252", "iso-8859-15"):
            try:
                raw = text.encode(encoding)
            except UnicodeEncodeError:
                continue
            out.setdefault(raw, "plain")
            out.setdefault(raw.hex().encode(), "hex")
            out.setdefault(raw.hex().upper().encode(), "hex")
            for phase in range(3):
                code = base64.b64encode(b"\0" * phase + raw).rstrip(b"=")
                # without the characters that depend on the neighbours
                core = code[(0, 2, 3)[phase]:]
                if (phase + len(raw)) % 3:
                    core = core[:-1]
                if len(core) >= 7:
                    out.setdefault(core, "base64")
                    out.setdefault(core.replace(b"+", b"-").replace(b"/", b"_"), "base64url")
    return out


def files(paths):
    for path in paths:
        if os.path.isfile(path):
            yield path
        for folder, _, names in os.walk(path):
            yield from (os.path.join(folder, n) for n in names)


def main():
    split = sys.argv.index("--")
    values = set()
    for path in sys.argv[1:split]:
        values.update(from_json(path) if path.endswith(".json") else from_xml(path))
    needles = {}
    for number, value in enumerate(sorted(values)):
        for raw, form in forms(value).items():
            needles.setdefault(raw, (number, form))
    read = hits = total = 0
    for path in files(sys.argv[split + 1:]):
        data = open(path, "rb").read()
        read += 1
        total += len(data)
        for raw, (number, form) in needles.items():
            if raw in data:
                hits += 1
                print(f"{path}: value {number}, {form}, byte {data.find(raw)}")
    print(f"{len(values)} values, {len(needles)} forms, {read} files, {total} bytes, {hits} hits")
    sys.exit(1 if hits or not values or not total else 0)


main()

"""The contract's schemas and code lists, read as data: types, codes, empty values."""
import csv
import json
import os


class Schema:
    """One .avsc: its records by full name, for checks and for whole values."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as text:
            self.root = json.load(text)
        self.named = {}
        self._collect(self.root, "")

    def _collect(self, node, space):
        if isinstance(node, list):
            for branch in node:
                self._collect(branch, space)
        elif isinstance(node, dict):
            if node.get("type") in ("record", "enum"):
                space = node.get("namespace", space)
                self.named[f"{space}.{node['name']}"] = node
            for key in ("type", "items"):
                if isinstance(node.get(key), (dict, list)):
                    self._collect(node[key], space)
            for field in node.get("fields", []):
                self._collect(field["type"], space)

    @property
    def fields(self):
        return [f["name"] for f in self.root["fields"]]

    def _record(self, kind):
        """The record a field's type speaks of, and whether it is an array of it."""
        if isinstance(kind, str):
            return self.named.get(kind), False
        if isinstance(kind, list):
            for branch in kind:
                found, many = self._record(branch)
                if found:
                    return found, many
            return None, False
        if kind.get("type") == "array":
            return self._record(kind["items"])[0], True
        return (kind, False) if kind.get("type") == "record" else (None, False)

    def whole(self, value, record=None):
        """value with every field of the schema, absent ones null or empty."""
        record = record or self.root
        out = {}
        unknown = set(value) - {f["name"] for f in record["fields"]}
        assert not unknown, f"not in the schema: {unknown}"
        for field in record["fields"]:
            inner, many = self._record(field["type"])
            given = value.get(field["name"])
            if given is None and isinstance(field["type"], dict) and field["type"]["type"] == "array":
                given = []
            if inner and given is not None and inner["type"] == "record":
                given = [self.whole(g, inner) for g in given] if many else self.whole(given, inner)
            out[field["name"]] = given
        return out

    def codes(self, value, record=None, path=""):
        """(variable, code, park, path) of every code in a whole value."""
        record = record or self.root
        for field in record["fields"]:
            given, here = value.get(field["name"]), f"{path}{field['name']}"
            if given is None:
                continue
            park = field.get("relais:inconnu") == "parquer"
            variable = field.get("relais:code")
            if "relais:codes" in field:
                variable = field["relais:codes"].get(value[field["relais:codes"]["selon"]])
            if variable:
                for code in given if isinstance(given, list) else [given]:
                    yield variable, code, park, here
            inner, many = self._record(field["type"])
            if inner and inner["type"] == "record":
                for item in given if many else [given]:
                    yield from self.codes(item, inner, here + ".")

    def sealed(self, record=None, path=""):
        """(path, ring usage, clear form) of every encrypted field."""
        record = record or self.root
        for field in record["fields"]:
            here = f"{path}{field['name']}"
            if field.get("relais:protect") == "encrypt":
                yield here, field["relais:cle"], field.get("relais:clair")
            inner, _ = self._record(field["type"])
            if inner and inner["type"] == "record":
                yield from self.sealed(inner, here + ".")


class Codes:
    """Lists of a folder; rows of the overlay replace or add by code."""

    def __init__(self, folder, overlay=None):
        self.lists, self.territories = {}, {}
        for place in filter(None, (folder, overlay)):
            for name in sorted(os.listdir(place)):
                if name.endswith(".csv"):
                    self._read(place, name)

    def _read(self, place, name):
        variable, fresh = name[:-4], {}
        with open(os.path.join(place, name), encoding="utf-8", newline="") as text:
            for row in csv.DictReader(text):
                fresh.setdefault(row["code"], []).append(row)
        if variable == "ideparte":
            for code, rows in fresh.items():
                self.territories[code] = {r["territoire"] for r in rows}
        else:
            self.lists.setdefault(variable, {}).update(fresh)

    def valid(self, variable, code, day):
        """day: ISO text."""
        return any((not r["from"] or r["from"] <= day) and (not r["to"] or day <= r["to"])
                   for r in self.lists.get(variable, {}).get(code, []))

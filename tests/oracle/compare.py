#!/usr/bin/env python3
"""compare.py [--repeats allowed|forbidden] [--ring FILE] [--most N] EXPECTED ACTUAL

EXPECTED: lines of oracle.py. ACTUAL: lines of `relais subscribe` over the territory's topics
and their DLQ. Equal are: the set of events, every field, headers and their order, keys,
partitions, the order in each key. A repeated id with the same bytes is told apart. The first
differences are printed by path; ends with 1 if there is one.
"""
import argparse
import base64
import collections
import json
import re
import sys

# of a file's block, which never was in a topic: without partition and offset
CONNECT = [f"__connect.errors.{n}" for n in ("topic", "stage", "exception.message")]


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def event_id(event):
    value = event["value"]
    return (value.get("entete") or value)["id"]


def differences(want, got, path=""):
    if isinstance(want, dict) and isinstance(got, dict):
        for key in sorted(set(want) | set(got)):
            here = f"{path}.{key}" if path else key
            if key not in want:
                yield here, "nothing", got[key]
            elif key not in got:
                yield here, want[key], "nothing"
            else:
                yield from differences(want[key], got[key], here)
    elif isinstance(want, list) and isinstance(got, list):
        if len(want) != len(got):
            yield f"{path}.length", len(want), len(got)
        for i, (a, b) in enumerate(zip(want, got)):
            yield from differences(a, b, f"{path}[{i}]")
    elif type(want) is not type(got) or want != got:
        yield path, want, got


class Report:
    def __init__(self, most):
        self.most, self.count = most, 0

    def __call__(self, *words):
        self.count += 1
        if self.count <= self.most:
            print(*words)


def compare_event(report, want, got):
    name = f"{want['topic']} {want['subject'].rsplit('.', 1)[-1]} {event_id(want)}"
    for field in ("partition", "subject", "headers"):
        for path, a, b in differences(want[field], got[field], field):
            report(f"{name}: {path}: expected {a!r}, got {b!r}")
    if list(want["headers"]) != list(got["headers"]):
        report(f"{name}: headers in the order {list(got['headers'])}")
    for path, a, b in differences(want["value"], got["value"], "value"):
        report(f"{name}: {path}: expected {a!r}, got {b!r}")


def compare_control(report, want, got, parked):
    name = f"{want['topic']} {want['value']['issue']} of {want['value']['depot']}"
    value, reference = dict(got["value"]), dict(want["value"])
    reason = value.pop("motif", "absent")
    reference.pop("motif")
    if reason in ("", "absent") or (reason is None) != want["loose"]["silent"]:
        report(f"{name}: motif {reason!r}")
    if not re.fullmatch("[0-9a-f]{16}", value.pop("version_codes", "")):
        report(f"{name}: version_codes is not 16 hexadecimal characters")
    reference.pop("version_codes")
    # by code: as they were parked in fact; their number is the oracle's
    rows = [{"code": c, "nombre": n} for c, n in sorted(parked[value["depot"]].items())]
    reference["parques"] = rows if value["issue"] == "INTEGRE" else []
    if sum(r["nombre"] for r in value["parques"]) != want["loose"]["parques"]:
        report(f"{name}: {value['parques']} parked, expected {want['loose']['parques']}")
    value["parques"] = sorted(value["parques"], key=lambda r: r["code"])
    compare_event(report, dict(want, value=reference), dict(got, value=value))


def compare_parked(report, want, got, opened):
    name = f"{want['topic']} {want['value']['depot']} block {want['value']['position']}"
    value, loose = got["value"], want["loose"]
    for field in ("id", "depot", "position"):
        if value[field] != want["value"][field]:
            report(f"{name}: {field}: expected {want['value'][field]!r}, got {value[field]!r}")
    if value["code"] not in loose["codes"]:
        report(f"{name}: code: expected one of {loose['codes']} ({loose['fields']}), "
               f"got {value['code']!r} at {value['ou']!r}")
    if not value["ou"] or not value["regle"]:
        report(f"{name}: ou and regle say nothing")
    if got["subject"] != want["subject"]:
        report(f"{name}: subject {got['subject']!r}")
    headers = {k: v for k, v in got["headers"].items() if not k.startswith("__connect.")}
    for path, a, b in differences(want["headers"], headers, "headers"):
        report(f"{name}: {path}: expected {a!r}, got {b!r}")
    missing = [h for h in CONNECT if h not in got["headers"]]
    if missing:
        report(f"{name}: headers without {missing}")
    if got["headers"].get("__connect.errors.topic") != want["topic"][:-len(".dlq")]:
        report(f"{name}: __connect.errors.topic {got['headers'].get('__connect.errors.topic')!r}")
    if opened:
        block = base64.b64decode(loose["block"])
        if value["charge"] is None or block not in base64.b64decode(value["charge"]):
            report(f"{name}: charge does not hold the block as read")


def main():
    ask = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ask.add_argument("--repeats", choices=("allowed", "forbidden"), default="forbidden")
    ask.add_argument("--most", type=int, default=30)
    ask.add_argument("--closed", action="store_true", help="ACTUAL was read without keys")
    ask.add_argument("expected")
    ask.add_argument("actual")
    args = ask.parse_args()
    report = Report(args.most)
    want = [e for e in read(args.expected) if "verdict" not in e]
    got, repeats, first, parked = [], 0, {}, collections.defaultdict(collections.Counter)
    for event in sorted(read(args.actual), key=lambda e: (e["topic"], e["partition"], e["offset"])):
        if event.get("problem") or event["value"] is None:
            report(f"{event['topic']} {event['partition']} {event['offset']}: "
                   f"cannot be read: {event.get('problem')}")
            continue
        key = (event["topic"], event_id(event))
        content = json.dumps([event["key"], list(event["headers"].items()), event["schema_id"],
                              event["value"]], sort_keys=True)
        if key in first:
            repeats += 1
            if first[key] != content:
                report(f"{key}: two contents under one id")
            continue
        first[key] = content
        got.append(event)
        if event["topic"].endswith(".dlq"):
            parked[event["value"]["depot"]][event["value"]["code"]] += 1

    # an event is known by its topic and id
    there = {(e["topic"], event_id(e)): e for e in got}
    here = {(e["topic"], event_id(e)): e for e in want}
    assert len(here) == len(want), "the oracle gives an id twice"
    for key in sorted(set(here) - set(there)):
        value = here[key]["value"]
        report(f"missing: {key[0]} {key[1]} {value.get('fait', value.get('issue', 'parked'))} "
               f"{here[key].get('loose', '')and here[key]['loose'].get('codes', '')} of "
               f"{value.get('depot') or value['entete']['origine']}")
    for key in sorted(set(there) - set(here)):
        value = there[key]["value"]
        report(f"too many: {key[0]} {key[1]} "
               f"{value.get('fait', value.get('issue', value.get('code')))} "
               f"{value.get('ou', '')} {value.get('changements', '')} of "
               f"{value.get('depot') or value['entete']['origine']} {value.get('position', '')}")
    for key, a in here.items():
        b = there.get(key)
        if not b:
            continue
        keys = a.get("loose", {}).get("keys", [a["key"]])
        if b["key"] not in keys:
            report(f"{key}: key: expected {keys}, got {b['key']}")
        if key[0].endswith(".dlq"):
            compare_parked(report, a, b, not args.closed)
        elif key[0].endswith(".control.v1"):
            compare_control(report, a, b, parked)
        else:
            compare_event(report, a, b)

    chains = [collections.defaultdict(list), collections.defaultdict(list)]
    for chain, events in zip(chains, (want, got)):
        for event in events:
            if (event["topic"], event_id(event)) in here and \
               (event["topic"], event_id(event)) in there:
                key = there[event["topic"], event_id(event)]["key"]
                chain[event["topic"], key].append(event_id(event))
    for key, ids in chains[0].items():
        if ids != chains[1][key]:
            report(f"{key}: order: expected {ids[:8]}, got {chains[1][key][:8]}")

    if repeats and args.repeats == "forbidden":
        report(f"{repeats} repeats")
    if report.count > report.most:
        print(f"and {report.count - report.most} more differences")
    print(f"{len(want)} expected, {len(got)} there, {repeats} repeats, {report.count} differences")
    return 1 if report.count else 0


if __name__ == "__main__":
    sys.exit(main())

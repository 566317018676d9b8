#!/usr/bin/env python3
"""events.py COMMAND FILE... -- what the lines of `relais subscribe` say.

  order FILE...        every (topic, source, case) counts 1, 2, 3... in its partition; a
                       repeated id has the same key, headers and value
  same A B             the same events, bytes and order per case, repeats apart
  list FILE            one line an event: topic case sequence nature fait etat changes
  count FILE           distinct ids
  expected FILE FOLDER [N] events of FILE (read with a ring that opens the case's number) are
                       those of cnaf_gen's FOLDER/attendu.tsv, of its first N files
  field FILE NAME      value.NAME of each event, in the file's order
"""
import json
import sys


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def identity(event):
    """What A3 says is equal in every publication of a fact."""
    return json.dumps([event["topic"], event["key"], event["headers"], event["schema_id"],
                       event["value"]], sort_keys=True)


def event_id(event):
    value = event["value"]
    return (value.get("entete") or value)["id"]


def by_case(events):
    """Per (topic, source, case) the events of each id's first coming, in order."""
    cases, seen = {}, {}
    for event in sorted(events, key=lambda e: (e["topic"], e["partition"], e["offset"])):
        if event.get("problem") or event["value"] is None:
            sys.exit(f"not an event: {event['topic']} {event['partition']} {event['offset']}: "
                     f"{event.get('problem')}")
        key = (event["topic"], event_id(event))
        if key in seen:
            if seen[key] != identity(event):
                sys.exit(f"two contents under one id: {key}")
            continue
        seen[key] = identity(event)
        entete = event["value"].get("entete")
        source = entete["source"] if entete else ""
        cases.setdefault((event["topic"], source, event["key"]), []).append(event)
    return cases


def order(events):
    for case, chain in by_case(events).items():
        if len({e["partition"] for e in chain}) != 1:
            sys.exit(f"{case}: in two partitions")
        if "entete" not in chain[0]["value"]:
            continue
        numbers = [e["value"]["entete"]["sequence"] for e in chain]
        if numbers != list(range(1, len(numbers) + 1)):
            sys.exit(f"{case}: sequences {numbers[:20]}")
        if any(e["value"]["entete"]["dossier"] != e["key"] for e in chain):
            sys.exit(f"{case}: key is not the case")
    return len({(e["topic"], event_id(e)) for e in events})


def same(a, b):
    a, b = by_case(a), by_case(b)
    for case in sorted(set(a) | set(b)):
        left = [identity(e) for e in a.get(case, [])]
        right = [identity(e) for e in b.get(case, [])]
        if left != right:
            for i, (x, y) in enumerate(zip(left, right)):
                if x != y:
                    sys.exit(f"{case} event {i + 1}:\n  {x[:3000]}\n  {y[:3000]}")
            sys.exit(f"{case}: {len(left)} events, and {len(right)}")


def expected(events, folder, files):
    names = [line.split("\t")[0] for line in open(f"{folder}/resume.tsv", encoding="utf-8")][:files]
    want = []
    for line in open(f"{folder}/attendu.tsv", encoding="utf-8"):
        f = line.rstrip("\n").split("\t")
        if f[0] in names:
            want.append((f[2], int(f[3]), f[4], f[5], f[6], f[7] or None, f[8], f[9]))
    got = []
    for chain in by_case(events).values():
        for event in chain:
            v, e = event["value"], event["value"]["entete"]
            got.append((v["numero_demande"], e["sequence"], e["nature"], v["fait"], v["etat"],
                        v["etat_precedent"], e["survenu_le"], ",".join(v["changements"])))
    missing, more = sorted(set(want) - set(got)), sorted(set(got) - set(want))
    if missing or more or len(want) != len(got):
        sys.exit(f"{len(want)} expected, {len(got)} there; missing {len(missing)}: {missing[:5]}; "
                 f"more {len(more)}: {more[:5]}")
    print(f"{len(got)} events as expected")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    command, paths = sys.argv[1], sys.argv[2:]
    events = read(paths[0])
    if command == "order":
        for path in paths[1:]:
            events += read(path)
        print(f"{order(events)} events")
    elif command == "same":
        same(events, read(paths[1]))
    elif command == "list":
        for case, chain in sorted(by_case(events).items(), key=lambda c: (c[0][0], c[1][0]["key"])):
            for event in chain:
                value = event["value"]
                entete = value.get("entete", {})
                print(case[0], event["key"], entete.get("sequence"), entete.get("nature"),
                      value.get("fait", value.get("issue", value.get("code"))), value.get("etat"),
                      ",".join(value.get("changements", [])))
    elif command == "expected":
        expected(events, paths[1], int(paths[2]) if len(paths) > 2 else None)
    elif command == "count":
        print(len({(e["topic"], event_id(e)) for e in events}))
    elif command == "field":
        for event in events:
            print(event["value"].get(paths[1]))
    else:
        sys.exit(__doc__)


main()

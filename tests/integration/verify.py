#!/usr/bin/env python3
"""verify.py COMMAND FILE... -- what a fault did to the events.

Files of build/tools/kdump (one message a line, bytes in hex), of `relais subscribe` or
of sink_file (one JSON object a line).

  same WANT GOT             two dumps: every event of WANT is in GOT once or more, each
                            time with equal key, headers and value; none else; in the same
                            partition and, by first coming, in the same order per key
  read DUMP LINES...        every event of the dump is in the files of JSON lines once or
                            more, with equal content each time, none else; in the order of
                            its case by first coming within each file
  runs FILE[:FROM[:TO]]...  lines FROM (1) to TO of sink_file, each what one process wrote:
                            per partition its offsets only grow, none comes twice
  after OFFSETS FILE:FROM   lines from FROM on, of one process alone in its group: every
                            partition begins at its offset in OFFSETS (lines "topic
                            partition offset")
  count DUMP                messages, events
  lines FILE...             distinct ids in JSON lines
"""
import json
import sys


def fail(text):
    sys.exit(text)


def dump(path):
    """Messages of a dump in the order of partition and offset."""
    messages = []
    with open(path, encoding="ascii") as lines:
        for line in lines:
            topic, partition, offset, key, headers, value = line.rstrip("\n").split("\t")
            pairs = [pair.partition("=")[::2] for pair in headers.split(",") if pair]
            ids = [bytes.fromhex(hexa).decode() for name, hexa in pairs if name == "ce_id"]
            if len(ids) != 1:
                fail(f"{path}: {topic} {partition} {offset}: {len(ids)} headers ce_id")
            messages.append({"topic": topic, "partition": int(partition), "offset": int(offset),
                             "key": key, "id": ids[0], "bytes": (key, headers, value)})
    if not messages:
        fail(f"{path}: no message")
    messages.sort(key=lambda m: (m["topic"], m["partition"], m["offset"]))
    return messages


def first_comings(messages, path):
    """(topic, id) -> message, and (topic, key) -> ids in order; repeats must be equal."""
    events, order = {}, {}
    for m in messages:
        ident = (m["topic"], m["id"])
        before = events.get(ident)
        if before is None:
            events[ident] = m
            order.setdefault((m["topic"], m["key"]), []).append(m["id"])
        elif before["bytes"] != m["bytes"]:
            fail(f"{path}: {ident} has two contents, at {before['offset']} and {m['offset']}")
        elif before["partition"] != m["partition"]:
            fail(f"{path}: {ident} is in two partitions")
    return events, order


def short(idents):
    idents = sorted(idents)
    return f"{len(idents)}: {idents[:5]}"


def same(want_path, got_path):
    want, want_order = first_comings(dump(want_path), want_path)
    got, got_order = first_comings(dump(got_path), got_path)
    if set(want) - set(got):
        fail(f"missing events, {short(set(want) - set(got))}")
    if set(got) - set(want):
        fail(f"events that should not be, {short(set(got) - set(want))}")
    for ident, m in want.items():
        other = got[ident]
        for what, left, right in zip(("key", "headers", "value"), m["bytes"], other["bytes"]):
            if left != right:
                fail(f"{ident}: other {what}:\n  {left[:1500]}\n  {right[:1500]}")
        if m["partition"] != other["partition"]:
            fail(f"{ident}: partition {other['partition']}, not {m['partition']}")
    for key, ids in want_order.items():
        if got_order[key] != ids:
            fail(f"{key[0]}: order of a case differs: {ids[:10]} and {got_order[key][:10]}")
    print(f"{len(want)} events equal, {len(dump(got_path)) - len(got)} repeats")


def entete(event):
    return event["value"].get("entete") or event["value"]


def read_lines(path):
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
            except ValueError:
                fail(f"{path}:{number}: not JSON")
            if event.get("problem"):
                fail(f"{path}:{number}: {event['problem']}")
            yield event


def content(event):
    return json.dumps([event["topic"], event["key"], event["value"]], sort_keys=True)


def read(dump_path, paths):
    want, order = first_comings(dump(dump_path), dump_path)
    got, total = {}, 0
    for path in paths:
        here = {}
        for event in read_lines(path):
            total += 1
            ident = (event["topic"], entete(event)["id"])
            text = content(event)
            if got.setdefault(ident, text) != text:
                fail(f"{path}: {ident} has two contents")
            key = (event["topic"], event["key"].encode().hex())
            ids = here.setdefault(key, [])
            if ident[1] not in ids:
                ids.append(ident[1])
        for key, ids in here.items():
            places = [order[key].index(i) for i in ids if i in order.get(key, ())]
            if places != sorted(places):
                fail(f"{path}: order of a case: places {places[:20]}")
    if set(want) - set(got):
        fail(f"events not read, {short(set(want) - set(got))}")
    if set(got) - set(want):
        fail(f"events read that are not in the topics, {short(set(got) - set(want))}")
    print(f"{len(got)} events read, {total - len(got)} repeats")


def part(spec):
    """(name, events) of FILE[:FROM[:TO]]."""
    path, *bounds = spec.split(":")
    first = int(bounds[0]) if bounds else 1
    last = int(bounds[1]) if len(bounds) > 1 else None
    return path, list(read_lines(path))[first - 1:last]


def runs(specs):
    total = 0
    for spec in specs:
        last, events = {}, part(spec)[1]
        if not events:
            fail(f"{spec}: no line")
        total += len(events)
        for event in events:
            place = (event["topic"], event["partition"])
            if event["offset"] <= last.get(place, -1):
                fail(f"{spec}: {place} goes from {last[place]} back to {event['offset']}")
            last[place] = event["offset"]
    print(f"{total} lines in {len(specs)} runs, offsets only grow")


def after(offsets_path, spec):
    committed, first = {}, {}
    with open(offsets_path, encoding="ascii") as lines:
        for line in lines:
            topic, partition, offset = line.split()
            committed[topic, int(partition)] = int(offset)
    if not committed:
        fail(f"{offsets_path}: no committed offset")
    for event in part(spec)[1]:
        first.setdefault((event["topic"], event["partition"]), event["offset"])
    if not set(committed) & set(first):
        fail(f"{spec}: nothing of the partitions that had an offset")
    for place, offset in committed.items():
        if first.get(place, offset) != offset:
            fail(f"{spec}: {place} was committed at {offset}, begins at {first[place]}")
    print(f"{len(first)} partitions begin where the group was")


def count(path):
    messages = dump(path)
    print(len(messages), len(first_comings(messages, path)[0]))


def main():
    if len(sys.argv) < 3:
        fail(__doc__)
    command, paths = sys.argv[1], sys.argv[2:]
    if command == "same" and len(paths) == 2:
        same(*paths)
    elif command == "read" and len(paths) > 1:
        read(paths[0], paths[1:])
    elif command == "runs":
        runs(paths)
    elif command == "after" and len(paths) == 2:
        after(*paths)
    elif command == "count":
        count(paths[0])
    elif command == "lines":
        print(len({(e["topic"], entete(e)["id"]) for p in paths for e in read_lines(p)}))
    else:
        fail(__doc__)


main()

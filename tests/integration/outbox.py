"""Writers of an outbox, and what the topic must hold of them.

write URL WRITER COUNT LOG: COUNT transactions, each an insert and its delete; a line of LOG
for each that is committed. A lost connection: asks whether it was, by a table of its own.
COUNT 0: without haste, until there is a file LOG.end.
compare TOPIC.jsonl LOG...: every id of the logs, in the order of its dossier.
tables TOPIC.jsonl URL: sink_postgres wrote each event once, and of each payment the newest.
"""

import itertools
import json
import os
import subprocess
import sys
import time


def run(url, sql):
    return subprocess.run(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", url, "-c", sql],
                          capture_output=True, text=True)


def write(url, writer, count, log):
    writer, count = int(writer), int(count)
    table = f"ecrit{writer}"
    while run(url, f"CREATE TABLE IF NOT EXISTS {table} (n int PRIMARY KEY)").returncode:
        time.sleep(0.2)
    with open(log, "w") as out:
        batch = 20
        for first in range(0, count, batch) if count else itertools.count(0, batch):
            if not count:
                if os.path.exists(log + ".end"):
                    break
                time.sleep(0.1)
            statements = []
            lines = []
            for n in range(first, first + batch):
                # in the end each dossier counts some events, some for the same payment
                payment = n if count else n % 600
                case = f"{writer * 10000 + n % (17 if count else 300):08d}193"
                uid = f"00000000-0000-8000-8{writer:03d}-{n:012d}"
                payload = {
                    "paiement": f"00000000-0000-8000-9{writer:03d}-{payment:012d}",
                    "prestation": "RSA", "fait": "EMIS", "etat": "EMIS",
                    "mois": "2026-01-01", "montant_centimes": 100 + n, "sens": "AJOUT",
                    "destinataire": "ALLOCATAIRE",
                    "entete": {"survenu_le": "2026-01-05"},
                }
                statements.append(
                    f"BEGIN; INSERT INTO outbox VALUES ('{uid}', 'paiement', '{case}', 'EMIS', "
                    f"'{json.dumps(payload)}'); DELETE FROM outbox WHERE id = '{uid}'; "
                    f"INSERT INTO {table} VALUES ({n}); COMMIT;")
                lines.append((n, case, uid))
            while True:
                done = run(url, f"SELECT coalesce(max(n), -1) FROM {table}")
                if done.returncode:
                    time.sleep(0.2)
                    continue
                done = int(done.stdout)
                left = [s for s, l in zip(statements, lines) if l[0] > done]
                if not left:
                    break
                subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", url],
                               input="\n".join(left), text=True, capture_output=True)
            for _, case, uid in lines:
                out.write(f"{case} {uid}\n")
            out.flush()


def compare(topic, *logs):
    want = {}
    for log in logs:
        for line in open(log):
            case, uid = line.split()
            want.setdefault(case, []).append(uid)
    seen, first = {}, {}
    for line in open(topic):
        event = json.loads(line)
        uid = event["value"]["entete"]["id"]
        if uid not in first:
            first[uid] = event
            seen.setdefault(event["key"], []).append(uid)
    missing = [u for ids in want.values() for u in ids if u not in first]
    if missing:
        sys.exit(f"{len(missing)} events are not in the topic, first {missing[0]}")
    if len(first) != sum(map(len, want.values())):
        sys.exit(f"{len(first)} events instead of {sum(map(len, want.values()))}")
    for case, ids in want.items():
        key = first[ids[0]]["key"]
        if [u for u in seen[key] if u in set(ids)] != ids:
            sys.exit(f"another order in the dossier of {ids[0]}")
    for uids in seen.values():
        sequences = [first[u]["value"]["entete"]["sequence"] for u in uids]
        if sequences != list(range(1, len(uids) + 1)):
            sys.exit("sequences with a gap")


def tables(topic, url):
    newest, ids = {}, set()
    for line in open(topic):
        v = json.loads(line)["value"]
        rank = (v["entete"]["constate_le"], v["entete"]["sequence"])
        ids.add(v["entete"]["id"])
        if v["paiement"] not in newest or rank > newest[v["paiement"]][0]:
            newest[v["paiement"]] = (rank, v["entete"]["id"], str(v["montant_centimes"]))
    for table, want in (("_historique", sorted(ids)),
                        ("", sorted("|".join((k, i, m)) for k, (_, i, m) in newest.items()))):
        columns = "entete_id" if table else "paiement, entete_id, montant_centimes"
        got = run(url, f"SELECT {columns} FROM relais.evenement_paiement{table}").stdout.split()
        if sorted(got) != want:
            missing, more = sorted(set(want) - set(got)), sorted(set(got) - set(want))
            sys.exit(f"table{table}: {len(got)} rows of {len(want)}, missing {missing[:3]}, "
                     f"not of the topic {more[:3]}")


{"write": write, "compare": compare, "tables": tables}[sys.argv[1]](*sys.argv[2:])

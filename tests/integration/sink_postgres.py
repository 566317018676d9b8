"""What tables of sink_postgres must hold, from the topic's events, and what they do hold.

expect TOPIC.jsonl | dump 'PSQL COMMAND': one line an object: key, id of its newest event,
some columns, and its lists.
"""

import json
import subprocess
import sys


def expect(path):
    newest = {}
    for line in open(path):
        value = json.loads(line)["value"]
        head = value["entete"]
        rank = (head["constate_le"], head["sequence"])
        key = value["droit"]
        if key not in newest or rank > newest[key][0]:
            newest[key] = (rank, value)
    for key in sorted(newest):
        v = newest[key][1]
        foyer = v["foyer"] or {}
        print(
            key,
            v["entete"]["id"],
            v["entete"]["sequence"],
            v["etat"],
            v["montant_mensuel_centimes"],
            foyer.get("commune"),
            ",".join(p["personne"] for p in v["personnes"]),
            ",".join(str(c["montant_centimes"]) for c in v["composantes"]),
            ",".join(v["changements"]),
        )


def dump(psql):
    sql = """
    SELECT concat_ws(' ', droit, entete_id, entete_sequence, etat,
      coalesce(montant_mensuel_centimes::text, 'None'), coalesce(foyer_commune, 'None'),
      coalesce((SELECT string_agg(personne, ',' ORDER BY ordre)
                FROM relais.evenement_droit_personnes p WHERE p.droit = d.droit), ''),
      coalesce((SELECT string_agg(coalesce(montant_centimes::text, 'None'), ',' ORDER BY ordre)
                FROM relais.evenement_droit_composantes p WHERE p.droit = d.droit), ''),
      coalesce((SELECT string_agg(valeur, ',' ORDER BY ordre)
                FROM relais.evenement_droit_changements p WHERE p.droit = d.droit), ''))
    FROM relais.evenement_droit d ORDER BY droit::text COLLATE "C"
    """
    out = subprocess.run(psql, shell=True, input=sql, text=True, capture_output=True, check=True)
    sys.stdout.write(out.stdout)


{"expect": expect, "dump": dump}[sys.argv[1]](sys.argv[2])

#!/usr/bin/env python3
"""table.py BENCH_JSON DATE MACHINE -- what a run of make bench measured, as a page of the docs"""
import json
import sys

rows = json.load(open(sys.argv[1], encoding="utf-8"))


def figure(x):
    if x is None:
        return ""
    return f"{x:,.0f}".replace(",", " ") if x >= 1000 else f"{x:.3g}".replace(".", ",")


print(f"""# Mesures

Un passage de `make bench`, {sys.argv[2]}, {sys.argv[3]}.
Chaque chemin est mesuré à côté de son étalon, à tour de rôle. Les colonnes sont des médianes ; le rapport est la médiane des rapports
de chaque paire (au-dessus de 1, relais va plus vite ; pour la mémoire, la part du plafond). Page écrite par `tests/bench/table.py`.

| chemin (étalon) | relais | étalon | rapport | unité | but | paires |
|---|---:|---:|---:|---|---|---:|""")
for r in rows:
    name = r["name"] if not r["name"].startswith("  ") else "· " + r["name"].strip()
    target = "" if r["target"] == "reported" else r["target"].replace(">=", "≥").replace("<=", "≤")
    print(f"| {name} | {figure(r['ours'])} | {figure(r['yardstick'])} | {figure(r['ratio'])} | {r['unit']} | {target} | {r['pairs']:.0f} |")

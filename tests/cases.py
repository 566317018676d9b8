"""Cases of `relais schema --batch`: each line is a request and what it must answer, `want`: the `out`, or
{"error": code}. Usage: cases.py RELAIS FILE..."""
import json
import subprocess
import sys

relais, *files = sys.argv[1:]
wrong = 0
for name in files:
    with open(name, encoding="utf-8") as f:
        lines = f.read().splitlines()
    done = subprocess.run([relais, "schema", "--batch"], input="\n".join(lines).encode(), stdout=subprocess.PIPE, check=True)
    answers = done.stdout.decode().splitlines()
    if len(answers) != len(lines) or not lines:
        sys.exit(f"{name}: {len(lines)} cases, {len(answers)} answers")
    for line, answer in zip(lines, answers):
        case, got = json.loads(line), json.loads(answer)
        said = got["out"] if got["ok"] else {"error": got["error"]["code"]}
        if got["id"] != case["id"] or json.dumps(said, sort_keys=True) != json.dumps(case["want"], sort_keys=True):
            wrong += 1
            print(f"{name}: {case['id']}\n  want {json.dumps(case['want'])}\n  got  {answer}")
sys.exit(wrong > 0)

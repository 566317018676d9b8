"""compose.py FILE -- a compose file's shape without Docker: services, images or builds, and
that what depends_on, volumes and secrets name exists. Only Python's own library: the file
keeps to the plain YAML that this reads (blocks by two blanks, no tabs, no anchors)."""
import re
import sys

path = sys.argv[1]
stack, tree = [], {}
for number, line in enumerate(open(path, encoding="utf-8"), 1):
    if not line.strip() or line.lstrip().startswith("#"):
        continue
    if "\t" in line:
        sys.exit(f"{path}:{number}: tab")
    indent = len(line) - len(line.lstrip(" "))
    if indent % 2:
        sys.exit(f"{path}:{number}: odd indentation")
    depth = indent // 2
    if depth > len(stack):
        sys.exit(f"{path}:{number}: jumps in")
    stack = stack[:depth]
    item = line.strip()
    if item.startswith("- "):
        stack.append(item)
        tree.setdefault(tuple(stack[:depth]), []).append(item[2:].strip())
        continue
    match = re.fullmatch(r"([A-Za-z0-9_.-]+):(?:\s+(.*))?", item)
    if not match:
        sys.exit(f"{path}:{number}: neither a key nor an item")
    stack.append(match.group(1))
    key = tuple(stack)
    if key in tree:
        sys.exit(f"{path}:{number}: {match.group(1)} twice")
    tree[key] = [] if match.group(2) is None else [match.group(2)]

services = {k[1] for k in tree if len(k) == 2 and k[0] == "services"}
volumes = {k[1] for k in tree if len(k) == 2 and k[0] == "volumes"}
for name in ("kafka", "registre", "source", "abonne"):
    if name not in services:
        sys.exit(f"no service {name}")
for s in services:
    if ("services", s, "image") not in tree and ("services", s, "build") not in tree:
        sys.exit(f"{s}: neither image nor build")
    for k in tree:
        if k[:3] == ("services", s, "depends_on") and len(k) == 4 and k[3] not in services:
            sys.exit(f"{s}: depends on {k[3]}")
    for mount in tree.get(("services", s, "volumes"), []):
        source = mount.split(":")[0]
        if not source.startswith((".", "/")) and source not in volumes:
            sys.exit(f"{s}: volume {source} is not declared")

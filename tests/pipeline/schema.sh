#!/bin/bash
# relais schema: docs/SCHEMA.md tells the truth, word for word; exit states; batches.
. tests/lib.sh
examples=$PWD/docs/exemples
mkdir "$work/bin" && ln -s "$(realpath "$relais")" "$work/bin/relais"
sed -n '/^```console$/,/^```$/p' docs/SCHEMA.md | grep -v '^```' >"$work/said"
(
	cd "$examples" && PATH=$work/bin:$PATH
	grep '^\$ ' "$work/said" | while IFS= read -r line; do
		echo "$line"
		bash -c "${line#\$ }" 2>&1
	done
) >"$work/done"
check 'the page has examples' test "$(grep -c '^\$ ' "$work/said")" -ge 10
same 'each does what docs/SCHEMA.md shows' "$work/said" "$work/done"

s() { "$relais" schema "$@"; }
in_schema() { printf '%s' "$1" | s "${@:2}"; }
echo '"int"' >"$work/int.avsc" && echo '"string"' >"$work/string.avsc" && echo '"long"' >"$work/long.avsc"
echo '{' >"$work/broken.avsc"
check 'compat: 0' exits 0 s compat "$work/int.avsc" "$work/long.avsc"
check 'compat: 1, of the last older only' exits 1 s compat "$work/int.avsc" "$work/string.avsc" "$work/long.avsc"
check 'compat: 0, the last older fits' exits 0 s compat "$work/string.avsc" "$work/int.avsc" "$work/long.avsc"
check 'compat: 1, all older' exits 1 s compat --level backward_transitive "$work/string.avsc" "$work/int.avsc" "$work/long.avsc"
check 'compat: 2, a broken schema' exits 2 s compat "$work/broken.avsc" "$work/long.avsc"
check 'compat: 2, no such file' exits 2 s compat "$work/none.avsc" "$work/long.avsc"
check 'compat: 2, no such level' exits 2 s compat --level SIDEWAYS "$work/int.avsc" "$work/long.avsc"
check 'compat: 2, one file' exits 2 s compat "$work/int.avsc"
check 'compat: 2, standard input twice' exits 2 s compat - -
check 'compat reads standard input' exits 1 in_schema '"null"' compat "$work/int.avsc" -
check 'a broken schema ends with 78' exits 78 s canonical "$work/broken.avsc"
check 'no such verb ends with 78' exits 78 s canonicalise "$work/int.avsc"
check 'data too short end with 65' exits 65 in_schema '' decode "$work/int.avsc"
check 'a datum that is none ends with 65' exits 65 in_schema '"a"' encode "$work/int.avsc"
to_full() { s "$@" >/dev/full; }
check 'output that cannot be written is no success' exits 75 to_full canonical "$work/int.avsc"
check 'compat: 2 where it cannot be told' exits 2 to_full compat "$work/int.avsc" "$work/string.avsc"
check 'raw bytes come and go' sh -c 'echo 12 | "$0" schema encode "$1" | "$0" schema decode "$1" | grep -qx 12' "$relais" "$work/long.avsc"

printf '%s\n' '{"id":1,"op":"parse","schema":"\"int\""}' 'rubbish' '' '{"id":[1.50,"a"],"op":"none"}' \
    '{"id":"x","op":"canonical","schema":"\"int\""' '{"op":"decode","schema":"\"int\"","hex":"0g","id":3}' \
    '{"id":4,"op":"encode","schema":"\"string\"","json":"é\u00e9"}' >"$work/batch.in"
printf '{"id":5,"op":"compat","writer":{"type":"int"},"reader":["null"],"level":"FULL"}' >>"$work/batch.in"
cat >"$work/batch.want" <<'END'
1 true
null JSON_INVALID
[1.50,"a"] USAGE
"x" JSON_INVALID
3 USAGE
4 true
5 true
END
s --batch <"$work/batch.in" >"$work/batch.out"
check 'a batch ends with 0, whatever is in it' test $? = 0
sed -E 's/^\{"id":(.*),"ok":(true|false,"error":\{"code":"([A-Z_]*)").*/\1 \2 \3/; s/ false.* / /; s/ +$//' "$work/batch.out" >"$work/batch.got"
same 'each line has its answer, each answer its id' "$work/batch.want" "$work/batch.got"
check 'causes in a batch' grep -q '"compatible":false,"causes":\[{"rule":"MISSING_UNION_BRANCH","direction":"BACKWARD","path":"schema"' "$work/batch.out"
{ printf '{"id":6,"op":"parse","schema":"'; head -c 17000000 /dev/zero | tr '\0' ' '; printf '"}\n{"id":7,"op":"parse","schema":"\\"int\\""}\n'; } |
    s --batch >"$work/long.out"
check 'a line without end costs one answer' grep -q '^{"id":6,"ok":false,"error":{"code":"LIMIT"' "$work/long.out"
check 'and the next is read' grep -q '^{"id":7,"ok":true' "$work/long.out"
check 'the answer does not wait for the end of the input' python3 - "$relais" <<'END'
import subprocess, sys
p = subprocess.Popen([sys.argv[1], "schema", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for i in range(3):
    p.stdin.write(b'{"id":%d,"op":"parse","schema":"\\"int\\""}\n' % i)
    p.stdin.flush()
    assert p.stdout.readline().startswith(b'{"id":%d,"ok":true' % i)
p.stdin.close()
sys.exit(p.wait())
END
check 'corner cases, as the norm and most other implementations have them' python3 tests/cases.py "$relais" tests/data/avro/cases/*.jsonl

#!/bin/bash
# Every C file is as clang-format 14 writes it (other versions write otherwise: then this is
# skipped, aloud).
. tests/lib.sh
mapfile -t files < <(git ls-files '*.c' '*.h' 2>/dev/null || find core schemas connectors producers consumers cli tests -name '*.[ch]')
tool=
for t in clang-format-14 clang-format; do
	command -v "$t" >/dev/null && "$t" --version | grep -q 'version 14\.' && { tool=$t; break; }
done
if [ -z "$tool" ]; then
	skip 'C files are formatted' 'no clang-format 14 on this distribution'
	exit 0
fi
check 'C files are formatted' "$tool" --dry-run -Werror "${files[@]}"

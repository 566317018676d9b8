#!/bin/bash
# Calls without bounds, machine-dependent time, and what must not be in the tree.
. tests/lib.sh
code() { grep -rnE --include='*.c' --include='*.h' "$@" core schemas connectors producers consumers cli; }
none() { local out; out=$(code "$1" | grep -vE "${2:-^$}") || :; [ -z "$out" ] || { echo "$out"; return 1; }; }
c='(^|[^_[:alnum:]])'
check 'no unbounded string call' none "$c(sprintf|vsprintf|strcpy|strcat|strncpy|strncat|gets|strtok|alloca|mktemp|tmpnam)[[:space:]]*\("
check 'no number parsed without its end checked' none "$c(atoi|atol|atoll|atof|sscanf)[[:space:]]*\("
check 'no call of the machine zone' none "$c(localtime|localtime_r|mktime|strftime|tzset)[[:space:]]*\("
check 'no shell' none "$c(system|popen)[[:space:]]*\("
check 'plain malloc only where lack of memory aborts' \
    none "$c(malloc|calloc|realloc|strdup|strndup)[[:space:]]*\(" '^core/buf\.c:'
# wc -l: a function or a file to split
check 'no file over 600 lines' sh -c '
	out=$(find core schemas connectors producers consumers cli -name "*.[ch]" | xargs wc -l |
	    awk "\$2 != \"total\" && \$1 > 600"); echo "$out"; [ -z "$out" ]'
check 'nothing left to do later' none '(TODO|FIXME|XXX|HACK)'

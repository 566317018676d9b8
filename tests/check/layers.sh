#!/bin/bash
# The arrows of the design: which folder may include which; who may see Kafka, Avro, LMDB.
. tests/lib.sh

# FOLDER ALLOWED...: every quoted include of FOLDER is of an allowed folder or a generated header
arrows() {
	local folder=$1 bad; shift
	bad=$(grep -rnE '^#[[:space:]]*include[[:space:]]*"' "$folder" --include='*.[ch]' |
	    grep -vE "\"($(IFS='|'; echo "$*"))\"") || :
	[ -z "$bad" ] || { echo "$bad"; return 1; }
}
# no FOLDER REGEX: no system header that matches
no() {
	! grep -rnE "^#[[:space:]]*include[[:space:]]*<($2)" "$1" --include='*.[ch]'
}
[ -n "$(ls core/*.h)" ] || exit 1
check 'core includes core only' arrows core 'core/.*'
check 'schemas includes core' arrows schemas 'core/.*' 'schemas/.*' 'contracts/.*'
check 'connectors include core and connectors' arrows connectors 'core/.*' 'connectors/.*'
check 'producers include schemas, core and the connector interface' \
    arrows producers 'core/.*' 'schemas/.*' 'contracts/.*' 'producers/.*' 'connectors/connector\.h'
check 'consumers include schemas, core and the connector interface' \
    arrows consumers 'core/.*' 'schemas/.*' 'contracts/.*' 'consumers/.*' 'connectors/connector\.h'
check 'a connector knows neither Kafka nor Avro' no connectors 'librdkafka/|avro'
check 'a connector sees no header of core that shows Kafka' \
    sh -c '! grep -rn "core/kafka.h" connectors'
check 'schemas know neither Kafka nor the store' no schemas 'librdkafka/|lmdb'
check 'only the producers know the store' sh -c '! grep -rnE "include *<lmdb" core schemas connectors consumers cli'
check 'the public header stands alone' sh -c '! grep -nE "^#include \"" consumers/relais.h'

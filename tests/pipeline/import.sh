#!/bin/bash
# relais import connect: what becomes of each property is told, no password is ever printed.
. tests/lib.sh
data=tests/data/connect
import() { "$relais" import connect "$@" >"$work/ini" 2>"$work/said"; }
has() { grep -qxF -- "$1" "$work/ini" || { cat "$work/ini"; return 1; }; }   # LINE of the INI
fate() { grep -qE -- "^$1 +$2 : " "$work/said" || { cat "$work/said"; return 1; }; } # FATE PROPERTY
filled() { # KEY=VALUE...: the INI with them is a good one
	local key args=()
	for key in relais.territory=dep93 relais.instance=essai relais.source=urn:relais:essai kafka.bootstrap.servers=127.0.0.1:1 \
		registry.url=http://127.0.0.1:1 keys.file= "$@"; do args+=(-X "$key"); done
	"$relais" conf check "$work/ini" "${args[@]}"
}
told() { # FILE: every property has its line
	local name
	for name in $(python3 -c 'import json,sys; c = json.load(open(sys.argv[1])); print(*c.get("config", c))' "$1"); do
		grep -qF -- " $name" "$work/said" || { echo "nothing told of $name"; return 1; }
	done
}

check 'an outbox of Debezium' import $data/outbox.json
check '. every property is told' told $data/outbox.json
check '. connector' has 'name = source_postgres_outbox'
check '. slot' has 'slot = outbox_slot'
check '. publication' has 'publication = outbox_pub'
check '. table' has 'table = app.outbox'
check '. connection, quoted where it must be' has "dsn = host=pg1.dep93.example port=5432 user=debezium dbname='aide sociale' sslmode=verify-full"
check '. a file for the password' has 'password_file = postgresql.motdepasse'
check '. the registry without its password' has 'url = http://registre.example:8081'
check '. where the slot stands is told' grep -q "slot_name = 'outbox_slot'" "$work/ini"
check '. another column name is taken over' grep -q '^column_aggregateid = ' "$work/ini"
check '. and the usual one' fate repris transforms.outbox.table.field.event.id
check '. another transformation is left to a person' fate 'à décider' transforms.unwrap.type
check '. a property that nobody knows is left to a person' fate 'à décider' maison.reglage
placed() { fate "$1" "transforms.outbox.table.fields.additional.placement, $2"; } # FATE COLUMN
check '. a column for traceparent is taken over' has 'columns = trace_id=traceparent'
check '. and told' placed repris trace_id:header:traceparent
check '. a column for another header has no equivalent' placed 'sans équivalent' type:header:eventType
check '. a column for a partition neither' placed 'sans équivalent' rang:partition:rang
check '. a column for the envelope needs its field' placed 'à décider' cree_le:envelope:occurredAt
check '. schema or routes is asked for' fate 'à décider' 'connector.schema, connector.routes'
check '. in the INI too' sh -c 'grep -qx "; schema = " "$0" && grep -q "^; routes = " "$0"' "$work/ini"
check '. the INI is a good one once a person has filled it in' filled connector.schema=EvenementPaiement
check '. topics have no equivalent' fate 'sans équivalent' topic.prefix
cp "$work/ini" "$work/outbox.ini"
sed 's/^{$/{"type":"source","tasks":[],/' $data/outbox.json | import - && cp "$work/ini" "$work/again"
same '. the same from standard input' "$work/outbox.ini" "$work/again"

check '. the offsets of Debezium are asked for' grep -q '^; .*relais slot takeover FICHIER.ini --offsets' "$work/ini"
check '. the table is known' sh -c '! grep -q "^à décider *connector.table " "$0"' "$work/said"
table() { # TABLES, as JSON: Debezium has regular expressions here
	sed "s/\"app.outbox\"/\"$1\"/" $data/outbox.json >"$work/table.json" && import "$work/table.json"
}
check 'a table with an escaped point' table 'app\\\\.outbox'
check '. is taken over' has 'table = app.outbox'
check 'a table with its capitals' table 'Metier.Envois'
check '. is taken over as it stands' has 'table = Metier.Envois'
for text in 'app.out.*' '(app|public).outbox' 'outbox' 'app.outbox,app.battement' 'base.app.outbox' '.outbox' 'app.' 'app.outbox$'; do
	check "no table, $text" table "$text"
	check '. is left to a person' fate 'à décider' table.include.list
	check '. in the INI too' sh -c 'grep -qx "; table = public.outbox" "$0" && ! grep -q "^table = " "$0"' "$work/ini"
done
other() { # PAIRS, as JSON
	sed "s/^    \"maison.reglage\": \"x\"/$1/" $data/outbox.json >"$work/other.json" && import "$work/other.json"
}
check 'a slot that Debezium does not confirm' other '"lsn.flush.mode": "manual", "flush.lsn.source": "false"'
check '. is pointed out' fate 'à décider' lsn.flush.mode
check '. in the older words too' fate 'à décider' flush.lsn.source
check 'a salt, in the name of its property' other '"column.mask.hash.SHA-256.with.salt.sel-cache": "public.outbox.payload"'
check '. is not printed' sh -c 'grep -q "column.mask.hash.SHA-256 :" "$1" && ! grep sel-cache "$@"' - "$work/said" "$work/ini"
check 'the column type under another name' other '"transforms.outbox.table.field.event.type": "genre"'
check '. is not read' fate 'sans équivalent' transforms.outbox.table.field.event.type

columns() { # PLACEMENT
	sed "s/trace_id:header:traceparent/$1/" $data/outbox.json >"$work/columns.json" && import "$work/columns.json"
}
check 'a header named as its column' columns traceparent:header
check '. is taken over' has 'columns = traceparent=traceparent'
check 'two columns for traceparent' columns 'a:header:traceparent, b:header:traceparent'
check '. one is taken over' has 'columns = a=traceparent'
check '. the other is left to a person' placed 'à décider' b:header:traceparent
for text in 'a b:header:traceparent' 'a=b:header:traceparent' ':header:traceparent' 'a:header:' 'a:header:b:traceparent' 'a'; do
	check "no column, $text" columns "$text"
	check '. is not written' sh -c '! grep -q ^columns "$0"' "$work/ini"
	check '. is left to a person' grep -q '^à décider .*additional.placement' "$work/said"
done

check 'tables of Debezium' import $data/tables.json
check '. every property is told' told $data/tables.json
check '. connector' has 'name = source_postgres_table'
check '. the slot that Debezium makes by itself' has 'slot = debezium'
check '. the publication too' has 'publication = dbz_publication'
check '. a quote in a name' has "dsn = user='o\\'brien' dbname=webrsa"
check '. a value of a provider is left to a person' fate 'à décider' database.hostname
check '. a slot that would be dropped is pointed out' fate 'à décider' slot.drop.on.stop
check '. the plugin by default is pointed out' fate 'à décider' plugin.name
check '. what an outbox alone has is not said' sh -c '! grep -iE "outbox|le même que Debezium" "$@"' - "$work/ini" "$work/said"
check '. the message is asked for' fate 'à décider' connector.schema
check '. the mapping too' fate 'à décider' connector.mapping
check '. both in the INI' sh -c 'grep -qx "; schema = " "$0" && grep -qx "; mapping = " "$0"' "$work/ini"
check '. REPLICA IDENTITY is pointed out' grep -q '^à décider .*REPLICA IDENTITY FULL' "$work/said"
check '. in the INI too' grep -q '^; .*REPLICA IDENTITY FULL' "$work/ini"
check '. the first loading is told' grep -q ' snapshot.mode : au premier départ' "$work/said"
check '. and what the log leaves out' fate repris unavailable.value.placeholder
check '. the INI is a good one once a person has filled it in' filled connector.schema=EvenementDroit \
	connector.mapping=docs/exemples/webrsa-source.json

slot() { # NAME
	sed "s/{/{\"slot.name\":\"$1\",/" $data/tables.json >"$work/slot.json" && import "$work/slot.json"
}
check 'a slot' slot relais_1
check '. is taken over' has 'slot = relais_1'
for name in Debezium dbz-slot "$(printf 'a%.0s' {1..64})"; do
	check "a slot that PostgreSQL cannot have, $name" slot "$name"
	check '. is left to a person' fate 'à décider' slot.name
	check '. in the INI too' sh -c 'grep -qx "; slot = " "$0" && ! grep -q "^slot = " "$0"' "$work/ini"
done

check "Debezium's sink" import $data/jdbc-debezium.json
check '. every property is told' told $data/jdbc-debezium.json
check '. connector' has 'name = sink_postgres'
check '. two servers, one by its IPv6 address' has 'dsn = sslmode=require host=pg1.example,2001:db8::1 port=5433,5432 dbname=stat user=puits'
check '. topics' has 'topics = dep93.eligibility.v1,dep93.payments.v1'
check '. the INI is a good one once a person has filled it in' "$relais" conf check "$work/ini" \
	-X relais.territory=dep93 -X relais.instance=stat -X kafka.bootstrap.servers=127.0.0.1:1 -X registry.url=http://127.0.0.1:1 -X keys.file=
check '. batches' has 'batch_records = 1000'
check '. the way to write is ours' fate repris insert.mode
check '. keys are left to a person' fate 'à décider' primary.key.fields

url() { # PARAMETERS
	printf '{"connector.class":"io.debezium.connector.jdbc.JdbcSinkConnector","topics":"dep93.payments.v1","connection.url":"jdbc:postgresql://pg1/base?%s"}' \
		"$1" >"$work/url.json" && import "$work/url.json"
}
said_of() { fate "$1" "connection.url, $2"; } # FATE PARAMETER
check 'parameters of a URL' url 'ssl=true&sslmode=Require&currentSchema=compta&connectTimeout=30&targetServerType=primary&sslrootcert=/etc/ca.pem'
check '. become the connection' has 'dsn = sslmode=require target_session_attrs=read-write sslrootcert=/etc/ca.pem host=pg1 port=5432 dbname=base'
for name in ssl sslmode currentSchema connectTimeout targetServerType sslrootcert; do
	check ". $name is told" said_of repris $name
done
check '. the schema of the tables' has 'sql_schema = compta'
check '. seconds become milliseconds' has 'connect_timeout_ms = 30000'
check '. the INI is a good one once a person has filled it in' filled
check 'ssl alone' url 'ssl=true'
check '. is what the driver makes of it' has 'dsn = sslmode=verify-full host=pg1 port=5432 dbname=base'
check 'ssl without a value' url 'ssl'
check '. is the same' has 'dsn = sslmode=verify-full host=pg1 port=5432 dbname=base'
check 'no ssl' url 'ssl=false'
check '. is what libpq does' has 'dsn = host=pg1 port=5432 dbname=base'
known='ApplicationName socketTimeout tcpKeepAlive prepareThreshold reWriteBatchedInserts stringtype loadBalanceHosts options'
check 'parameters that are only told' url "$(printf '%s=x9&' $known)"
for name in $known; do check ". $name" said_of '(repris|sans équivalent|à décider)' $name; done
check '. no value of them' sh -c '! grep x9 "$@"' - "$work/ini" "$work/said"
bad_parameter() { url "$2" && said_of 'à décider' "$1" && ! grep -F -- "${2#*=}" "$work/ini" "$work/said"; } # NAME PAIR
for pair in sslmode=vite currentSchema=compta,public currentSchema=Compta connectTimeout=000 connectTimeout=9999 \
	targetServerType=secondary sslkey=/etc/cle.pk8 sslrootcert=/etc/%41 sslpassword=cle-cachee password=mot-cache; do
	check "$pair is left to a person" bad_parameter ${pair%%=*} $pair
done
check 'a password with a & in it' url 'password=mot&cache=1&fin-9z&ssl'
check '. gives no name' sh -c '! grep -E "cache|fin-9z" "$@"' - "$work/ini" "$work/said"
check '. is pointed out' said_of 'à décider' 'un paramètre'

check "Confluent's sink, as properties" import $data/jdbc-confluent.properties
check '. a line that goes on' has 'topics = dep93.eligibility.v1,dep93.control.v1'
check '. escapes' has 'dsn = host=pg1.example port=5432 dbname=base user=puits'
check '. insert alone is left to a person' fate 'à décider' insert.mode
check '. the registry' has 'url = https://registre.example'
check '. a pattern of names is not taken for a value' fate 'à décider' table.name.format

check 'another database' import $data/jdbc-mysql.json
check '. is left to a person' fate 'à décider' connection.url
check '. without a connection' sh -c '! grep -q ^dsn "$0"' "$work/ini"

silent() { # FILE: every password in it ends in -secret or :secret
	grep -qE '[-:]secret' "$1" && import "$1" || return 1
	! grep -nE '[-:]secret' "$work/ini" "$work/said"
}
for file in $data/*; do
	check "no secret of ${file##*/} is printed" silent "$file"
done
bad() { printf "$1" >"$work/bad"; exits 78 "$relais" import connect "$work/bad"; }
check 'not a connector of ours' bad '{"connector.class":"org.apache.kafka.connect.file.FileStreamSource"}'
check 'no connector at all' bad '{}'
check 'neither JSON nor properties' bad 'bonjour'
check 'a property twice' bad 'name=a\nname=b\n'
check 'a list where a text is expected' bad '{"connector.class":["a"]}'
check 'a name with a line end' bad '{"a\\nb":"c"}'
check 'bytes that are no text' bad '\377'
check 'no such file' exits 78 "$relais" import connect "$work/none"
check 'no such form' exits 78 "$relais" import debezium $data/outbox.json
bad_value() { # JSON PROPERTY
	printf '{"connector.class":"io.confluent.connect.jdbc.JdbcSinkConnector",%s}' "$1" >"$work/one"
	import "$work/one" && fate 'à décider' "$2"
}
check 'a value of two lines is not written' bad_value '"connection.user":"a\nb"' connection.user
check 'a topic that would be a family is not written' bad_value '"topics":"a.b,eligibility"' topics
check '. it is asked for in the INI' grep -qx '; topics = dep93.payments.v1' "$work/ini"
check 'a size beyond ours is not written' bad_value '"batch.size":"10001"' batch.size
check 'a size that is none is not written' bad_value '"batch.size":"-1"' batch.size
check 'a user twice is pointed out' bad_value '"connection.user":"a","connection.username":"b"' connection.username

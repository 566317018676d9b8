# connect.bash -- sourced after tests/lib.sh: Debezium's connector in a standalone worker of Kafka Connect.
#   connect_jars          fetches them with mvn, once: about 100 MB (docker/debezium)
#   connect_start FOLDER [JVM FLAG...]   a process "connect" of FOLDER/worker.properties, to which are added
#                         what every worker has, and FOLDER/connector.* (JSON or properties); sets $rest, its
#                         REST interface. What goes wrong: $work/connect.err
connect_jars_=$BUILD/debezium-$(sed -n 's/.*debezium-connector-postgres<.*<version>\(.*\)<\/version>.*/\1/p' docker/debezium/pom.xml)
connect_fetch_() { # POM FOLDER
	[ -d "$2" ] && return
	command -v mvn >/dev/null || { say 'needs maven' >&2; return 1; }
	# what it prints has colours, also where it says nothing
	mvn -B -q -f "$1" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$2.part" >"$2.log" 2>&1 ||
	    { cat "$2.log" >&2; return 1; }
	mv "$2.part" "$2"
}
connect_jars() {
	mkdir -p "$connect_jars_/plugins" && connect_fetch_ docker/debezium/connect.xml "$connect_jars_/connect" &&
	    connect_fetch_ docker/debezium/pom.xml "$connect_jars_/plugins/debezium"
}
connect_start() {
	local folder=$1; shift
	rest=http://127.0.0.1:$(free_port)
	cat >>"$folder/worker.properties" <<-END
	bootstrap.servers=$bootstrap
	key.converter=org.apache.kafka.connect.storage.StringConverter
	value.converter=org.apache.kafka.connect.storage.StringConverter
	offset.storage.file.filename=$folder/offsets
	plugin.path=$connect_jars_/plugins
	plugin.discovery=service_load
	listeners=$rest
	END
	cat >"$work/log4j2.properties" <<-'END'
	appender.c.type = Console
	appender.c.name = c
	appender.c.target = SYSTEM_ERR
	appender.c.layout.type = PatternLayout
	appender.c.layout.pattern = %d %p %c{1} %m%n
	rootLogger.level = error
	rootLogger.appenderRef.c.ref = c
	END
	start connect java "$@" -Dlog4j2.configurationFile="$work/log4j2.properties" -cp "$connect_jars_/connect/*" \
	    org.apache.kafka.connect.cli.ConnectStandalone "$folder/worker.properties" "$folder"/connector.*
}

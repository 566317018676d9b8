#!/bin/sh
# kafka.sh COMMAND [ARG...] -- a throwaway Apache Kafka 4 (KRaft) on the loopback, for tests.
#
#   jars                fetch Kafka's jars with mvn, once ("up" does it as well)
#   up [plain|secure]   format and start all nodes, wait until every one serves
#   run [plain|secure] -- COMMAND...
#                       up, COMMAND with KAFKA_BOOTSTRAP set, down; COMMAND's status
#   down                kill all nodes, remove their data
#   topic NAME [PARTITIONS [CONFIG=VALUE...]]     create a topic
#   bootstrap           the host:port list for clients
#   start N | stop N    one node (stop is a clean shutdown)
#   signal SIG N        "signal KILL 2", "signal STOP 2", "signal CONT 2"
#   leader TOPIC        the node that leads partition 0
#   pid N | rss         process id; resident size of each node
#   admin CLASS ARGS... one of Kafka's command-line classes, as the administrator
#   tool CLASS ARGS...  the same, without --bootstrap-server and credentials
#
#   BUILD        where everything is made                              (build)
#   KAFKA_LIBS   directory of the jars            (BUILD/kafka-and their version)
#   KAFKA_DIR    where the cluster lives; each cluster has its own  (BUILD/kafka)
#   KAFKA_NODES  1 or 3                                                    (1)
#   KAFKA_BASE   first port: +N clients (PLAINTEXT, or SASL_SSL), +10+N
#                controllers, +20+N between brokers, +30+N mTLS
#                (the first free row of ports, remembered in KAFKA_DIR)
#   KAFKA_JVM    flags for the JVM
#   KAFKA_EXTRA  further lines for server.properties
#   KAFKA_ADVERTISE  first port to advertise for clients instead (a proxy's)
#
# "secure": TLS everywhere, deny by default. Port +1 is SASL_SSL with SCRAM-SHA-512
# and PLAIN (admin/admin-secret, a super user; alice/alice-secret); port +31 is mutual
# TLS (CN is the user; KAFKA_DIR/tls has client.crt, CN=carol). librdkafka below 2.6.1
# cannot log in by SCRAM to this Kafka: use PLAIN or a certificate there.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's/.*<artifactId>kafka_2.13<.*<version>\(.*\)<\/version>.*/\1/p' "$here/../docker/kafka/pom.xml")
build=${BUILD:-$here/../build}
libs=${KAFKA_LIBS:-$build/kafka-$version}
dir=${KAFKA_DIR:-$build/kafka}
nodes=${KAFKA_NODES:-1}
base=${KAFKA_BASE:-$(cat "$dir.base" 2>/dev/null || echo 0)}
jvm=${KAFKA_JVM:--Xms32m -Xmx192m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto}
cluster=cmVsYWlzLXRlc3QtMDAwMQ        # 16 bytes, base64url without padding

if [ "$nodes" = 1 ]; then all=1 repl=1 isr=1; else all='1 2 3' repl=3 isr=2; fi
say() { echo "kafka.sh: $*" >&2; }
die() { say "$*"; exit 1; }
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac

java_() { # shellcheck disable=SC2086
	java $jvm ${KAFKA_OPTS:-} -Dlog4j2.configurationFile="$dir/log4j2.yaml" -cp "$libs/*" "$@"; }

# A base whose ports are all free, below the range that the system gives to clients.
free_base() {
	python3 - <<-'END'
	import random, socket, sys
	for attempt in range(200):
	    base = random.randrange(20000, 32000, 40)
	    held = []
	    try:
	        for port in range(base + 1, base + 34):
	            s = socket.socket()
	            held.append(s)
	            s.bind(("127.0.0.1", port))
	        print(base)
	        break
	    except OSError:
	        pass
	    finally:
	        for s in held:
	            s.close()
	else:
	    sys.exit("no free ports")
	END
}

voters() { v=; for i in $all; do v=$v,$i@127.0.0.1:$((base + 10 + i)); done; echo "${v#,}"; }
bootstrap() { v=; for i in $all; do v=$v,127.0.0.1:$((${KAFKA_ADVERTISE:-$base} + i)); done; echo "${v#,}"; }

# The class's own --bootstrap-server, straight to the brokers, and credentials
admin() {
	c=$1; shift
	v=; for i in $all; do v=$v,127.0.0.1:$((base + i)); done
	if [ -f "$dir/admin.properties" ]; then set -- --command-config "$dir/admin.properties" "$@"; fi
	java_ "$c" --bootstrap-server "${v#,}" "$@"
}

jars() {
	[ -d "$libs" ] && return
	[ -z "${KAFKA_LIBS:-}" ] || die "no directory $KAFKA_LIBS"
	command -v mvn >/dev/null || die "needs maven, to fetch Kafka's jars into $libs"
	mkdir -p "$(dirname "$libs")"
	part=$(mktemp -d "$libs.XXXXXX")
	mvn -B -q -f "$here/../docker/kafka/pom.xml" dependency:copy-dependencies \
	    -DincludeScope=runtime -DoutputDirectory="$part" >&2 || { rm -rf "$part"; die "mvn failed"; }
	# another fetch may have been quicker: then its directory stays
	[ -d "$libs" ] && rm -rf "$part" || mv "$part" "$libs"
}

config() { # N MODE
	n=$1
	cat <<-END
	process.roles=broker,controller
	node.id=$n
	controller.quorum.voters=$(voters)
	controller.listener.names=CONTROLLER
	log.dirs=$dir/$n
	initial.broker.registration.timeout.ms=120000
	default.replication.factor=$repl
	min.insync.replicas=$isr
	offsets.topic.replication.factor=$repl
	transaction.state.log.replication.factor=$repl
	transaction.state.log.min.isr=$isr
	share.coordinator.state.topic.replication.factor=$repl
	share.coordinator.state.topic.min.isr=$isr
	auto.create.topics.enable=false
	group.initial.rebalance.delay.ms=0
	# small: few internal partitions, few threads, little cleaner memory
	offsets.topic.num.partitions=4
	transaction.state.log.num.partitions=4
	share.coordinator.state.topic.num.partitions=4
	num.network.threads=2
	num.io.threads=2
	background.threads=2
	num.recovery.threads.per.data.dir=1
	log.cleaner.dedupe.buffer.size=4194304
	# quick: notice a dead broker in 3 s, not 9
	broker.heartbeat.interval.ms=500
	broker.session.timeout.ms=3000
	END
	if [ "$2" = plain ]; then
		cat <<-END
		# INTERNAL apart, so that a proxy before PLAINTEXT never sits between brokers
		listeners=PLAINTEXT://127.0.0.1:$((base + n)),INTERNAL://127.0.0.1:$((base + 20 + n)),CONTROLLER://127.0.0.1:$((base + 10 + n))
		advertised.listeners=PLAINTEXT://127.0.0.1:$((${KAFKA_ADVERTISE:-$base} + n)),INTERNAL://127.0.0.1:$((base + 20 + n))
		listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT
		inter.broker.listener.name=INTERNAL
		END
	else
		cat <<-END
		# every listener is TLS; brokers and controllers know each other by
		# certificate (CN=broker, a super user), clients come by SCRAM, PLAIN or
		# certificate; what no ACL allows is refused
		listeners=SASL_SSL://127.0.0.1:$((base + n)),SSL://127.0.0.1:$((base + 30 + n)),CONTROLLER://127.0.0.1:$((base + 10 + n))
		advertised.listeners=SASL_SSL://127.0.0.1:$((${KAFKA_ADVERTISE:-$base} + n)),SSL://127.0.0.1:$((base + 30 + n))
		listener.security.protocol.map=CONTROLLER:SSL,SASL_SSL:SASL_SSL,SSL:SSL
		inter.broker.listener.name=SSL
		ssl.client.auth=required
		listener.name.sasl_ssl.ssl.client.auth=none
		ssl.keystore.type=PEM
		ssl.keystore.location=$dir/tls/server.pem
		ssl.truststore.type=PEM
		ssl.truststore.location=$dir/tls/ca.crt
		ssl.principal.mapping.rules=RULE:^CN=([^,]+).*\$/\$1/,DEFAULT
		sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
		listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_admin="admin-secret" user_alice="alice-secret";
		listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
		authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
		super.users=User:broker;User:admin
		allow.everyone.if.no.acl.found=false
		END
	fi
	[ -z "${KAFKA_EXTRA:-}" ] || printf '%s\n' "$KAFKA_EXTRA"
}

# Is the recorded process still our node N?
alive() {
	p=$(cat "$dir/$1.pid" 2>/dev/null) && [ -r "/proc/$p/cmdline" ] &&
	    tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -q -F "$dir/$1.properties"
}
gone() { while alive "$1"; do sleep 0.05; done; }

launch() {
	[ -f "$dir/$1.properties" ] || die "no node $1; first: kafka.sh up"
	! alive "$1" || die "node $1 runs already"
	grep -c 'Kafka Server started' "$dir/$1.log" >"$dir/$1.starts" || :
	# shellcheck disable=SC2086
	setsid nohup java $jvm ${KAFKA_OPTS:-} -Dlog4j2.configurationFile="$dir/log4j2.yaml" \
	    -cp "$libs/*" kafka.Kafka "$dir/$1.properties" >>"$dir/$1.log" 2>&1 </dev/null &
	echo $! >"$dir/$1.pid"
}
ready() { # N SECONDS: the log line of a finished start, or a dead process
	was=$(cat "$dir/$1.starts"); k=0
	while [ "$(grep -c 'Kafka Server started' "$dir/$1.log")" -le "$was" ]; do
		kill -0 "$(cat "$dir/$1.pid")" 2>/dev/null || { say "node $1 died:"; tail -n 15 "$dir/$1.log" >&2; exit 1; }
		k=$((k + 1)); [ $k -lt $(($2 * 5)) ] || die "node $1 not up in $2 s, see $dir/$1.log"
		sleep 0.2
	done
}

down() {
	[ -e "$dir" ] || return 0
	[ -f "$dir/log4j2.yaml" ] || [ -z "$(ls -A "$dir")" ] || die "$dir is not a cluster of ours"
	for n in 1 2 3; do ! alive $n || kill -KILL "$p"; done
	for n in 1 2 3; do gone $n; done
	rm -rf "$dir" "$dir.base"
}

up() { # MODE
	jars
	[ -f "$(echo "$libs"/log4j-slf4j-impl-*.jar)" ] || die "$libs has no log4j-slf4j-impl: Kafka would log nothing"
	down; t0=$(date +%s%N); mkdir -p "$dir"
	[ -n "${KAFKA_BASE:-}" ] || base=$(free_base)
	echo "$base" >"$dir.base"
	cat >"$dir/log4j2.yaml" <<-'END'
	Configuration:
	  status: warn
	  Appenders:
	    Console:
	      name: C
	      target: SYSTEM_ERR
	      PatternLayout: {pattern: "%d %p %m (%c)%n"}
	  Loggers:
	    Root: {level: warn, AppenderRef: {ref: C}}
	    Logger: {name: kafka.server.KafkaRaftServer, level: info}
	END
	for n in $all; do config "$n" "$1" >"$dir/$n.properties"; done
	set -- "$1" -t $cluster -c "$dir/1.properties"
	if [ "$1" != plain ]; then
		"$here/tls.sh" "$dir/tls"
		cat >"$dir/admin.properties" <<-END
		security.protocol=SASL_SSL
		sasl.mechanism=SCRAM-SHA-512
		sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="admin-secret";
		ssl.truststore.type=PEM
		ssl.truststore.location=$dir/tls/ca.crt
		END
		set -- "$@" --add-scram 'SCRAM-SHA-512=[name=admin,password=admin-secret]' \
		    --add-scram 'SCRAM-SHA-512=[name=alice,password=alice-secret]'
	fi
	shift
	# format node 1; the others get the same bootstrap records, their own ids
	java_ kafka.tools.StorageTool format "$@" >"$dir/format.log" 2>&1 || { cat "$dir/format.log" >&2; exit 1; }
	for n in $all; do
		[ "$n" = 1 ] && continue
		mkdir "$dir/$n"; cp "$dir/1/bootstrap.checkpoint" "$dir/$n/"
		sed "s/^node.id=.*/node.id=$n/; s/^directory.id=\(.*\)..\$/directory.id=\1${n}A/" \
		    "$dir/1/meta.properties" >"$dir/$n/meta.properties"
	done
	t1=$(date +%s%N)
	for n in $all; do : >"$dir/$n.log"; launch "$n"; done
	for n in $all; do ready "$n" 120; done
	say "format $(((t1 - t0) / 1000000)) ms, boot $((($(date +%s%N) - t1) / 1000000)) ms; clients: $(bootstrap)"
}

[ $# -ge 1 ] || { sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
cmd=$1; shift
case $cmd in
jars)  jars; echo "$libs" ;;
up)    up "${1:-plain}" ;;
run)
	mode=plain; [ "${1:-}" = -- ] || { mode=${1:?plain or secure}; shift; }
	[ "${1:-}" = -- ] || die "run [plain|secure] -- COMMAND..."; shift
	trap down EXIT; trap 'exit 130' INT; trap 'exit 143' TERM HUP
	up "$mode"; rc=0
	KAFKA_BOOTSTRAP=$(bootstrap) KAFKA_DIR=$dir "$@" || rc=$?
	exit $rc ;;
down)  down ;;
start) launch "$1"; ready "$1" 120 ;;
stop)  alive "$1" || die "node $1 does not run"; kill "$p"; gone "$1" ;;
signal) alive "$2" || die "node $2 does not run"; kill -"$1" "$p"; [ "$1" != KILL ] || gone "$2" ;;
pid)   cat "$dir/$1.pid" ;;
rss)   for n in $all; do
		awk -v n="$n" '/^(VmRSS|VmHWM)/ {printf "%s%s %d MiB", (s++ ? ", " : "node " n ": "), $1, $2/1024} END {print ""}' \
		    "/proc/$(cat "$dir/$n.pid")/status"
	done ;;
bootstrap) bootstrap ;;
topic) t=${1:?name}; parts=${2:-1}; shift; [ $# = 0 ] || shift
	for c; do set -- "$@" --config "$c"; shift; done
	admin org.apache.kafka.tools.TopicCommand --create --topic "$t" --partitions "$parts" "$@" >/dev/null ;;
leader) admin org.apache.kafka.tools.TopicCommand --describe --topic "$1" | sed -n 's/.*Partition: 0.*Leader: \([0-9]*\).*/\1/p' ;;
admin) admin "$@" ;;
tool)  java_ "$@" ;;
*) say "unknown command $cmd"; exit 2 ;;
esac

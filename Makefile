# relais: make help
# BUILD= another folder for everything that is made.
BUILD   ?= build
ifeq ($(origin CC),default)
CC      := gcc
endif
CLANG   ?= clang
PREFIX  ?= /usr/local
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)
T       ?= 60
VERSION := 0.1.0

# Debian packages by use: to build and run the demo; to run all tests; for the extra targets
PKG_BUILD := gcc libc6-dev pkg-config librdkafka-dev libjansson-dev libexpat1-dev libmicrohttpd-dev \
             libcurl4-openssl-dev libssl-dev zlib1g-dev liblmdb-dev libavro-dev libpq-dev libjemalloc-dev
PKG_TEST  := $(PKG_BUILD) libcmocka-dev clang clang-format-14? python3 python3-cryptography curl openssl \
             maven default-jre-headless postgresql
PKG_EXTRA := $(PKG_TEST) valgrind time libclang-rt-14-dev? libclang-rt-19-dev?

PKGS     := rdkafka jansson expat libmicrohttpd libcurl libcrypto zlib libpq
WARN     := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wformat=2 -Wvla -Wstrict-prototypes -Wno-unused-parameter
OPT      ?= -O2 -g -D_FORTIFY_SOURCE=2
SAN      ?=
EXTRA    ?=
INCLUDES := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CPPFLAGS += -D_GNU_SOURCE -DRELAIS_VERSION='"$(VERSION)"' -I. -I$(BUILD)/gen $(INCLUDES)
CFLAGS   += -std=c11 $(OPT) $(WARN) -fPIC -fvisibility=hidden -fstack-protector-strong $(SAN) $(EXTRA)
LDFLAGS  += $(SAN) -Wl,-z,relro,-z,now
LIBS     := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
LDLIBS   += $(LIBS) -llmdb -lavro -lpthread -lm
# of the command only: who links librelais chooses, and a sanitizer has its own
MALLOC   := $(if $(SAN),,-ljemalloc)

LIB_DIRS := core schemas connectors producers consumers
LIB_SRC  := $(foreach d,$(LIB_DIRS),$(wildcard $(d)/*.c))
CLI_SRC  := $(wildcard cli/*.c)
# what the generator itself is made of: no generated header in it
GEN_SRC  := $(wildcard core/error.c core/buf.c core/arena.c core/value.c \
            core/json.c core/json_print.c core/day.c \
            core/crypto.c core/coding.c) \
            $(wildcard schemas/avro*.c) $(wildcard schemas/gen/*.c)
AVSC     := $(sort $(wildcard schemas/*/*.avsc))
CODELISTS:= $(sort $(wildcard schemas/codelists/*.csv))
UNIT_SRC := $(wildcard tests/unit/test_*.c)
HELP_SRC := $(wildcard tests/unit/helper_*.c)
TOOL_SRC := $(wildcard tests/gen/*.c)
BENCH_SRC:= $(wildcard tests/bench/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)

LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
CLI_OBJ  := $(CLI_SRC:%.c=$(BUILD)/obj/%.o)
GEN_OBJ  := $(GEN_SRC:%.c=$(BUILD)/gen-obj/%.o)
HELP_OBJ := $(HELP_SRC:%.c=$(BUILD)/obj/%.o)
UNITS    := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/%)
TOOLS    := $(TOOL_SRC:tests/gen/%.c=$(BUILD)/tools/%)
BENCHES  := $(BENCH_SRC:tests/bench/%.c=$(BUILD)/bench/%)
FUZZERS  := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)
STAMP    := $(BUILD)/gen/.stamp
SUB      := $(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)

all: $(BUILD)/relais $(BUILD)/librelais.so.1 $(BUILD)/librelais.a

# Headers of the contracts and the embedded texts: build/gen/contracts/*.h, build/gen/embedded.c
$(BUILD)/relais-gen: $(GEN_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/gen-obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(STAMP): $(BUILD)/relais-gen $(AVSC) $(CODELISTS)
	@mkdir -p $(BUILD)/gen/contracts
	$(BUILD)/relais-gen $(BUILD)/gen $(AVSC) $(CODELISTS)
	@touch $@
$(BUILD)/gen/embedded.c: $(STAMP)

$(BUILD)/obj/%.o: %.c | $(STAMP)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/obj/embedded.o: $(BUILD)/gen/embedded.c $(STAMP)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/librelais.a: $(LIB_OBJ) $(BUILD)/obj/embedded.o
	rm -f $@ && ar rcs $@ $^
$(BUILD)/librelais.so.1: $(LIB_OBJ) $(BUILD)/obj/embedded.o consumers/relais.map
	$(CC) -shared $(LDFLAGS) -Wl,-soname,librelais.so.1 -Wl,--version-script=consumers/relais.map -o $@ \
	    $(LIB_OBJ) $(BUILD)/obj/embedded.o $(LDLIBS)
	ln -sf librelais.so.1 $(BUILD)/librelais.so
$(BUILD)/relais: $(CLI_OBJ) $(BUILD)/librelais.a
	$(CC) $(LDFLAGS) -o $@ $(CLI_OBJ) $(BUILD)/librelais.a $(MALLOC) $(LDLIBS)

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(HELP_OBJ) $(BUILD)/librelais.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $< $(HELP_OBJ) $(BUILD)/librelais.a -lcmocka $(LDLIBS)
$(BUILD)/tools/%: $(BUILD)/obj/tests/gen/%.o $(BUILD)/librelais.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $< $(BUILD)/librelais.a $(LDLIBS)
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/librelais.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $< $(BUILD)/librelais.a $(LDLIBS)
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/librelais.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(BUILD)/librelais.a $(LDLIBS)
units: $(UNITS)
tools: $(TOOLS)
benches: $(BENCHES)
fuzzers: $(FUZZERS)

# What a machine lacks is installed by apt (sudo where needed), nothing where nothing is missing.
deps deps-test deps-extra: ; @tests/deps.sh $(PKG_$(if $(filter deps,$@),BUILD,$(if $(filter deps-test,$@),TEST,EXTRA)))

# The targets below install, build, then act: the build is a make of its own, since what
# pkg-config says is only known once the packages are there.
demo: deps
	@mkdir -p $(BUILD) && { $(SUB) all tools >$(BUILD)/make.log 2>&1 || { cat $(BUILD)/make.log; exit 1; }; }
	@tests/demo/demo.sh $(BUILD)

test: deps-test
	@rm -f $(BUILD)/total
	@$(SUB) EXTRA=-Werror all units tools
	@tests/run.sh $(BUILD) check unit pipeline integration
check: deps-test
	@$(SUB) EXTRA=-Werror all units tools
	@tests/run.sh $(BUILD) check
unit pipeline integration: deps-test
	@$(SUB) all units tools
	@tests/run.sh $(BUILD) $@

ASAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
san: deps-extra
	@$(SUB) BUILD=$(BUILD)/asan OPT='-O1 -g' SAN='$(ASAN)' all units tools
	@$(SUB) BUILD=$(BUILD)/tsan OPT='-O1 -g' SAN=-fsanitize=thread all units tools
	@rc=0; ASAN_OPTIONS=detect_leaks=1 tests/run.sh $(BUILD)/asan unit pipeline || rc=1; \
	$(CC) -shared -fPIC -O1 -o $(BUILD)/tsan/c11_threads.so tests/tsan/c11_threads.c || rc=1; \
	TSAN_OPTIONS=suppressions=$(CURDIR)/tests/tsan.supp LD_PRELOAD=$(CURDIR)/$(BUILD)/tsan/c11_threads.so \
	    SLOW=3 setarch -R tests/run.sh $(BUILD)/tsan unit pipeline || rc=1; \
	exit $$rc

valgrind: deps-extra
	@$(SUB) all units
	@WRAP='valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite' \
	    tests/run.sh $(BUILD) unit

fuzz: deps-extra
	@$(SUB) BUILD=$(BUILD)/fuzzing CC=$(CLANG) OPT='-O1 -g' SAN='-fsanitize=address,undefined,fuzzer-no-link' fuzzers
	@tests/fuzz/run.sh $(BUILD)/fuzzing $(T)

bench: deps-extra
	@$(SUB) all tools benches
	@tests/bench/run.sh $(BUILD)
bench-debezium: deps-extra
	@$(SUB) all tools benches
	@tests/bench/debezium.sh $(BUILD)
soak: deps-test
	@$(SUB) all tools
	@tests/soak.sh $(BUILD)
# servers that the distribution has not: PostgreSQL 13, 14, 16, 18
pg-versions: deps-test
	@$(SUB) all units tools
	@tests/pg_versions.sh $(BUILD)
# foreign registry clients (Python, Node, Go, Java) from their package registries
interop: deps
	@$(SUB) all
	@tests/interop/run.sh $(BUILD)

exports: all
	@tests/check/exports.sh $(BUILD)

docs: $(BUILD)/relais
	$(BUILD)/relais conf doc > docs/CONFIGURATION.md
	$(BUILD)/relais conf metrics > docs/METRICS.md

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/lib/systemd/system \
	    $(DESTDIR)$(PREFIX)/include
	install -m 755 $(BUILD)/relais $(DESTDIR)$(PREFIX)/bin/relais
	install -m 644 $(BUILD)/librelais.so.1 $(BUILD)/librelais.a $(DESTDIR)$(PREFIX)/lib
	ln -sf librelais.so.1 $(DESTDIR)$(PREFIX)/lib/librelais.so
	install -m 644 consumers/relais.h $(DESTDIR)$(PREFIX)/include/relais.h
	install -D -m 644 README.md $(DESTDIR)$(PREFIX)/share/doc/relais/README.md
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' docker/relais.pc.in \
	    >$(DESTDIR)$(PREFIX)/lib/pkgconfig/relais.pc
	sed 's|@PREFIX@|$(PREFIX)|g' docker/relais@.service \
	    >$(DESTDIR)$(PREFIX)/lib/systemd/system/relais@.service

clean:
	rm -rf $(BUILD)

help:
	@echo 'make demo       installe ce qui manque, compile, montre relais sur le broker embarque'
	@echo 'make test       tous les tests : regles, unites, bout en bout, vrai Kafka'
	@echo 'make            compile build/relais et build/librelais'
	@echo 'make check      format, couches, appels interdits, avertissements, docs a jour'
	@echo 'make unit | pipeline | integration      une suite ; ONLY=motif choisit ses fichiers'
	@echo 'make san | valgrind | fuzz T=60 | bench | bench-debezium | soak | pg-versions | exports | docs | install | clean'

ifneq ($(filter all $(BUILD)/relais install,$(or $(MAKECMDGOALS),all)),)
ifeq ($(LIBS),)
$(error il manque des bibliotheques : make deps)
endif
endif

-include $(shell find $(BUILD)/obj $(BUILD)/gen-obj -name '*.d' 2>/dev/null)
.PHONY: all units tools benches fuzzers deps deps-test deps-extra demo test check unit pipeline integration san valgrind \
        fuzz bench bench-debezium soak pg-versions interop exports docs install clean help
.SECONDARY:

# relais: make | make demo | make test | make check | make san | make valgrind | make bench | make fuzz | make soak
# BUILD= another folder for everything that is made.
BUILD   ?= build
CC      ?= gcc
CLANG   ?= clang
VERSION := 0.1.0

PKGS     := rdkafka jansson libpq expat libmicrohttpd libcurl libcrypto zlib
WARN     := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wformat=2 -Wvla -Wstrict-prototypes -Wno-unused-parameter
OPT      ?= -O2 -g
SAN      ?=
CPPFLAGS += -D_GNU_SOURCE -DRELAIS_VERSION='"$(VERSION)"' -I. -I$(BUILD)/gen $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS   += -std=c11 $(OPT) $(WARN) -fPIC -fvisibility=hidden -fstack-protector-strong $(SAN) $(EXTRA)
LDFLAGS  += $(SAN) -Wl,-z,relro,-z,now
LDLIBS   += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -llmdb -lavro -lpthread -lm

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

LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
CLI_OBJ  := $(CLI_SRC:%.c=$(BUILD)/obj/%.o)
GEN_OBJ  := $(GEN_SRC:%.c=$(BUILD)/gen-obj/%.o)
HELP_OBJ := $(HELP_SRC:%.c=$(BUILD)/obj/%.o)
UNITS    := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/%)
STAMP    := $(BUILD)/gen/.stamp

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
$(BUILD)/obj/embedded.o: $(BUILD)/gen/embedded.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/librelais.a: $(LIB_OBJ) $(BUILD)/obj/embedded.o
	rm -f $@ && ar rcs $@ $^
$(BUILD)/librelais.so.1: $(LIB_OBJ) $(BUILD)/obj/embedded.o consumers/relais.map
	$(CC) -shared $(LDFLAGS) -Wl,-soname,librelais.so.1 -Wl,--version-script=consumers/relais.map -o $@ \
	    $(LIB_OBJ) $(BUILD)/obj/embedded.o $(LDLIBS)
	ln -sf librelais.so.1 $(BUILD)/librelais.so
$(BUILD)/relais: $(CLI_OBJ) $(BUILD)/librelais.a
	$(CC) $(LDFLAGS) -o $@ $(CLI_OBJ) $(BUILD)/librelais.a $(LDLIBS)

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(HELP_OBJ) $(BUILD)/librelais.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $< $(HELP_OBJ) $(BUILD)/librelais.a -lcmocka $(LDLIBS)
units: $(UNITS)

unit: units
	@tests/run.sh unit $(BUILD)

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all units unit clean
.SECONDARY:

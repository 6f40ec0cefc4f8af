# make [all|test|check|...] [FLAVOR=release|debug|asan|tsan]      `make help` lists the verbs.
#
# Files are found by wildcard: a new .c, folder or test needs no edit here. Objects of one flavour live in
# build/<flavour> (of another BATCH in build/<flavour>-<batch>); build/weir is the release binary. Files
# below src/kern/isa are built once per instruction set. Registries (build/<flavour>/gen/*.inc) are made from file names by tools/gen_registry.py.
FLAVOR ?= release
BATCH  ?= 2048
PREFIX ?= /usr/local
B      := build/$(FLAVOR)$(if $(filter-out 2048,$(BATCH)),-$(BATCH))

ifeq ($(filter $(FLAVOR),release debug asan tsan fuzz),)
$(error FLAVOR is "$(FLAVOR)"; it must be release, debug, asan, tsan or fuzz)
endif

# ---- flags
CC     := $(if $(filter default,$(origin CC)),gcc,$(CC))
CCACHE := $(shell command -v ccache 2>/dev/null)
ARCH   := $(shell uname -m)

FLAGS_release := -O2 -fno-plt
FLAGS_debug   := -O0 -g3 -DWR_CHECKS
FLAGS_asan    := -O1 -fPIC -DWR_CHECKS -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
FLAGS_fuzz    := -O1 -DWR_CHECKS -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined
FLAGS_tsan    := -O1 -fPIC -DWR_CHECKS -Wno-maybe-uninitialized -fsanitize=thread

# The instruction sets of src/kern/isa, and what each means to the compiler. Contraction to fused
# multiply-add is off everywhere: a sum must not depend on the machine.
ifeq ($(ARCH),x86_64)
FLAGS_isa   := -march=x86-64-v2
ISAS        := base avx2 avx512
isa_base    := -march=x86-64-v2
isa_avx2    := -march=x86-64-v3
isa_avx512  := -march=x86-64-v4 -mavx512vbmi2 -mprefer-vector-width=512 $(AVX512_FLAGS)
else
ISAS        := base
endif
ISA_OPT     := $(if $(filter release,$(FLAVOR)),-O3)

# Kernels join conditions without branches on purpose, and some pragmas are for gcc only.
WARN_clang := -Wno-bitwise-instead-of-logical -Wno-unknown-pragmas
WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
           -Wno-missing-field-initializers $(if $(findstring clang,$(CC)),$(WARN_clang))
DEFINES := -D_GNU_SOURCE -DWR_BATCH_ROWS=$(BATCH) -Iinclude -Isrc -I$(B)
ALL_CFLAGS = -std=gnu17 -g $(WARN) -fvisibility=hidden -fno-math-errno -ffp-contract=off \
             $(FLAGS_isa) $(FLAGS_$(FLAVOR)) $(DEFINES) -MMD -MP $(CFLAGS)
ALL_LDFLAGS = $(filter -fsanitize=%,$(FLAGS_$(FLAVOR))) -Wl,--as-needed $(LDFLAGS)
LIBS        := -lzstd -llz4 -lz -lbrotlidec -lbrotlienc -lpcre2-8 -lutf8proc -llmdb -lsqlite3 -lpthread -lm
CLI_LIBS    := -ledit

# ---- files
SOURCES     := $(sort $(shell find src -name '*.c'))
ISA_SOURCES := $(filter-out %_test.c,$(filter src/kern/isa/%,$(SOURCES)))
TESTS       := $(filter %_test.c,$(SOURCES))
MAIN        := $(wildcard src/cli/main.c)
CLI_SOURCES := $(filter-out $(TESTS) $(MAIN),$(filter src/cli/%,$(SOURCES)))
LIB_SOURCES := $(filter-out $(TESTS) $(ISA_SOURCES) src/cli/%,$(SOURCES))

LIB_OBJ  := $(LIB_SOURCES:%.c=$(B)/%.o) $(foreach isa,$(ISAS),$(ISA_SOURCES:%.c=$(B)/%.$(isa).o))
CLI_OBJ  := $(CLI_SOURCES:%.c=$(B)/%.o)
MAIN_OBJ := $(MAIN:%.c=$(B)/%.o)
TEST_OBJ := $(TESTS:%.c=$(B)/%.o)
GEN      := $(addprefix $(B)/gen/,functions.inc formats.inc rules.inc commands.inc connectors.inc)
# Tables computed by tools/gen_<name>.py, which is given the file to write.
TABLES   := $(patsubst tools/gen_%.py,$(B)/gen/%.inc,$(filter-out %gen_registry.py,$(wildcard tools/gen_*.py)))

# ---- building
all: $(LIB_OBJ) $(CLI_OBJ) $(if $(MAIN),$(B)/weir) $(if $(MAIN),$(if $(filter release,$(FLAVOR)),build/weir))

$(B)/weir: $(LIB_OBJ) $(CLI_OBJ) $(MAIN_OBJ)
	@echo "  link  $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(CLI_LIBS)

build/weir: build/release/weir
	@ln -sfn release/weir $@

$(B)/weir_tests: $(LIB_OBJ) $(CLI_OBJ) $(TEST_OBJ)
	@echo "  link  $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(CLI_LIBS)

# The C API of include/weir/weir.h; nothing else is visible in either form.
lib: $(B)/libweir.so $(B)/libweir.a

$(B)/libweir.so: $(LIB_OBJ) include/weir/weir.map
	@echo "  link  $@"
	@$(CC) -shared -Wl,-Bsymbolic -Wl,-z,defs -Wl,-soname,libweir.so \
	    -Wl,--version-script=include/weir/weir.map $(ALL_LDFLAGS) -o $@ $(LIB_OBJ) $(LIBS)

$(B)/libweir.a: $(LIB_OBJ)
	@echo "  ar    $@"
	@$(LD) -r -o $(B)/libweir.o $^
	@objcopy -w --keep-global-symbol='weir_*' $(B)/libweir.o
	@rm -f $@ && ar rcs $@ $(B)/libweir.o && rm -f $(B)/libweir.o

# One run makes all tables and touches only those that change, so nothing is recompiled in vain.
$(GEN) &: FORCE
	@python3 tools/gen_registry.py $(B)/gen

$(B)/gen/%.inc: tools/gen_%.py
	@python3 $< $@

$(B)/%.o: %.c Makefile | $(GEN) $(TABLES)
	@mkdir -p $(@D)
	@echo "  cc    $<"
	@$(CCACHE) $(CC) $(ALL_CFLAGS) -c $< -o $@

# The library is made of the program's objects: they are position-independent and hide their symbols.
# Only these folders use variables of libc, which a shared library must find through its offset table.
$(B)/src/base/%.o $(B)/src/sys/%.o: ALL_CFLAGS += -fPIC

define isa_rule
$(B)/%.$(1).o: %.c Makefile | $(GEN) $(TABLES)
	@mkdir -p $$(@D)
	@echo "  cc    $$< ($(1))"
	@$(CCACHE) $(CC) $$(ALL_CFLAGS) $(ISA_OPT) -DWR_ISA=$(1) $$(isa_$(1)) -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call isa_rule,$(isa))))

# The Python package: python/src over the C API, with the engine's objects in it; nothing of them is
# visible. The module in python/weir is that of the flavour built last.
PYTHON     ?= python3
PY_OBJ     := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard python/src/*.c)))
PY_INCLUDE  = $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))')
python: python/weir/_weir.abi3.so

$(PY_OBJ): ALL_CFLAGS += -fPIC -isystem $(PY_INCLUDE)

$(B)/python/_weir.abi3.so: $(LIB_OBJ) $(PY_OBJ) python/src/module.map
	@echo "  link  $@"
	@$(CC) -shared -Wl,-Bsymbolic -Wl,--version-script=python/src/module.map $(ALL_LDFLAGS) -o $@ \
	    $(LIB_OBJ) $(PY_OBJ) $(LIBS)

# The command line for wheels, which nothing but the C library must be there for.
LIBS_static := -lzstd -llz4 -lz -lbrotlidec -lbrotlienc -lbrotlicommon -lpcre2-8 -lutf8proc -llmdb -lsqlite3 \
               -ledit -ltinfo -lbsd -lmd
$(B)/weir-portable: $(LIB_OBJ) $(CLI_OBJ) $(MAIN_OBJ)
	@echo "  link  $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ -Wl,-Bstatic $(LIBS_static) -Wl,-Bdynamic -lpthread -lm

python/weir/_weir.abi3.so: $(B)/python/_weir.abi3.so FORCE
	@cmp -s $< $@ || cp $< $@

tests-binary: $(B)/weir_tests

# One libFuzzer program per fuzz/<name>.c; tools/fuzz.py builds (clang, FLAVOR=fuzz) and runs them.
FUZZ := $(patsubst fuzz/%.c,$(B)/fuzz_%,$(wildcard fuzz/*.c))
fuzz-targets: $(FUZZ)
$(B)/fuzz_%: $(B)/fuzz/%.o $(LIB_OBJ)
	@echo "  link  $@"
	@$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

# Programs that are killed: tests/crash/<name>_worker.c, driven by tests/crash/<name>.py.
CRASH := $(patsubst tests/crash/%_worker.c,%,$(wildcard tests/crash/*_worker.c))
$(B)/crash_%: $(B)/tests/crash/%_worker.o $(LIB_OBJ)
	@echo "  link  $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# ---- verbs. Scripts of later parts are called when they exist; a missing one says so.
# A verb builds with all cores unless make was told how many.
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
run_script = @if [ -x $(1) ]; then $(1) $(2); else echo "make $@: $(1) does not exist"; exit 1; fi

test: setup
	@$(MAKE) --no-print-directory $(PARALLEL) FLAVOR=$(FLAVOR) all tests-binary
	@tools/leaves_nothing.sh $(B)/weir_tests
	@$(if $(filter release,$(FLAVOR)),tests/python/venv.py >/dev/null || true)
	@if [ -x tests/run.sh ]; then WEIR=$(B)/weir tools/leaves_nothing.sh tests/run.sh; fi

setup:
	@tools/setup.sh

# Also the second compiler and the formatter.
setup-checks:
	@tools/setup.sh checks

check: setup-checks
	@$(MAKE) --no-print-directory $(PARALLEL) FLAVOR=$(FLAVOR) all tests-binary
	@tools/check.sh $(B)

# The pages of docs/reference, from what the engine says about itself.
docs: all
	@tools/write_reference.py $(B)/weir

# Processes that are killed while they commit: make crash-test N=200 SEED=1
crash-test: setup
	@$(MAKE) --no-print-directory $(PARALLEL) FLAVOR=$(FLAVOR) $(addprefix $(B)/crash_,$(CRASH))
	@set -e; for name in $(CRASH); do python3 tests/crash/$$name.py $(B)/crash_$$name $(or $(N),200) $(or $(SEED),1); done

# Streams that are killed at random moments and at every failpoint, with and without dead letters, against what an
# uninterrupted run leaves; those between Kafka topics with a real broker.
crash: setup
	@$(MAKE) --no-print-directory $(PARALLEL) FLAVOR=$(FLAVOR) all
	@set -e; for script in tests/crash/streams.py tests/crash/dead_letters.py tests/crash/postgres.py $(wildcard tests/crash/kafka_*.py); do \
	    echo "$$script"; python3 $$script $(B)/weir $(or $(N),300) $(or $(SEED),1) || [ $$? -eq 77 ]; done

asan-test:
	@$(MAKE) --no-print-directory FLAVOR=asan test

# Data races: the unit tests, the C API in many threads, and every operator with three workers, also spilling. The
# sanitizer wants addresses that do not wander.
TSAN_SYSTEM := c_api_threads threads_agree small_parallel_joins with_changes sequences transactions
tsan-test: setup
	@$(MAKE) --no-print-directory $(PARALLEL) FLAVOR=tsan all tests-binary
	@setarch -R build/tsan/weir_tests
	@WEIR=build/tsan/weir setarch -R tests/run.sh $(TSAN_SYSTEM)

# Batches of 7 rows and of 1 find what depends on where a batch ends. Unit tests write batches of a few rows by hand.
# Left out with 1: files of many rows, which become as many runs and blocks when they spill and take minutes.
batch-test: setup
	@$(MAKE) --no-print-directory $(PARALLEL) FLAVOR=debug BATCH=7 all tests-binary
	@build/debug-7/weir_tests
	@WEIR=build/debug-7/weir tests/run.sh .slt functions
	@$(MAKE) --no-print-directory $(PARALLEL) FLAVOR=debug BATCH=1 all
	@WEIR=build/debug-1/weir WEIR_LEAVE_OUT="row_order aggregate_repeats" tests/run.sh .slt functions

# The same queries in several ways of running them, random ones and known ones: make differential N=5000 SEED=7
differential: setup
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@$(MAKE) --no-print-directory $(PARALLEL) BATCH=7 all
	@$(MAKE) --no-print-directory $(PARALLEL) FLAVOR=debug BATCH=1 all
	@WEIR=build/release/weir WEIR_ALSO=build/release-7/weir python3 tests/differential.py $(or $(N),2000) $(or $(SEED),1)
	@WEIR=build/release/weir WEIR_ALSO=build/release-7/weir:build/debug-1/weir python3 tests/differential_suites.py
	@WEIR=build/release/weir WEIR_ALSO=build/release-7/weir python3 tests/differential_streams.py $(or $(N),300) $(or $(SEED),1)

demo: setup
	@$(MAKE) --no-print-directory $(PARALLEL) all
	$(call run_script,examples/demo.sh)

bench: all
	$(call run_script,bench/run.sh,$(ARGS))

# make fuzz SECONDS=600: that long for each target; without it the seeds are replayed.
fuzz: setup-checks
	@SECONDS_EACH=$(or $(filter-out environment,$(SECONDS)),0) python3 tools/fuzz.py $(ARGS)

conformance: all
	$(call run_script,tests/conformance/run.sh,$(ARGS))

# dist/*.whl for every CPython from 3.11 on, with the libraries in it; auditwheel finds out for which systems.
wheel: setup
	@rm -rf build/python/wheel && mkdir -p build/python/wheel dist
	@WEIR_PORTABLE=1 $(PYTHON) python/backend.py build/python/wheel
	@python=$$(tests/python/venv.py) && PATH="$$(dirname $$python):$$PATH" $$python -m auditwheel repair \
	    --only-plat -w dist build/python/wheel/*.whl

# The tests of the Python package alone.
python-test: setup
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@WEIR=$(B)/weir tests/cli/python.sh

# The same with the extension built with the address and undefined-behaviour sanitizers; ARGS go to pytest.
python-asan: setup
	@tests/python/sanitized.sh $(ARGS)

strip: all
	@strip -o $(B)/weir.stripped $(B)/weir

install: strip lib
	@install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include/weir $(DESTDIR)$(PREFIX)/lib
	@install -m 755 $(B)/weir.stripped $(DESTDIR)$(PREFIX)/bin/weir
	@install -m 644 include/weir/*.h $(DESTDIR)$(PREFIX)/include/weir/
	@install -m 755 $(B)/libweir.so $(DESTDIR)$(PREFIX)/lib/
	@install -m 644 $(B)/libweir.a $(DESTDIR)$(PREFIX)/lib/

clean:
	@rm -rf build

help:
	@echo "make              build/weir, optimised (FLAVOR=debug, asan, tsan: build/<flavour>/weir)"
	@echo "make test         install what is missing, build, run unit tests and tests/run.sh"
	@echo "make check        layers, format, headers, symbols, banned functions, clang warnings"
	@echo "make docs         docs/reference from weir describe --json"
	@echo "make asan-test    the tests with address and undefined-behaviour sanitizers"
	@echo "make tsan-test    unit tests, C API and parallel statements with the thread sanitizer"
	@echo "make batch-test   unit tests and SQL tests with batches of 7 rows and of 1"
	@echo "make crash-test   processes killed while they commit, and what is left (N=200 SEED=1)"
	@echo "make crash        streams that are killed, against uninterrupted ones (N=300 SEED=1)"
	@echo "make differential random queries, TPC-H, classic: threads, rules off, small batches, spilling (N=2000 SEED=1)"
	@echo "make demo         examples/demo.sh"
	@echo "make bench        bench/run.sh           (ARGS=... is passed on)"
	@echo "make fuzz         fuzz/run.sh"
	@echo "make conformance  tests/conformance/run.sh"
	@echo "make python       the Python package in python/ (pip install . installs it)"
	@echo "make python-test  its tests"
	@echo "make python-asan  the same with address and undefined-behaviour sanitizers"
	@echo "make wheel        dist/*.whl, to be installed anywhere"
	@echo "make lib          libweir.so and libweir.a in build/<flavour>"
	@echo "make install      stripped binary, libraries and public headers below PREFIX=$(PREFIX)"
	@echo "make clean        remove build/"

FORCE:
.DELETE_ON_ERROR:
.SECONDARY: $(TABLES) $(CRASH:%=$(B)/tests/crash/%_worker.o)
.PHONY: all lib python python-test python-asan wheel test setup setup-checks check docs asan-test tsan-test batch-test crash-test crash differential demo bench fuzz conformance strip install clean help FORCE tests-binary fuzz-targets

DEP := $(LIB_OBJ:.o=.d) $(PY_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(MAIN_OBJ:.o=.d) $(TEST_OBJ:.o=.d)
-include $(wildcard $(DEP))

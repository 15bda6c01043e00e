# SPDX-License-Identifier: MIT
#
# Builds kernel, user programs, boot archive and ISO image, all below $(O).
#
# The kernel's variants: release in $(O), debug in $(O)/debug, ubsan in $(O)/ubsan.
# DEBUG=1 or SAN=ubsan picks the one that all, run, debug, gdb and iso use.
#
#: make run         build what is missing and boot to a shell, right here;
#:                  its disk, build/root.img, keeps what is written to it
#: make fresh       that disk as new
#: make test        all tests; T="NAME..." runs some, T=list names them
#: make crashtest   ext2 on disks that lost power, some thousand times; CRASH="--states N"
#: make test-linux  the in-guest test programs on this host's Linux
#: make bench       the same program here and on Linux; writes docs/bench.md;
#:                  BENCH="--only icount WORD" some rows, --help lists more
#: make profile CMD="..."  hot functions while CMD runs, and a flame graph
#: make unit        unit tests on the host, under ASan and UBSan
#: make layers      does a file reach upwards? (tests/layers.txt)
#: make debug       boot with QEMU waiting for GDB; then, elsewhere:
#: make gdb         GDB on that QEMU, or on one that it starts itself
#: make record      like run without a disk, or with a copy of DISK=build/root.img;
#:                  writes down what comes from outside; then:
#: make replay      GDB on exactly that run, forwards and (ct-back) backwards
#: make iso         an image that boots by BIOS and by UEFI
#: make all         kernel and boot archive
#: make setup       check the tools, install what is missing
#: make clean       remove what was built;  make compile_commands.json  for editors
#:
#: DEBUG=1  kernel with lock checks   SAN=ubsan  with UBSan
#: V=1      show the commands         O=DIR      build there, not in build/
#: SMP=N MEM=MB APPEND="..." KVM=1    for run, debug, record and gdb

O		?= build
CROSS_COMPILE	?= x86_64-linux-gnu-
KCC		:= $(CROSS_COMPILE)gcc
# Debian's musl-gcc, or its specs with a cross compiler where that is missing.
MUSL		?= $(if $(filter x86_64,$(shell uname -m)),musl-gcc,\
			$(KCC) -specs /usr/lib/x86_64-linux-musl/musl-gcc.specs)
HOSTCC		?= gcc
PYTHON		?= python3
BUSYBOX		?= $(or $(wildcard $(O)/host/bin/busybox),/bin/busybox)
K		:= $(O)$(if $(SAN),/$(SAN),$(if $(DEBUG),/debug))
TOOLS		:= $(O)/tools.stamp
export CROSS_COMPILE PYTHON O K SMP MEM APPEND KVM

Q		:= $(if $(V),,@)
# A recipe: $(1) is the word to print for it, $(2) the command.
define do
@$(if $(V),:,printf '  %-7s %s\n' $(1) $(@:$(O)/%=%))
@mkdir -p $(@D)
$(Q)$(2)
endef

MAKEFLAGS	+= --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: test-names all help crashtest run fresh record replay test test-linux unit layers debug gdb iso clean setup
.PHONY: kernels user bench profile compile_commands.json FORCE

all: $(K)/cutaway.elf $(O)/initrd.cpio
help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

$(TOOLS): scripts/setup
	@scripts/setup --quiet && mkdir -p $(O) && touch $@
setup:
	@scripts/setup && mkdir -p $(O) && touch $(TOOLS)

# ---- kernel -----------------------------------------------------------------

KDIRS	:= boot kernel/lib kernel/x86 kernel/core kernel/proc mm \
	   fs fs/tmpfs fs/devfs fs/procfs fs/ext2 ipc net drivers
KSRCS	:= $(filter-out %/asm_offsets.c,$(sort $(wildcard $(KDIRS:%=%/*.c) $(KDIRS:%=%/*.S))))
KOBJS	:= $(addsuffix .o,$(basename $(KSRCS)))

# Where gcc keeps <stdarg.h> and the like; asked once, when first needed.
GCC_INC	= $(eval GCC_INC := $(shell $(KCC) -print-file-name=include))$(GCC_INC)
KFLAGS	= -nostdinc -isystem $(GCC_INC) -I. -Iinclude -g3 -O2 -mcmodel=kernel \
	  -mno-red-zone -mgeneral-regs-only -ffreestanding -fno-pic -fno-pie \
	  -fno-stack-protector -fcf-protection=none -Wall -Wextra -Werror
# User pointers may be any number, so that adding to one may wrap around.
KCFLAGS	= -std=gnu11 -fno-omit-frame-pointer -fno-asynchronous-unwind-tables \
	  -fwrapv-pointer -fno-strict-aliasing -fno-delete-null-pointer-checks -fno-common

# The vDSO is a shared object for user mode, and data for the kernel: section .vdso.
VDSO	:= $(O)/vdso
VFLAGS	= -nostdinc -isystem $(GCC_INC) -I. -Iinclude -g -O2 -std=gnu11 -fpic -fno-common \
	  -mgeneral-regs-only -ffreestanding -fno-stack-protector -fcf-protection=none \
	  -fasynchronous-unwind-tables -Wall -Wextra -Werror
$(VDSO)/vdso.o: kernel/vdso/vdso.c Makefile | $(TOOLS)
	$(call do,VDSO,$(KCC) $(VFLAGS) -MMD -MP -c -o $@ $<)
$(VDSO)/vdso.so: $(VDSO)/vdso.o kernel/vdso/vdso.lds
	$(Q)$(CROSS_COMPILE)ld -shared -soname linux-vdso.so.1 --hash-style=both -Bsymbolic \
		--no-undefined --eh-frame-hdr --build-id=none -z noexecstack --fatal-warnings \
		-T kernel/vdso/vdso.lds -o $@ $<
$(VDSO)/image.o: $(VDSO)/vdso.so
	$(Q)$(CROSS_COMPILE)objcopy -S $< $(VDSO)/stripped
	$(Q)$(CROSS_COMPILE)objcopy -I binary -O elf64-x86-64 -B i386:x86-64 \
		--rename-section .data=.vdso,alloc,load,readonly,data,contents $(VDSO)/stripped $@
-include $(VDSO)/vdso.d

# $(1) output folder, $(2) further compiler flags
define kernel_variant
$(1)/obj/%.o: %.c $(1)/flags
	$$(call do,CC,$$(KCC) $$(KFLAGS) $$(KCFLAGS) $(2) -MMD -MP -c -o $$@ $$<)
$(1)/obj/%.o: %.S $(1)/flags $(1)/gen/asm-offsets.h
	$$(call do,AS,$$(KCC) $$(KFLAGS) $(2) -I$(1)/gen -MMD -MP -c -o $$@ $$<)

# Structure offsets for assembly: asm_offsets.c plants lines "->NAME value".
$(1)/gen/asm-offsets.s: kernel/x86/asm_offsets.c $(1)/flags
	$$(call do,GEN,$$(KCC) $$(KFLAGS) $$(KCFLAGS) $(2) -MMD -MP -S -o $$@ $$<)
$(1)/gen/asm-offsets.h: $(1)/gen/asm-offsets.s
	$$(Q)sed -n 's/^.*->\([A-Za-z_0-9]*\) [$$$$]*\(-*[0-9][0-9]*\).*/#define \1 \2/p' $$< > $$@

# Other flags or another list of sources rebuild what depends on them.
$(1)/flags: FORCE | $(TOOLS)
	@mkdir -p $$(@D)
	@echo '$$(KCC) $$(KFLAGS) $$(KCFLAGS) $(2)' | cmp -s - $$@ || \
		echo '$$(KCC) $$(KFLAGS) $$(KCFLAGS) $(2)' > $$@
$(1)/objects: FORCE
	@mkdir -p $$(@D)
	@echo '$$(KOBJS)' | cmp -s - $$@ || echo '$$(KOBJS)' > $$@

$(1)/cutaway.elf: $$(KOBJS:%=$(1)/obj/%) $(VDSO)/image.o $(1)/objects linker.ld scripts/link scripts/mksyms.py
	$$(call do,LD,scripts/link $$@ $(1)/gen $$(filter %.o,$$^))
$(1)/cutaway.iso: $(1)/cutaway.elf $(O)/initrd.cpio scripts/mkiso
	$$(call do,ISO,scripts/mkiso $$@ $$< "$(APPEND)" $(O)/initrd.cpio)

-include $$(patsubst %.o,$(1)/obj/%.d,$$(KOBJS)) $(1)/gen/asm-offsets.d
endef

$(eval $(call kernel_variant,$(O)))
$(eval $(call kernel_variant,$(O)/debug,-DCONFIG_DEBUG=1))
$(eval $(call kernel_variant,$(O)/ubsan,-DCONFIG_DEBUG=1 -fsanitize=undefined \
	-fno-sanitize=pointer-overflow))

iso: $(K)/cutaway.iso
kernels: $(O)/cutaway.elf $(O)/debug/cutaway.elf $(O)/ubsan/cutaway.elf

include user/rules.mk

# ---- what one asks for ------------------------------------------------------

include tests/unit/rules.mk

unit: $(UNITS)
	@$(PYTHON) tests/run_all.py unit
layers: kernels
	@$(PYTHON) tests/check_layers.py --nm $(CROSS_COMPILE)nm $(O)/obj
test-names:
	@$(PYTHON) tests/run_all.py --check $(T)
test: test-names $(if $(filter list,$(T)),,kernels user $(O)/initrd.cpio $(O)/cutaway.iso $(UNITS))
	@$(PYTHON) tests/run_all.py $(T)
test-linux: $(TBINS)
	@$(PYTHON) tests/run_all.py linux
crashtest: all $(O)/unit/ext2_crash_test
	@scripts/crashtest $(CRASH)
bench: all $(O)/cutaway.iso
	@scripts/bench $(BENCH)
profile: all
	@scripts/profile $(PROFILE) $(if $(SMP),--smp $(SMP)) $(if $(MEM),--mem $(MEM)) -- $(CMD)
run debug: all
	@scripts/run --root $(O)/root.img $(if $(filter debug,$@),--wait-gdb)
record: all
	@scripts/run --record $(if $(DISK),--root $(DISK))
fresh: all
	@scripts/image fresh
gdb: all
gdb replay:
	@scripts/gdb/start $(filter replay,$@)
compile_commands.json:
	$(Q)$(MAKE) -nB V=1 kernels user | $(PYTHON) scripts/mkcompdb.py > $@
# All but the disk of `make run`, which is its user's.
clean:
	@rm -f compile_commands.json
	@mkdir -p $(O)
	find $(O) -mindepth 1 -maxdepth 1 ! -name 'root.img*' -exec rm -rf {} +

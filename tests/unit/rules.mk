# SPDX-License-Identifier: MIT
#
# Unit tests on the host. Included by the Makefile.

# tests/unit/NAME.c is one program. It includes the sources that it tests, or
# names more in a line "unit-sources: kernel/lib/fmt.c ..." of its head comment.
# tests/unit/shim/ comes first on the include path; tests/unit/lib is linked in.
UNITS	:= $(patsubst tests/unit/%.c,$(O)/unit/%,$(sort $(wildcard tests/unit/*.c)))
HFLAGS	= -std=gnu11 -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined \
	  -fno-sanitize-recover=all -fno-omit-frame-pointer -DCUTAWAY_HOST=1 \
	  -iquote tests/unit/shim -iquote . -Iinclude
unit_sources = $(1) $(shell sed -n 's/.*unit-sources: *\([^*]*\).*/\1/p' $(1)) \
	$(sort $(wildcard tests/unit/lib/*.c))

$(O)/unit/obj/%.o: %.c tests/unit/rules.mk | $(TOOLS)
	$(call do,HOSTCC,$(HOSTCC) $(HFLAGS) -MMD -MP -c -o $@ $<)
$(UNITS):
	$(Q)$(HOSTCC) $(HFLAGS) -o $@ $^ -pthread
$(foreach u,$(UNITS),$(eval $(u): $(patsubst %.c,$(O)/unit/obj/%.o,\
	$(call unit_sources,$(u:$(O)/%=tests/%.c)))))
-include $(shell find $(O)/unit/obj -name '*.d' 2>/dev/null)

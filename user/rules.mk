# SPDX-License-Identifier: MIT
#
# User programs and the boot archive. Included by the Makefile.

# user/NAME.c and user/NAME/main.c with its neighbours become /bin/NAME (init:
# /sbin/init), tests/guest/NAME.c becomes /tests/NAME. user/lib is linked to
# all, tests/guest/lib to the tests.
U	:= $(O)/user
UFLAGS	= -std=gnu11 -g -O2 -Wall -Wextra -Werror -static -fno-pie -no-pie \
	  -fno-omit-frame-pointer -iquote user/lib
UPROGS	:= $(sort $(patsubst user/%.c,%,$(wildcard user/*.c)) \
	   $(patsubst user/%/main.c,%,$(wildcard user/*/main.c)))
TPROGS	:= $(sort $(patsubst tests/guest/%.c,%,$(wildcard tests/guest/*.c)))
UBINS	:= $(UPROGS:%=$(U)/bin/%)
TBINS	:= $(TPROGS:%=$(U)/tests/%)
obj_of	= $(patsubst %.c,$(U)/obj/%.o,$(sort $(wildcard $(1))))
ULIB	:= $(call obj_of,user/lib/*.c)
TLIB	:= $(call obj_of,tests/guest/lib/*.c)

$(U)/obj/%.o: %.c user/rules.mk | $(TOOLS)
	$(call do,MUSL,$(MUSL) $(UFLAGS) -MMD -MP -c -o $@ $<)
# Linked with debug information for GDB; the guest gets the stripped copy.
$(patsubst $(U)/%,$(U)/debug/%,$(UBINS) $(TBINS)):
	@mkdir -p $(@D)
	$(Q)$(MUSL) $(UFLAGS) -o $@ $^ -pthread
$(UBINS) $(TBINS): $(U)/%: $(U)/debug/%
	@mkdir -p $(@D)
	$(Q)$(CROSS_COMPILE)strip -o $@ $<

$(foreach p,$(UPROGS),$(eval $(U)/debug/bin/$(p): \
	$(call obj_of,user/$(p).c user/$(p)/*.c) $(ULIB)))
$(foreach p,$(TPROGS),$(eval $(U)/debug/tests/$(p): \
	$(call obj_of,tests/guest/$(p).c) $(TLIB) $(ULIB)))
-include $(patsubst %.o,%.d,$(call obj_of,user/*.c user/*/*.c tests/guest/*.c) $(TLIB))
user: $(UBINS) $(TBINS)

# Each program's name in the guest; another list asks for another archive.
GUEST	:= $(foreach p,$(UPROGS),/$(if $(filter init,$(p)),s)bin/$(p)=$(U)/bin/$(p)) \
	   $(foreach p,$(TPROGS),/tests/$(p)=$(U)/tests/$(p))
$(U)/programs: FORCE
	@mkdir -p $(@D)
	@echo '$(GUEST)' | cmp -s - $@ || echo '$(GUEST)' > $@
$(O)/initrd.cpio: $(UBINS) $(TBINS) $(U)/programs $(shell find user/rootfs tests/guest/scripts) \
		scripts/layout.list scripts/mkcpio.py scripts/lib/cpio.py | $(TOOLS)
	$(Q)$(BUSYBOX) --list | sed 's|.*|link /bin/& busybox|' > $(O)/applets.list
	$(call do,CPIO,$(PYTHON) scripts/mkcpio.py -o $@ --list $(O)/applets.list \
		--list scripts/layout.list --tree user/rootfs:/ \
		--tree tests/guest/scripts:/tests/scripts /bin/busybox=$(BUSYBOX) $(GUEST))

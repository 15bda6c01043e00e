# SPDX-License-Identifier: MIT
# Settings for debugging the kernel; scripts/gdb/start reads them first.
set pagination off
set confirm off
# A busy host may take long to start QEMU, or to answer.
set remotetimeout 30
set disassembly-flavor att
set print pretty on
set architecture i386:x86-64
# The commands ct-*: `help user-defined` and `help ct-ps`.
source scripts/gdb/commands.py

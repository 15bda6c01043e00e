# SPDX-License-Identifier: MIT
"""Loads the commands ct-* of the package cutaway; init.gdb sources this."""

import importlib
import os
import sys

import gdb

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
for module in ("processes", "backtrace", "spaces", "frames", "programs", "fault",
               "allocators", "files", "locks", "replay"):
    importlib.import_module("cutaway." + module)

try:
    importlib.import_module("cutaway.machine").cache_memory()
except gdb.error as error:
    print(f"No debug information of the kernel: {error}")

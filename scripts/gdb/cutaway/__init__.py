# SPDX-License-Identifier: MIT
"""GDB commands for the kernel, a module for each subject."""

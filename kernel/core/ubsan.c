/* SPDX-License-Identifier: MIT */
/*
 * What gcc's undefined-behaviour sanitizer calls (make SAN=ubsan). Each check hands over a
 * descriptor that begins, for all but one kind, with the place in the source; a violation is a
 * kernel bug and panics.
 *
 * In other builds nothing refers to these functions.
 */
#include <kernel/upcalls.h>

struct source_location {
	const char *sl_file;
	u32 sl_line, sl_column;
};

struct ubsan_data {
	struct source_location ud_loc;
};

#define UBSAN_HANDLER(name, what) \
	void __ubsan_handle_##name(struct ubsan_data *d); \
	void __ubsan_handle_##name(struct ubsan_data *d) \
	{ \
		panic("undefined behaviour: " what " at %s:%u", d->ud_loc.sl_file, \
		      d->ud_loc.sl_line); \
	}

UBSAN_HANDLER(add_overflow, "signed addition overflows")
UBSAN_HANDLER(sub_overflow, "signed subtraction overflows")
UBSAN_HANDLER(mul_overflow, "signed multiplication overflows")
UBSAN_HANDLER(negate_overflow, "negation overflows")
UBSAN_HANDLER(divrem_overflow, "division overflows or divides by zero")
UBSAN_HANDLER(shift_out_of_bounds, "shift amount out of range")
UBSAN_HANDLER(out_of_bounds, "array index out of range")
UBSAN_HANDLER(type_mismatch_v1, "null, misaligned or too small object accessed")
UBSAN_HANDLER(pointer_overflow, "pointer arithmetic overflows")
UBSAN_HANDLER(load_invalid_value, "value out of range for bool or enum")
UBSAN_HANDLER(vla_bound_not_positive, "array of no positive size")
UBSAN_HANDLER(nonnull_arg, "null passed where the parameter says nonnull")
UBSAN_HANDLER(builtin_unreachable, "unreachable code reached")
UBSAN_HANDLER(missing_return, "function ends without a value")
UBSAN_HANDLER(invalid_builtin, "zero passed to a bit-counting builtin")
UBSAN_HANDLER(alignment_assumption, "alignment assumption violated")

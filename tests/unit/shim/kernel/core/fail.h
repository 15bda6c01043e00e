/* SPDX-License-Identifier: MIT */
/* Host shim: the test decides which request fails. */
#ifndef KERNEL_CORE_FAIL_H
#define KERNEL_CORE_FAIL_H

#include "types.h"

extern long shim_fail_nth;	/* the n-th question from now is answered yes */

static inline bool should_fail(void)
{
	return shim_fail_nth > 0 && --shim_fail_nth == 0;
}

#endif

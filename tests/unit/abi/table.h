/* SPDX-License-Identifier: MIT */
/*
 * One source of ABI facts: name and value, where a structure member's value is
 * its offset in the upper half and its size in the lower one. The lists
 * (constants.h, structs.h, libc_only.h) are expanded with these macros in one
 * source file per origin, since the headers cannot meet in one file.
 */
#ifndef TESTS_UNIT_ABI_TABLE_H
#define TESTS_UNIT_ABI_TABLE_H

struct abi_fact {
	const char *name;
	long value;
};

#define OFFSET_OF(type, member)	((long)__builtin_offsetof(type, member))
#define SIZE_OF(type, member)	((long)sizeof(((type *)0)->member))

#define C(constant)	{ #constant, (long)(constant) },
#define S(type)		{ #type, (long)sizeof(type) },
#define O(type, member)	{ #type "." #member, OFFSET_OF(type, member) },
#define F(type, member) \
	{ #type "." #member, \
	  OFFSET_OF(type, member) << 32 | SIZE_OF(type, member) },

extern const struct abi_fact abi_ours[], abi_system[];
extern const struct abi_fact abi_ours_libc[], abi_libc[];

#endif

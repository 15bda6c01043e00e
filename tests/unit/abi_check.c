/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: tests/unit/abi/ours.c tests/unit/abi/system.c tests/unit/abi/libc.c
 *
 * Compares each constant, structure size and member offset of include/abi with
 * the host's own headers, and makes sure that no constant is left out.
 * Runs at the top of the tree, whose headers it reads as text.
 */
#include <dirent.h>
#include <string.h>

#include "tests/unit/abi/table.h"
#include "tests/unit/unit.h"

/* No header of the host has these. */
static const char *const own_names[] = {
	"ELFMAG",		/* a string */
	"ERESTARTNOHAND", "ERESTARTNOINTR", "ERESTARTSYS",
	"ERESTART_RESTARTBLOCK", "MAX_ERRNO",
	"SIGRTMAX", "SIG_COUNT", "ST_VALID", "SYS_MAX_NR", "USER_HZ",
	"W_CONTINUED", "W_COREFLAG",
};

static void compare(const struct abi_fact *a, const struct abi_fact *b)
{
	for (; a->name && b->name; a++, b++) {
		if (strcmp(a->name, b->name) != 0 || a->value != b->value)
			unit_fail(__FILE__, __LINE__,
				  "%s is %#lx, the host's %s is %#lx", a->name,
				  a->value, b->name, b->value);
	}
	CHECK(!a->name && !b->name);
}

static void test_kernel_facts(void)
{
	compare(abi_ours, abi_system);
}

static void test_libc_facts(void)
{
	compare(abi_ours_libc, abi_libc);
}

static bool in_table(const struct abi_fact *t, const char *name)
{
	for (; t->name; t++) {
		if (strcmp(t->name, name) == 0)
			return true;
	}
	return false;
}

static bool is_checked(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_names); i++) {
		if (strcmp(own_names[i], name) == 0)
			return true;
	}
	return in_table(abi_ours, name) || in_table(abi_ours_libc, name);
}

/* The name in a line "#define NAME value"; false for guards and macros. */
static bool defined_name(const char *line, char *name, size_t size)
{
	static const char define[] = "#define ";
	size_t len;

	if (strncmp(line, define, strlen(define)) != 0)
		return false;
	line += strlen(define);
	len = strcspn(line, " \t\n(");
	if (line[len] == '(' || line[len] == '\n' || len >= size)
		return false;
	memcpy(name, line, len);
	name[len] = '\0';
	return true;
}

static int check_header(const char *path)
{
	char *text, *line, name[64];
	size_t size;
	int names = 0;

	text = unit_read_file(path, &size);
	if (!text) {
		unit_fail(__FILE__, __LINE__, "cannot read %s", path);
		return 0;
	}
	for (line = text; *line; line += strcspn(line, "\n"),
	     line += *line == '\n') {
		if (!defined_name(line, name, sizeof(name)))
			continue;
		names++;
		if (!is_checked(name))
			unit_fail(__FILE__, __LINE__,
				  "%s: %s is not in tests/unit/abi", path,
				  name);
	}
	unit_free(text);
	return names;
}

static void test_complete(void)
{
	DIR *dir = opendir("include/abi");
	struct dirent *entry;
	char path[300];
	int names = check_header("include/errno.h");

	CHECK(dir != NULL);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "include/abi/%s", entry->d_name);
		names += check_header(path);
	}
	if (dir)
		closedir(dir);
	CHECK(names > 1000);
}

int main(void)
{
	UNIT_RUN(test_kernel_facts);
	UNIT_RUN(test_libc_facts);
	UNIT_RUN(test_complete);
	return unit_end();
}

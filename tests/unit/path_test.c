/* SPDX-License-Identifier: MIT */
/* unit-sources: kernel/lib/path.c kernel/lib/cmdline.c kernel/lib/string.c */
#include "errno.h"
#include "kernel/lib/cmdline.h"
#include "kernel/lib/path.h"
#include "kernel/lib/string.h"
#include "tests/unit/unit.h"

/* Writes the components as "name[/][!]", / for slash and ! for last. */
static void expect_parts(const char *path, const char *want)
{
	struct path_part part;
	char got[64] = "";
	size_t len = 0;

	while (path_next(&path, &part) == 1)
		len += snprintf(got + len, sizeof(got) - len, "%.*s%s%s ",
				(int)part.len, part.name,
				part.slash ? "/" : "", part.last ? "!" : "");
	CHECK(*path == '\0');
	if (strcmp(got, want) != 0)
		unit_fail(__FILE__, __LINE__, "got \"%s\", expected \"%s\"",
			  got, want);
}

static void test_path_parts(void)
{
	expect_parts("", "");
	expect_parts("/", "");
	expect_parts("////", "");
	expect_parts("a", "a! ");
	expect_parts("a/", "a/! ");
	expect_parts("/usr//bin/sh", "usr/ bin/ sh! ");
	expect_parts("../././x///", "../ ./ ./ x/! ");
}

static void test_path_dots(void)
{
	static const struct {
		const char *path;
		bool dot;
		bool dotdot;
	} cases[] = {
		{ ".", true, false }, { "..", false, true },
		{ "...", false, false }, { ".a", false, false },
		{ "..a", false, false }, { "a.", false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *p = cases[i].path;
		struct path_part part;

		CHECK_EQ(path_next(&p, &part), 1);
		CHECK_EQ(path_part_is_dot(&part), cases[i].dot);
		CHECK_EQ(path_part_is_dotdot(&part), cases[i].dotdot);
	}
	CHECK(path_is_absolute("/a") && !path_is_absolute("a"));
	CHECK(!path_is_absolute(""));
}

static void test_path_limit(void)
{
	char name[PATH_NAME_MAX + 3];
	struct path_part part;
	const char *p = name;

	memset(name, 'n', sizeof(name));
	name[PATH_NAME_MAX] = '\0';
	CHECK_EQ(path_next(&p, &part), 1);
	CHECK_EQ(part.len, PATH_NAME_MAX);
	name[PATH_NAME_MAX] = 'n';
	name[PATH_NAME_MAX + 1] = '/';
	name[PATH_NAME_MAX + 2] = '\0';
	p = name;
	CHECK_EQ(path_next(&p, &part), -ENAMETOOLONG);
}

static void test_path_base(void)
{
	CHECK(strcmp(path_base_name("/bin/sh"), "sh") == 0);
	CHECK(strcmp(path_base_name("sh"), "sh") == 0);
	CHECK(strcmp(path_base_name("a/b/"), "b/") == 0);
	CHECK(strcmp(path_base_name("/"), "/") == 0);
	CHECK(strcmp(path_base_name(""), "") == 0);
}

static void expect_value(const char *line, const char *key, const char *want)
{
	char out[32];
	ssize_t len = cmdline_get(line, key, out, sizeof(out));

	if (!want) {
		CHECK_EQ(len, -ENOENT);
		return;
	}
	CHECK_EQ(len, strlen(want));
	if (strcmp(out, want) != 0)
		unit_fail(__FILE__, __LINE__, "%s: %s is \"%s\", not \"%s\"",
			  line, key, out, want);
}

static void test_cmdline_values(void)
{
	expect_value("init=/bin/sh", "init", "/bin/sh");
	expect_value("  a=1\tinit=/x b=2 ", "init", "/x");
	expect_value("xinit=1 initx=2 init", "init", NULL);
	expect_value("", "init", NULL);
	expect_value("k=1 k=2", "k", "2");
	expect_value("k=", "k", "");
	expect_value("k=a=b", "k", "a=b");
	expect_value("k=\"a b\" j=1", "k", "a b");
	expect_value("\"k=a b\" j=1", "k", "a b");
	expect_value("\"k=a b\" j=1", "j", "1");
	expect_value("k=\"a b", "k", "a b");
	expect_value("k=\"", "k", "");
	expect_value("k=x -- k=y", "k", "x");
	expect_value("\nj=1\rk=x\n", "k", "x");
	expect_value("j=1\nk=x\r", "k", "x");
	expect_value("--k=1", "--k", "1");
}

static void test_cmdline_flags(void)
{
	CHECK(cmdline_has("a nolapic b", "nolapic"));
	CHECK(cmdline_has("nolapic", "nolapic"));
	CHECK(!cmdline_has("nolapic=1", "nolapic"));
	CHECK(!cmdline_has("nolapicx xnolapic", "nolapic"));
	CHECK(!cmdline_has("-- nolapic", "nolapic"));
	CHECK(!cmdline_has("k=\" nolapic \"", "nolapic"));
	CHECK(!cmdline_has("", "nolapic"));
}

static void test_cmdline_limits(void)
{
	char out[4] = "zzz";

	CHECK_EQ(cmdline_get("k=abc", "k", out, 4), 3);
	CHECK_EQ(cmdline_get("k=abcd", "k", out, 4), -ERANGE);
	CHECK(out[0] == '\0');
	CHECK_EQ(cmdline_get("k=abcd", "k", out, 0), -ERANGE);
	CHECK_EQ(cmdline_get_u64("n=12", "n", 7), 12);
	CHECK_EQ(cmdline_get_u64("n=0x12", "n", 7), 18);
	CHECK_EQ(cmdline_get_u64("n=", "n", 7), 7);
	CHECK_EQ(cmdline_get_u64("n=12k", "n", 7), 7);
	CHECK_EQ(cmdline_get_u64("m=1", "n", 7), 7);
}

/* Whatever the line holds, the walk stays inside of it (ASan watches). */
static void test_cmdline_garbage(void)
{
	static const char letters[] = "ak=\"- \t";

	for (int i = 0; i < 20000; i++) {
		size_t len = unit_below(24);
		char *line = unit_alloc(len + 1), out[8];

		for (size_t j = 0; j < len; j++)
			line[j] = letters[unit_below(sizeof(letters) - 1)];
		cmdline_has(line, "k");
		cmdline_get(line, "k", out, sizeof(out));
		CHECK(strnlen(out, sizeof(out)) < sizeof(out));
		unit_free(line);
	}
}

int main(void)
{
	UNIT_RUN(test_path_parts);
	UNIT_RUN(test_path_dots);
	UNIT_RUN(test_path_limit);
	UNIT_RUN(test_path_base);
	UNIT_RUN(test_cmdline_values);
	UNIT_RUN(test_cmdline_flags);
	UNIT_RUN(test_cmdline_limits);
	UNIT_RUN(test_cmdline_garbage);
	return unit_end();
}

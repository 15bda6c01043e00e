/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: fs/ext2/alloc.c fs/ext2/bmap.c fs/ext2/commit.c fs/ext2/dir.c fs/ext2/dirindex.c fs/ext2/inode.c fs/ext2/journal.c fs/ext2/journal_commit.c fs/ext2/journal_replay.c fs/ext2/lifetime.c fs/ext2/mount.c fs/ext2/namei.c fs/ext2/orphan.c fs/ext2/space.c fs/ext2/super.c fs/ext2/truncate.c kernel/lib/string.c kernel/lib/bitmap.c kernel/lib/hash.c kernel/lib/radix.c kernel/lib/fmt.c tests/unit/ext2/host.c tests/unit/ext2/crash.c
 *
 * A few hundred crash states of fs/ext2, and whether the checker notices what is
 * left out. CRASH_STATES=N makes it N states for each workload, CRASH_E2FSCK=N
 * asks e2fsck about every N-th: about the image that we have recovered, and about
 * the same state recovered by e2fsck itself.
 */
#include "tests/unit/ext2/crash.h"
#include "kernel/lib/string.h"
#include "tests/unit/unit.h"

static long number_of(const char *variable, long otherwise)
{
	const char *text = getenv(variable);
	long n = 0;

	if (!text)
		return otherwise;
	while (*text >= '0' && *text <= '9')
		n = n * 10 + *text++ - '0';
	return n;
}

/* Over what the file has: making thousands of files takes longer than checking them. */
static void write_image(const char *name, const u8 *data, size_t size)
{
	FILE *f = fopen(name, "r+b");

	if (!f)
		f = fopen(name, "wb");
	CHECK(f && fwrite(data, 1, size, f) == size);
	fclose(f);
}

/* e2fsck finds nothing in what we recovered; and its own recovery leaves nothing. */
static bool e2fsck_agrees(const char *dir)
{
	char name[120], command[700];
	const u8 *image;
	size_t size;
	bool ok;

	snprintf(name, sizeof(name), "%s/ext2_crash.%d.img", dir, getpid());
	image = crash_image(&size);
	write_image(name, host_disk.hd_data, size);
	snprintf(command, sizeof(command), "e2fsck -fn %s >%s.log 2>&1", name, name);
	ok = system(command) == 0;
	write_image(name, image, size);
	/* Recovery may end orphans, for which -p is enough; afterwards nothing is left. */
	snprintf(command, sizeof(command),
		 "e2fsck -p %s >%s.log2 2>&1; [ $? -le 1 ] && e2fsck -fn %s >>%s.log2 2>&1",
		 name, name, name, name);
	ok = ok && system(command) == 0;
	if (!ok) {
		snprintf(command, sizeof(command), "sed 's/^/# /' %s.log %s.log2", name, name);
		(void)!system(command);
	}
	return ok;
}

static void forget_images(const char *dir)
{
	char command[200];

	snprintf(command, sizeof(command), "rm -f %s/ext2_crash.%d.img*", dir, getpid());
	(void)!system(command);
}

static const struct crash_config workloads[] = {
	{ .options = "-b 1024 -j -J size=1 -N 128", .kib = 4096, .steps = 400, .seed = 1 },
	{ .options = "-b 4096 -j -J size=4 -N 128", .kib = 12288, .steps = 400, .seed = 2 },
	{ .options = "-b 1024 -j -J size=1 -N 128 -g 1024", .kib = 4096, .steps = 1500, .seed = 3 },
};

static u64 total, e2fsck_total, failures;

static void test_states(const struct crash_config *c)
{
	long states = number_of("CRASH_STATES", 150), every = number_of("CRASH_E2FSCK", 25);
	const char *dir = getenv("CRASH_DIR");

	if (crash_record(c)) {
		CHECK(!"mke2fs");
		return;
	}
	for (long i = 0; i < states; i++) {
		/* Half of them at flushes, as far as there are any. */
		u64 number = i % 2 ? (u64)i / 2 % (crash_boundaries() + 1) : 1000000 + (u64)i;
		char why[160];

		if (!crash_check(number, why, sizeof(why))) {
			printf("# state %lu of workload %lu: %s\n", number, c->seed, why);
			CHECK(!"a state does not recover");
			continue;
		}
		total++;
		if (every && i % every == 0) {
			e2fsck_total++;
			if (!e2fsck_agrees(dir ? dir : "/tmp")) {
				printf("# state %lu of workload %lu\n", number, c->seed);
				CHECK(!"e2fsck finds errors");
			}
		}
	}
	forget_images(dir ? dir : "/tmp");
	crash_forget();
}

static void test_small_blocks(void)
{
	test_states(&workloads[0]);
}

static void test_large_blocks(void)
{
	test_states(&workloads[1]);
}

static void test_long(void)
{
	test_states(&workloads[2]);
}

/* With a fault some state must fail. */
static bool noticed(struct crash_config c)
{
	char why[160];
	bool failed = false;

	for (int seed = 0; seed < 6 && !failed; seed++) {
		c.seed += 10;
		CHECK_EQ(crash_record(&c), 0);
		for (u64 i = 0; i < 250 && !failed; i++)
			failed = !crash_check(1000000 + i, why, sizeof(why));
		crash_forget();
	}
	if (failed)
		printf("# %s: noticed: %s\n", c.options, why);
	return failed;
}

static void test_notices_flush(void)
{
	for (int i = 0; i < 2; i++) {
		struct crash_config c = workloads[i];

		c.no_flush = true;
		CHECK(noticed(c));
	}
}

static void test_notices_revoke(void)
{
	for (int i = 0; i < 2; i++) {
		struct crash_config c = workloads[i];

		c.no_revokes = true;
		CHECK(noticed(c));
	}
}

static void test_notices_data(void)
{
	for (int i = 0; i < 2; i++) {
		struct crash_config c = workloads[i];

		c.no_data = true;
		CHECK(noticed(c));
	}
}

/* States from to to of what a machine has done; every one goes to e2fsck, too. */
static void check_range(u64 from, u64 to, const char *dir)
{
	for (u64 i = from; i < to; i++) {
		u64 number = i < crash_boundaries() ? i : 1000000 + i;
		char why[160];

		if (!crash_check(number, why, sizeof(why))) {
			printf("# state %lu: %s\n", i, why);
			failures++;
		} else if (!e2fsck_agrees(dir)) {
			printf("# state %lu: e2fsck finds errors\n", i);
			failures++;
		}
		total++;
	}
	forget_images(dir);
}

/*
 * plan DIR SEED STEPS		make base.img and script
 * check DIR SEED STEPS FROM TO	states of log.img
 * image DIR SEED STEPS NUMBER	one state, to state.img
 */
static int tool(int argc, char **argv)
{
	struct crash_config c = { .options = "-b 1024 -j -J size=1 -N 128", .kib = 4096 };
	char name[200], why[160];
	const u8 *image;
	size_t size;
	u64 n[5] = { 0 };

	if (argc < 5)
		return 2;
	for (int i = 3; i < argc && i < 8; i++)
		(void)str_to_u64(argv[i], NULL, 10, &n[i - 3]);
	c.seed = n[0];
	c.steps = (u32)n[1];
	if (c.seed % 2) {
		c.options = "-b 4096 -j -J size=4 -N 128";
		c.kib = 12288;
	}
	if (strcmp(argv[1], "plan") == 0)
		return crash_plan(&c, argv[2]) ? 1 : 0;
	if (crash_load(&c, argv[2]))
		return 1;
	if (strcmp(argv[1], "check") == 0) {
		check_range(n[2], n[3], argv[2]);
		printf("# %lu states, %lu flushes, %lu log entries\n", total, crash_boundaries(),
		       host_disk.hd_nlog);
		return failures ? 1 : 0;
	}
	(void)crash_check(1000000 + n[2], why, sizeof(why));
	image = crash_image(&size);
	snprintf(name, sizeof(name), "%s/state.img", argv[2]);
	write_image(name, image, size);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return tool(argc, argv);
	UNIT_RUN(test_small_blocks);
	UNIT_RUN(test_large_blocks);
	UNIT_RUN(test_long);
	UNIT_RUN(test_notices_flush);
	UNIT_RUN(test_notices_revoke);
	UNIT_RUN(test_notices_data);
	printf("# %lu states, %lu of them judged by e2fsck\n", total, e2fsck_total);
	return unit_end();
}

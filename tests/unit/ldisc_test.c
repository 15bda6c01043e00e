/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: drivers/tty_ldisc.c drivers/tty_echo.c kernel/lib/ring.c
 *
 * The line discipline: editing, line ends, echo, output processing, buffer limits.
 * Named cases, and random input against a simple model of canonical mode.
 */
#include "drivers/tty_ldisc.h"
#include "kernel/lib/string.h"
#include "tests/unit/unit.h"

static struct ldisc l;
static u8 in_buf[LDISC_SIZE], out_buf[LDISC_OUT_SIZE];
static int last_signal, kicks;

static void on_signal(struct ldisc *d, int sig)
{
	CHECK(d == &l);
	last_signal = sig;
}

static void on_output(struct ldisc *d)
{
	CHECK(!ring_empty(&d->l_out) && !d->l_stopped);
	kicks++;
}

static const struct ldisc_ops ops = { .lo_signal = on_signal, .lo_output = on_output };

static void start(void)
{
	ldisc_init(&l, &ops, in_buf, out_buf);
	last_signal = kicks = 0;
}

static void raw(u8 vmin)
{
	struct termios t = l.l_tio;

	t.c_lflag &= ~(u32)(ICANON | ECHO | ISIG | IEXTEN);
	t.c_iflag = 0;
	t.c_oflag = 0;
	t.c_cc[VMIN] = vmin;
	ldisc_set_termios(&l, &t);
}

static size_t type(const char *s)
{
	return ldisc_input(&l, (const u8 *)s, strlen(s));
}

/* The next read must give exactly this. */
static void expect(const char *want, bool want_end)
{
	u8 buf[LDISC_SIZE + 1];
	bool end;
	size_t n = ldisc_read(&l, buf, LDISC_SIZE, &end);

	CHECK_EQ(n, strlen(want));
	CHECK(memcmp(buf, want, n) == 0);
	CHECK_EQ(end, want_end);
}

static void expect_out(const char *want)
{
	u8 buf[LDISC_OUT_SIZE];
	u32 n = ring_get(&l.l_out, buf, sizeof(buf));

	if (n != strlen(want) || memcmp(buf, want, n))
		unit_fail(__FILE__, __LINE__, "output is '%.*s', expected '%s'",
			  (int)n, buf, want);
}

static void test_line(void)
{
	start();
	CHECK(!ldisc_ready(&l, 1));
	type("hello");
	CHECK(!ldisc_ready(&l, 1));
	CHECK_EQ(ldisc_readable(&l), 0);
	type("\rtwo\n");
	CHECK(ldisc_ready(&l, 1));
	CHECK_EQ(ldisc_readable(&l), 10);
	expect("hello\n", true);
	expect("two\n", true);
	expect("", false);
	expect_out("hello\r\ntwo\r\n");
}

static void test_short_reads(void)
{
	u8 buf[8];
	bool end;

	start();
	type("abcdef\n");
	CHECK_EQ(ldisc_read(&l, buf, 4, &end), 4);
	CHECK(!end);
	CHECK_EQ(ldisc_read(&l, buf, 2, &end), 2);
	CHECK(!end && ldisc_ready(&l, 1));
	expect("\n", true);
}

static void test_eof(void)
{
	u8 buf[8];
	bool end;

	start();
	type("\004");
	expect("", true);
	type("ab\004cd\004");
	CHECK_EQ(ldisc_readable(&l), 4);
	expect("ab", true);
	/* A read that the text fills takes the EOF along: no end of file after it. */
	CHECK_EQ(ldisc_read(&l, buf, 2, &end), 2);
	CHECK(end && !ldisc_ready(&l, 1));
}

static void test_erase(void)
{
	start();
	type("abx\177c\n");
	expect("abc\n", true);
	expect_out("abx\b \bc\r\n");
	type("\177\177a\n");
	expect("a\n", true);
	expect_out("a\r\n");
	type("a\001\177\n");		/* ^A takes two columns */
	expect("a\n", true);
	expect_out("a^A\b \b\b \b\r\n");
	type("ab\t\177\n");		/* a tab to column 8: six back */
	expect("ab\n", true);
	expect_out("ab\t\b\b\b\b\b\b\r\n");
}

static void test_erase_utf8(void)
{
	struct termios t;

	start();
	t = l.l_tio;
	t.c_iflag |= IUTF8;
	ldisc_set_termios(&l, &t);
	type("a\303\251\177b\n");	/* e acute: two bytes, one column */
	expect("ab\n", true);
	expect_out("a\303\251\b \bb\r\n");
}

static void test_kill_and_word(void)
{
	start();
	type("one two  \027x\n");
	expect("one x\n", true);
	expect_out("one two  \b \b\b \b\b \b\b \b\b \bx\r\n");
	type("abc\025d\n");
	expect("d\n", true);
	expect_out("abc\b \b\b \b\b \bd\r\n");
}

static void test_kill_without_echoke(void)
{
	struct termios t;

	start();
	t = l.l_tio;
	t.c_lflag &= ~(u32)ECHOKE;
	ldisc_set_termios(&l, &t);
	type("abc\025d\n");
	expect("d\n", true);
	expect_out("abc^U\r\nd\r\n");
}

static void test_lnext(void)
{
	start();
	type("a\026\003b\026\026\n");
	CHECK_EQ(last_signal, 0);
	expect("a\003b\026\n", true);
	expect_out("a^\b^Cb^\b^V\r\n");
}

static void test_reprint(void)
{
	start();
	type("ab\022c\n");
	expect("abc\n", true);
	expect_out("ab^R\r\nabc\r\n");
}

static void test_signals(void)
{
	start();
	type("abc\003");
	CHECK_EQ(last_signal, 2);
	type("\034");
	CHECK_EQ(last_signal, 3);
	type("\032");
	CHECK_EQ(last_signal, 20);
	/* The line and its echo are gone; what shows is the last character's own echo. */
	expect_out("^Z");
	type("\n");
	expect("\n", true);
}

static void test_signal_noflsh(void)
{
	struct termios t;

	start();
	t = l.l_tio;
	t.c_lflag |= NOFLSH;
	ldisc_set_termios(&l, &t);
	type("ab\003c\n");
	CHECK_EQ(last_signal, 2);
	expect("abc\n", true);
	expect_out("ab^Cc\r\n");
}

static void test_input_mapping(void)
{
	struct termios t;

	start();
	t = l.l_tio;
	t.c_iflag = IGNCR | INLCR;
	t.c_lflag = 0;
	ldisc_set_termios(&l, &t);
	type("a\rb\nc");
	expect("ab\rc", false);
	t.c_iflag = ISTRIP;
	ldisc_set_termios(&l, &t);
	type("\301");
	expect("A", false);
}

static void test_eol(void)
{
	struct termios t;

	start();
	t = l.l_tio;
	t.c_cc[VEOL] = ';';
	t.c_cc[VEOL2] = ',';
	ldisc_set_termios(&l, &t);
	type("a;b,c\n");
	expect("a;", true);
	expect("b,", true);
	expect("c\n", true);
}

static void test_flow(void)
{
	start();
	type("\023");
	CHECK(l.l_stopped);
	CHECK_EQ(ldisc_write(&l, (const u8 *)"hi", 2), 2);
	CHECK_EQ(kicks, 0);
	type("x");
	CHECK(l.l_stopped);
	type("\021");
	CHECK(!l.l_stopped && kicks > 0);
	expect_out("hix");
	/* ^C lets output go on, too. */
	type("\023");
	type("\003");
	CHECK(!l.l_stopped);
}

static void test_ixoff(void)
{
	static char big[LDISC_SIZE];
	struct termios t;
	u8 buf[LDISC_SIZE];
	bool end;

	start();
	raw(1);
	t = l.l_tio;
	t.c_iflag |= IXOFF;
	ldisc_set_termios(&l, &t);
	memset(big, 'x', sizeof(big) - 1);
	type(big);
	expect_out("\023");
	ldisc_read(&l, buf, 3500, &end);
	expect_out("\021");
}

static void test_output(void)
{
	struct termios t;

	start();
	CHECK_EQ(ldisc_write(&l, (const u8 *)"a\nb\n", 4), 4);
	expect_out("a\r\nb\r\n");
	t = l.l_tio;
	t.c_oflag |= XTABS;
	ldisc_set_termios(&l, &t);
	ldisc_write(&l, (const u8 *)"ab\tc\b\t.", 7);
	expect_out("ab      c\b        .");
	t.c_oflag = OPOST | OCRNL;
	ldisc_set_termios(&l, &t);
	ldisc_write(&l, (const u8 *)"\r", 1);
	expect_out("\n");
	t.c_oflag = OPOST | ONOCR;
	ldisc_set_termios(&l, &t);
	l.l_column = 0;
	ldisc_write(&l, (const u8 *)"\ra\r", 3);
	expect_out("a\r");
	t.c_oflag = 0;
	ldisc_set_termios(&l, &t);
	ldisc_write(&l, (const u8 *)"\n\t", 2);
	expect_out("\n\t");
}

/* A newline needs room for two; it must not be split or lost. */
static void test_output_full(void)
{
	static u8 many[LDISC_OUT_SIZE - 1];
	u8 buf[2];

	start();
	memset(many, 'x', sizeof(many));
	CHECK_EQ(ldisc_write(&l, many, sizeof(many)), sizeof(many));
	CHECK_EQ(ldisc_write(&l, (const u8 *)"\nz", 2), 0);
	ring_get(&l.l_out, buf, 1);
	CHECK_EQ(ldisc_write(&l, (const u8 *)"\nz", 2), 1);
	CHECK_EQ(ring_free(&l.l_out), 0);
}

static void test_long_line(void)
{
	static char line[6000];
	u8 buf[LDISC_SIZE];
	bool end;

	start();
	l.l_tio.c_lflag &= ~(u32)ECHO;
	memset(line, 'x', sizeof(line) - 1);
	/* Everything is taken, what exceeds the line is dropped. */
	CHECK_EQ(type(line), sizeof(line) - 1);
	CHECK(!ldisc_ready(&l, 1));
	CHECK_EQ(type("\n"), 1);
	CHECK_EQ(ldisc_read(&l, buf, sizeof(buf), &end), LDISC_SIZE);
	CHECK(end && buf[LDISC_SIZE - 1] == '\n' && buf[LDISC_SIZE - 2] == 'x');
}

/* With a line to read the line is held up instead, and nothing is lost. */
static void test_back_pressure(void)
{
	static char line[6000];
	u8 buf[LDISC_SIZE];
	size_t taken, n;
	bool end;

	start();
	l.l_tio.c_lflag &= ~(u32)ECHO;
	type("first\n");
	memset(line, 'y', sizeof(line) - 1);
	taken = type(line);
	CHECK_EQ(taken, LDISC_SIZE - 1 - 6);
	CHECK_EQ(ldisc_room(&l), 0);
	expect("first\n", true);
	CHECK_EQ(ldisc_room(&l), 6);

	start();
	raw(1);
	taken = type(line);
	CHECK_EQ(taken, LDISC_SIZE - 1);
	CHECK_EQ(type("z"), 0);
	n = ldisc_read(&l, buf, 100, &end);
	CHECK_EQ(n, 100);
	CHECK_EQ(type("z"), 1);
}

static void test_raw(void)
{
	start();
	raw(3);
	type("ab");
	CHECK(ldisc_ready(&l, 1) && !ldisc_ready(&l, 3));
	type("\003");
	CHECK_EQ(last_signal, 0);
	CHECK(ldisc_ready(&l, 3));
	expect("ab\003", false);
	expect_out("");
}

static void test_mode_switch(void)
{
	struct termios cooked;

	start();
	cooked = l.l_tio;
	type("half");
	raw(1);
	CHECK(ldisc_ready(&l, 1));
	expect("half", false);
	type("ahead");
	ldisc_set_termios(&l, &cooked);
	/* Typed ahead in raw mode: counts as a line. */
	CHECK(ldisc_ready(&l, 1));
	expect("ahead", true);
}

/* Random typing against a model: characters, erase, kill, newline. */
static void test_random(void)
{
	static char line[200], lines[64][200];
	size_t len = 0, first = 0, last = 0;

	start();
	l.l_tio.c_lflag &= ~(u32)(ECHO | ISIG);
	for (int i = 0; i < 200000; i++) {
		char c[2] = { 0 };

		switch (unit_below(10)) {
		case 0:
			type("\177");
			len -= len > 0;
			break;
		case 1:
			if (unit_below(8) == 0) {
				type("\025");
				len = 0;
			}
			break;
		case 2:
			if (last - first == 16)
				break;
			type("\n");
			line[len] = '\n';
			line[len + 1] = '\0';
			strcpy(lines[last++ % 64], line);
			len = 0;
			break;
		case 3:
			if (first != last)
				expect(lines[first++ % 64], true);
			else
				CHECK(!ldisc_ready(&l, 1));
			break;
		default:
			if (len >= 100)
				break;
			c[0] = (char)('a' + unit_below(26));
			type(c);
			line[len++] = c[0];
		}
	}
}

int main(void)
{
	UNIT_RUN(test_line);
	UNIT_RUN(test_short_reads);
	UNIT_RUN(test_eof);
	UNIT_RUN(test_erase);
	UNIT_RUN(test_erase_utf8);
	UNIT_RUN(test_kill_and_word);
	UNIT_RUN(test_kill_without_echoke);
	UNIT_RUN(test_lnext);
	UNIT_RUN(test_reprint);
	UNIT_RUN(test_signals);
	UNIT_RUN(test_signal_noflsh);
	UNIT_RUN(test_input_mapping);
	UNIT_RUN(test_eol);
	UNIT_RUN(test_flow);
	UNIT_RUN(test_ixoff);
	UNIT_RUN(test_output);
	UNIT_RUN(test_output_full);
	UNIT_RUN(test_long_line);
	UNIT_RUN(test_back_pressure);
	UNIT_RUN(test_raw);
	UNIT_RUN(test_mode_switch);
	UNIT_RUN(test_random);
	return unit_end();
}

/* SPDX-License-Identifier: MIT */
/*
 * tty_line.c - the line discipline, through a pseudo terminal: canonical and
 * raw input, echo, output processing, termios(3).  Job control and controlling
 * terminals are in tty_jobs.c.
 */
#define _GNU_SOURCE
#include "lib/pty.h"
#include "lib/util.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NONE ((struct pty_flags){ 0, 0, 0, 0 })
#define LFLAG(x) ((struct pty_flags){ .lflag = (x) })
#define IFLAG(x) ((struct pty_flags){ .iflag = (x) })
#define OFLAG(x) ((struct pty_flags){ .oflag = (x) })

static struct pty p;

static void open_silent(void)
{
	pty_open(&p);
	pty_change(&p, LFLAG(ECHO | ECHONL), NONE);
}

static int queued(int fd)
{
	int n = -1;

	OK(ioctl(fd, FIONREAD, &n));
	return n;
}

static void defaults(void)
{
	struct termios t;

	pty_open(&p);
	OK(tcgetattr(p.slave, &t));
	CHECK_EQ(t.c_iflag & (ICRNL | IXON | IGNCR | INLCR | ISTRIP),
		 ICRNL | IXON);
	CHECK_EQ(t.c_oflag & (OPOST | ONLCR | OCRNL), OPOST | ONLCR);
	CHECK_EQ(t.c_lflag & (ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE |
			      ISIG | IEXTEN | ECHONL | NOFLSH | TOSTOP),
		 ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | ISIG |
		 IEXTEN);
	CHECK_EQ(t.c_cflag & (CSIZE | CREAD), CS8 | CREAD);
	CHECK_EQ(t.c_cc[VINTR], 3);
	CHECK_EQ(t.c_cc[VQUIT], 28);
	CHECK_EQ(t.c_cc[VERASE], 127);
	CHECK_EQ(t.c_cc[VKILL], 21);
	CHECK_EQ(t.c_cc[VEOF], 4);
	CHECK_EQ(t.c_cc[VSUSP], 26);
	CHECK_EQ(t.c_cc[VWERASE], 23);
	CHECK_EQ(t.c_cc[VLNEXT], 22);
	CHECK_EQ(t.c_cc[VMIN], 1);
	CHECK_EQ(t.c_cc[VTIME], 0);
}

static void is_a_terminal(void)
{
	struct termios t;
	struct stat st;

	pty_open(&p);
	CHECK_EQ(isatty(p.slave), 1);
	OK(fstat(p.slave, &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_rdev >> 8, 136);
	CHECK(!strcmp(ttyname(p.slave), p.name));
	CHECK_EQ(isatty(0), 0);
	int file = OK(open("f", O_RDWR | O_CREAT, 0600));
	CHECK_ERR(tcgetattr(file, &t), ENOTTY);
	int fd[2];
	OK(pipe(fd));
	CHECK_ERR(tcgetattr(fd[0], &t), ENOTTY);
}

static void by_line(void)
{
	open_silent();
	pty_type(&p, "abc");
	pty_reads_nothing(&p);
	CHECK_EQ(queued(p.slave), 0);
	pty_type(&p, "def\n");
	pty_reads(&p, "abcdef\n");
	/* One line a read, however many there are. */
	pty_type(&p, "one\ntwo\n\nthree");
	pty_reads(&p, "one\n");
	pty_reads(&p, "two\n");
	pty_reads(&p, "\n");
	pty_reads_nothing(&p);
}

static void line_in_pieces(void)
{
	char buf[8];

	open_silent();
	pty_type(&p, "hello\nworld\n");
	CHECK_EQ(read(p.slave, buf, 2), 2);
	CHECK(!memcmp(buf, "he", 2));
	CHECK_EQ(read(p.slave, buf, 3), 3);
	pty_reads(&p, "\n");
	pty_reads(&p, "world\n");
}

static void erase(void)
{
	open_silent();
	pty_type(&p, "abx\177c\n");
	pty_reads(&p, "abc\n");
	/* Not beyond the start, nor into the line before. */
	pty_type(&p, "first\n\177\177a\177\177\177second\n");
	pty_reads(&p, "first\n");
	pty_reads(&p, "second\n");
	pty_char(&p, VERASE, 'e');
	pty_type(&p, "abxe\177\n");
	pty_reads(&p, "ab\177\n");
}

static void kill_line(void)
{
	open_silent();
	pty_type(&p, "wrong\025right\n");
	pty_reads(&p, "right\n");
	pty_type(&p, "kept\nwrong\025\025\n");
	pty_reads(&p, "kept\n");
	pty_reads(&p, "\n");
}

static void erase_word(void)
{
	open_silent();
	pty_type(&p, "one two\027three\n");
	pty_reads(&p, "one three\n");
	/* Blanks behind the word go with it. */
	pty_type(&p, "one two  \027x\n");
	pty_reads(&p, "one x\n");
	pty_type(&p, "one\027\027\027two\n");
	pty_reads(&p, "two\n");
	/* Without IEXTEN it is an ordinary character. */
	pty_change(&p, LFLAG(IEXTEN), NONE);
	pty_type(&p, "a\027b\n");
	pty_reads(&p, "a\027b\n");
}

static void end_of_file(void)
{
	char c;

	open_silent();
	pty_type(&p, "abc\004");
	pty_reads(&p, "abc");
	pty_type(&p, "\004");
	CHECK_EQ(read(p.slave, &c, 1), 0);
	/* It is an event, not a state. */
	pty_type(&p, "more\n");
	pty_reads(&p, "more\n");
	/* Two of them after text: the text, then end of file. */
	pty_type(&p, "x\004\004y\n");
	pty_reads(&p, "x");
	CHECK_EQ(read(p.slave, &c, 1), 0);
	pty_reads(&p, "y\n");
}

static void other_line_ends(void)
{
	open_silent();
	pty_char(&p, VEOL, ';');
	pty_char(&p, VEOL2, '!');
	pty_type(&p, "a;b!c\n");
	pty_reads(&p, "a;");
	pty_reads(&p, "b!");
	pty_reads(&p, "c\n");
}

static void literal_next(void)
{
	open_silent();
	pty_type(&p, "\026\003\026\004\026\177\026\026x\n");
	pty_reads(&p, "\003\004\177\026x\n");
}

static void disabled_characters(void)
{
	open_silent();
	pty_char(&p, VERASE, 0);
	pty_char(&p, VKILL, 0);
	pty_char(&p, VEOF, 0);
	pty_type(&p, "a\177\025\004b\n");
	pty_reads(&p, "a\177\025\004b\n");
}

static void carriage_returns(void)
{
	open_silent();
	pty_type(&p, "abc\r");
	pty_reads(&p, "abc\n");
	pty_change(&p, IFLAG(ICRNL), NONE);
	pty_type(&p, "a\rb\n");
	pty_reads(&p, "a\rb\n");
	pty_change(&p, NONE, IFLAG(IGNCR));
	pty_type(&p, "a\rb\n");
	pty_reads(&p, "ab\n");
	pty_change(&p, IFLAG(IGNCR), IFLAG(INLCR | ICRNL));
	pty_type(&p, "a\nb\r");
	pty_reads(&p, "a\rb\n");
	pty_change(&p, IFLAG(INLCR), IFLAG(ISTRIP));
	pty_type(&p, "\341b\n");
	pty_reads(&p, "ab\n");
}

static void echo(void)
{
	pty_open(&p);
	pty_type(&p, "ab");
	pty_shows(&p, "ab");
	pty_type(&p, "c\n");
	pty_shows(&p, "c\r\n");
	pty_reads(&p, "abc\n");
	/* A return is echoed as what it becomes. */
	pty_type(&p, "x\r");
	pty_shows(&p, "x\r\n");
	pty_reads(&p, "x\n");
	pty_change(&p, LFLAG(ECHO), NONE);
	pty_type(&p, "secret\n");
	pty_shows(&p, "");
	pty_reads(&p, "secret\n");
	pty_change(&p, NONE, LFLAG(ECHONL));
	pty_type(&p, "secret\n");
	pty_shows(&p, "\r\n");
}

static void echo_of_controls(void)
{
	pty_open(&p);
	pty_change(&p, LFLAG(ISIG), NONE);
	pty_type(&p, "a\001\033\n");
	pty_shows(&p, "a^A^[\r\n");
	/* Tab goes through, and end of file is not shown. */
	pty_type(&p, "a\tb\n");
	pty_shows(&p, "a\tb\r\n");
	pty_type(&p, "a\004");
	pty_shows(&p, "a");
	pty_change(&p, LFLAG(ECHOCTL), NONE);
	pty_type(&p, "a\001b\n");
	pty_shows(&p, "a\001b\r\n");
}

static void echo_of_erase(void)
{
	pty_open(&p);
	pty_type(&p, "ab\177");
	pty_shows(&p, "ab\b \b");
	/* Two columns for a control character. */
	pty_type(&p, "\001\177");
	pty_shows(&p, "^A\b \b\b \b");
	/* Nothing left: nothing shown. */
	pty_type(&p, "\177\177");
	pty_shows(&p, "\b \b");
	pty_type(&p, "one two\027");
	pty_shows(&p, "one two\b \b\b \b\b \b");
	pty_type(&p, "\025");
	pty_shows(&p, "\b \b\b \b\b \b\b \b");
	pty_change(&p, LFLAG(ECHOE), NONE);
	pty_type(&p, "ab\177");
	pty_shows(&p, "ab^?");
}

static void echo_of_kill(void)
{
	pty_open(&p);
	pty_change(&p, LFLAG(ECHOKE), NONE);
	pty_type(&p, "abc\025");
	pty_shows(&p, "abc^U\r\n");
	pty_change(&p, LFLAG(ECHOK), NONE);
	pty_type(&p, "abc\025");
	pty_shows(&p, "abc^U");
}

static void output_processing(void)
{
	pty_open(&p);
	write_full(p.slave, "a\nb\r\n", 5);
	pty_shows(&p, "a\r\nb\r\r\n");
	pty_change(&p, OFLAG(ONLCR), NONE);
	write_full(p.slave, "a\nb", 3);
	pty_shows(&p, "a\nb");
	pty_change(&p, NONE, OFLAG(OCRNL));
	write_full(p.slave, "a\rb", 3);
	pty_shows(&p, "a\nb");
	pty_change(&p, OFLAG(OPOST), OFLAG(ONLCR));
	write_full(p.slave, "a\rb\n", 4);
	pty_shows(&p, "a\rb\n");
}

static void expanded_tabs(void)
{
	pty_open(&p);
	pty_change(&p, OFLAG(TABDLY), OFLAG(TAB3));
	write_full(p.slave, "\n", 1);
	pty_shows(&p, "\r\n");
	write_full(p.slave, "abc\tx\t", 6);
	pty_shows(&p, "abc     x       ");
}

static void raw_any_byte(void)
{
	char all[256], got[256];

	pty_open(&p);
	pty_raw(&p, 1, 0);
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	write_full(p.master, all, 256);
	read_full(p.slave, got, 256);
	CHECK(!memcmp(all, got, 256));
	write_full(p.slave, all, 256);
	size_t have = 0;
	while (have < 256) {
		ssize_t n = read(p.master, got + have, 256 - have);
		CHECK(n > 0 || errno == EAGAIN);
		have += n > 0 ? n : 0;
	}
	CHECK(!memcmp(all, got, 256));
	pty_shows(&p, "");
}

static void vmin_zero(void)
{
	char c;

	pty_open(&p);
	pty_raw(&p, 0, 0);
	CHECK_EQ(read(p.slave, &c, 1), 0);
	pty_type(&p, "x");
	UNTIL(queued(p.slave) == 1);
	CHECK_EQ(read(p.slave, &c, 1), 1);
	/* With VTIME it waits for the first byte, but not for ever. */
	pty_raw(&p, 0, 1);
	long long start = msec();
	CHECK_EQ(read(p.slave, &c, 1), 0);
	CHECK(msec() - start >= 90);
}

static void read_five(void *arg)
{
	char buf[16];

	(void)arg;
	/* Returns with what has come when three are there. */
	ssize_t n = OK(read(p.slave, buf, sizeof(buf)));
	CHECK(n >= 3 && n <= 5);
}

static void vmin_three(void)
{
	pty_open(&p);
	pty_raw(&p, 3, 0);
	pid_t pid = spawn(read_five, NULL);
	wait_asleep(pid);
	pty_type(&p, "ab");
	for (int i = 0; i < 30; i++)
		brief_pause();
	CHECK_EQ(proc_state(pid), 'S');
	pty_type(&p, "cde");
	wait_ok(pid);
}

static void vmin_and_vtime(void)
{
	char buf[16];

	pty_open(&p);
	pty_raw(&p, 10, 1);
	pty_type(&p, "abc");
	/* The gap after the third ends it. */
	CHECK_EQ(read(p.slave, buf, 10), 3);
	/* A request smaller than VMIN is done when it is full. */
	pty_type(&p, "defgh");
	CHECK_EQ(read(p.slave, buf, 2), 2);
	CHECK_EQ(read(p.slave, buf, 3), 3);
}

static void nonblocking(void)
{
	char c;

	pty_open(&p);
	OK(fcntl(p.slave, F_SETFL, O_NONBLOCK));
	CHECK_ERR(read(p.slave, &c, 1), EAGAIN);
	CHECK_ERR(read(p.master, &c, 1), EAGAIN);
	pty_type(&p, "no line yet");
	pty_reads_nothing(&p);
	CHECK_ERR(read(p.slave, &c, 1), EAGAIN);
}

/* The buffer holds 4095 bytes of a line; what is more is lost. */
static void long_line(void)
{
	static char line[6000], got[6000];

	open_silent();
	memset(line, 'a', sizeof(line));
	for (size_t done = 0; done < sizeof(line);) {
		ssize_t n = write(p.master, line + done, sizeof(line) - done);
		CHECK(n > 0 || errno == EAGAIN);
		done += n > 0 ? n : 0;
	}
	pty_type(&p, "\n");
	ssize_t n = OK(read(p.slave, got, sizeof(got)));
	CHECK_EQ(n, 4096);
	CHECK_EQ(got[4094], 'a');
	CHECK_EQ(got[4095], '\n');
	/* And the terminal is alive. */
	pty_type(&p, "next\n");
	pty_reads(&p, "next\n");
}

static void much_output(void)
{
	static char data[100000], got[100000];
	size_t have = 0;

	pty_open(&p);
	pty_raw(&p, 1, 0);
	fill_pattern(data, sizeof(data), 6);
	pid_t pid = xfork();
	if (pid == 0) {
		write_full(p.slave, data, sizeof(data));
		_exit(0);
	}
	while (have < sizeof(got)) {
		ssize_t n = read(p.master, got + have, sizeof(got) - have);
		if (n < 0) {
			CHECK_EQ(errno, EAGAIN);
			brief_pause();
			continue;
		}
		have += n;
	}
	CHECK(!memcmp(data, got, sizeof(got)));
	wait_ok(pid);
}

static void flushing(void)
{
	open_silent();
	pty_type(&p, "old\npart");
	UNTIL(queued(p.slave) == 4);
	OK(tcflush(p.slave, TCIFLUSH));
	CHECK_EQ(queued(p.slave), 0);
	pty_type(&p, "new\n");
	/* "part" went as well. */
	pty_reads(&p, "new\n");
	CHECK_ERR(ioctl(p.slave, TCFLSH, 99), EINVAL);
	OK(tcdrain(p.slave));
}

static void setting_flushes(void)
{
	struct termios t;

	open_silent();
	OK(tcgetattr(p.slave, &t));
	pty_type(&p, "old\n");
	UNTIL(queued(p.slave) == 4);
	OK(tcsetattr(p.slave, TCSADRAIN, &t));
	CHECK_EQ(queued(p.slave), 4);
	OK(tcsetattr(p.slave, TCSAFLUSH, &t));
	CHECK_EQ(queued(p.slave), 0);
	t.c_cc[VEOL] = 'q';
	t.c_lflag |= NOFLSH;
	OK(tcsetattr(p.slave, TCSANOW, &t));
	struct termios u;
	OK(tcgetattr(p.slave, &u));
	CHECK_EQ(u.c_cc[VEOL], 'q');
	CHECK(u.c_lflag & NOFLSH);
	/* Both ends have one setting. */
	OK(tcgetattr(p.master, &u));
	CHECK_EQ(u.c_cc[VEOL], 'q');
}

/* What was typed as a line may be read raw. */
static void canonical_to_raw(void)
{
	char buf[8];

	open_silent();
	pty_type(&p, "abc");
	pty_reads_nothing(&p);
	pty_raw(&p, 1, 0);
	UNTIL(queued(p.slave) == 3);
	CHECK_EQ(read(p.slave, buf, 8), 3);
	CHECK(!memcmp(buf, "abc", 3));
}

static short ready(int fd)
{
	struct pollfd f = { .fd = fd, .events = POLLIN | POLLOUT };

	OK(poll(&f, 1, 0));
	return f.revents;
}

static void polling(void)
{
	open_silent();
	CHECK_EQ(ready(p.slave), POLLOUT);
	CHECK_EQ(ready(p.master), POLLOUT);
	pty_type(&p, "abc");
	pty_reads_nothing(&p);
	pty_type(&p, "\n");
	UNTIL(ready(p.slave) == (POLLIN | POLLOUT));
	write_full(p.slave, "x", 1);
	UNTIL(ready(p.master) == (POLLIN | POLLOUT));
	pty_raw(&p, 1, 0);
	pty_reads(&p, "abc\n");
	pty_type(&p, "x");
	UNTIL(ready(p.slave) == (POLLIN | POLLOUT));
}

static void slave_closed(void)
{
	char c;

	pty_open(&p);
	write_full(p.slave, "last", 4);
	OK(close(p.slave));
	pty_shows(&p, "last");
	UNTIL(read(p.master, &c, 1) == -1 && errno == EIO);
	CHECK(ready(p.master) & POLLHUP);
	/* Opened again, it works again. */
	p.slave = OK(open(p.name, O_RDWR | O_NOCTTY));
	write_full(p.slave, "again", 5);
	pty_shows(&p, "again");
}

static void master_closed(void)
{
	struct termios t;
	char c;

	pty_open(&p);
	OK(close(p.master));
	CHECK_EQ(read(p.slave, &c, 1), 0);
	CHECK_ERR(write(p.slave, "x", 1), EIO);
	CHECK(ready(p.slave) & POLLHUP);
	CHECK_ERR(tcgetattr(p.slave, &t), EIO);
	CHECK(open(p.name, O_RDWR | O_NOCTTY) == -1);
}

static void read_until_hangup(void *arg)
{
	char c;

	(void)arg;
	OK(close(p.master));
	/* End of file or EIO, as the hang-up and the close race. */
	ssize_t n = read(p.slave, &c, 1);
	CHECK(n == 0 || (n == -1 && errno == EIO));
}

static void hangup_wakes_a_reader(void)
{
	pty_open(&p);
	pid_t pid = spawn(read_until_hangup, NULL);
	wait_asleep(pid);
	OK(close(p.master));
	wait_ok(pid);
}

static void many_pairs(void)
{
	enum { N = 20 };
	struct pty q[N];

	for (int i = 0; i < N; i++) {
		pty_open(&q[i]);
		for (int j = 0; j < i; j++)
			CHECK(strcmp(q[i].name, q[j].name) != 0);
	}
	for (int i = 0; i < N; i++)
		write_full(q[i].slave, q[i].name, strlen(q[i].name));
	for (int i = 0; i < N; i++)
		pty_shows(&q[i], q[i].name);
	struct stat st;
	OK(close(q[5].slave));
	OK(close(q[5].master));
	CHECK_ERR(stat(q[5].name, &st), ENOENT);
	OK(stat(q[6].name, &st));
}

static void locked_until_unlocked(void)
{
	char name[32];
	int number;

	int m = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (m < 0)
		SKIP("no /dev/ptmx");
	OK(ioctl(m, TIOCGPTN, &number));
	snprintf(name, sizeof(name), "/dev/pts/%d", number);
	CHECK_ERR(open(name, O_RDWR | O_NOCTTY), EIO);
	OK(grantpt(m));
	OK(unlockpt(m));
	CHECK(!strcmp(ptsname(m), name));
	OK(open(name, O_RDWR | O_NOCTTY));
}

static const struct tap_case cases[] = {
	{ "defaults", defaults, 0 },
	{ "is_a_terminal", is_a_terminal, 0 },
	{ "by_line", by_line, 0 },
	{ "line_in_pieces", line_in_pieces, 0 },
	{ "erase", erase, 0 },
	{ "kill_line", kill_line, 0 },
	{ "erase_word", erase_word, 0 },
	{ "end_of_file", end_of_file, 0 },
	{ "other_line_ends", other_line_ends, 0 },
	{ "literal_next", literal_next, 0 },
	{ "disabled_characters", disabled_characters, 0 },
	{ "carriage_returns", carriage_returns, 0 },
	{ "echo", echo, 0 },
	{ "echo_of_controls", echo_of_controls, 0 },
	{ "echo_of_erase", echo_of_erase, 0 },
	{ "echo_of_kill", echo_of_kill, 0 },
	{ "output_processing", output_processing, 0 },
	{ "expanded_tabs", expanded_tabs, 0 },
	{ "raw_any_byte", raw_any_byte, 0 },
	{ "vmin_zero", vmin_zero, 0 },
	{ "vmin_three", vmin_three, 0 },
	{ "vmin_and_vtime", vmin_and_vtime, 0 },
	{ "nonblocking", nonblocking, 0 },
	{ "long_line", long_line, 0 },
	{ "much_output", much_output, 0 },
	{ "flushing", flushing, 0 },
	{ "setting_flushes", setting_flushes, 0 },
	{ "canonical_to_raw", canonical_to_raw, 0 },
	{ "polling", polling, 0 },
	{ "slave_closed", slave_closed, 0 },
	{ "master_closed", master_closed, 0 },
	{ "hangup_wakes_a_reader", hangup_wakes_a_reader, 0 },
	{ "many_pairs", many_pairs, 0 },
	{ "locked_until_unlocked", locked_until_unlocked, 0 },
};

TAP_MAIN(cases)

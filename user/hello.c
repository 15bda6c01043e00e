/* SPDX-License-Identifier: MIT */
/*
 * hello.c - a first program. Every user/NAME.c is /bin/NAME in the next boot,
 * so this is also the pattern for one of your own.
 */
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

int main(void)
{
	struct utsname u;

	if (uname(&u) < 0) {
		perror("hello: uname");
		return 1;
	}
	printf("Hello from process %d on %s %s.\n", (int)getpid(), u.sysname,
	       u.release);
	return 0;
}

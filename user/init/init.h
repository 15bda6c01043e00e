/* SPDX-License-Identifier: MIT */
/* What the files of init share. main.c starts and ends the machine. */
#ifndef INIT_H
#define INIT_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#define GUEST		"/run/guest/"

/* main.c */
extern int wakeup[2];			/* a signal that is caught writes a byte */
extern volatile sig_atomic_t shutdown_signal;	/* the machine is to end, by this one */
extern char *const default_env[];

void say(int fd, const char *text);
/* perror() on a given descriptor: "init: what: reason". */
void complain(int fd, const char *what);
void default_signals(void);
void empty_wakeup(void);
/* What reboot(2) is to do after this signal. */
int shutdown_action(int sig);
/* Does not return on a real machine; it may where init is not process 1. */
void machine_off(int how);

/* runner.c: the program of scripts/guest. */
char **read_strings(const char *path);
void run_guest(char **argv);

/* root.c */
/* The program's root, if it is not ours: a path, or NULL. *ok false: it cannot be mounted. */
const char *guest_root(int errors, bool *ok);
/* Leave every disk as one that nobody writes. */
void unmount_all(void);

#endif

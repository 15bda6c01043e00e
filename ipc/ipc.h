/* SPDX-License-Identifier: MIT */
/*
 * Start of the ipc level.
 */
#ifndef IPC_IPC_H
#define IPC_IPC_H

/* After slab and fs; before the first process. */
void ipc_init(void);
void sigio_init(void);
/* Send the signals of all files with O_ASYNC that have something to tell. May sleep. */
void sigio_drain(void);

#endif

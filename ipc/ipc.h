/* SPDX-License-Identifier: MIT */
/*
 * Start of the ipc level.
 */
#ifndef IPC_IPC_H
#define IPC_IPC_H

/* After slab and fs; before the first process. */
void ipc_init(void);

#endif

/* The kernel's knobs and reports in /proc/sys/quire. */
#ifndef KERNEL_CONTROLS_H
#define KERNEL_CONTROLS_H

/* Register them: before files are started.
 *   memory_check  read: run memory_check(); the number of violations, which are in the log
 *   memory_free   read: frames that can still be had, in use by owner
 *   screen        read: its size, and what has been sent to the framebuffer
 *   fail_frame    write N: let the N-th frame allocation from now on fail, once; 0: never. Write random,SEED,ONE_IN: let each fail with that chance.
 *                 Read: how many are left until then; 0: none will fail, or it has
 *   fail_heap     the same of the kernel's heap */
void controls_register(void);

#endif

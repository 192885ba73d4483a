/* What the keys of the machine do: typing goes to the terminal that is shown, chords change terminals, scroll, restart, and ask the kernel about itself.
 *
 * Options: keymap=us|uk|de. Alt-F1 to F4: terminals. Shift-PgUp, Shift-PgDn: history. Ctrl-Alt-Del: restart. Alt-SysRq and h: help, p: processes, m: memory, c: check all of
 * memory, l: the log's terminal, v: the viewer's, x: panic, b: restart, o: power off. */
#ifndef KERNEL_KEYS_H
#define KERNEL_KEYS_H

/* Once, after the viewer and before the first process. */
void keys_start(void);

#endif

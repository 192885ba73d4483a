/* The memory viewer on the screen: a thread that gathers and draws a few times a second while its terminal can be seen, and sleeps otherwise.
 *
 * Options: viewer=split (beside the shell), viewer=show (its terminal first), viewer=serial (each frame also as text on COM1); view=WORDS (view_settings_parse, separated by
 * commas). Keys, when its terminal is the one that is typed to: p page, l lens, z and Z zoom, arrows and PgUp/PgDn move, a automatic place, n next process, 0 all in
 * turn, d difference since the last frame, space freeze, s one step while frozen, c colours that colour-blind people tell apart. */
#ifndef KERNEL_VIEW_VIEWER_H
#define KERNEL_VIEW_VIEWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Once, after scheduler_start(). Without a screen and without viewer=serial nothing is started. */
void viewer_start(void);

/* Bytes typed to it. Any context. */
void viewer_input(const uint8_t *bytes, size_t size);

/* Another terminal came into view, perhaps its own: then it draws at once. Any context. */
void viewer_wake(void);

/* Does anybody see its pictures, and how many has it gathered? None while nobody does. Any context. */
bool viewer_seen(void);
uint64_t viewer_pictures(void);

#endif

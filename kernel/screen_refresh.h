/* The thread that draws: text marks cells of the screen, and this sends them as pixels, in thread context, a row at a time, at most some tens of times
 * a second and never for more than a fifth of the time. Without a framebuffer there is no such thread. */
#ifndef KERNEL_SCREEN_REFRESH_H
#define KERNEL_SCREEN_REFRESH_H

/* Once, after scheduler_start(). With the option screen=now there is no thread and every text is drawn when it comes. */
void screen_refresh_start(void);

#endif

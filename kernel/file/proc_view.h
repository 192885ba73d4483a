/* The memory viewer as files in /proc/sys/quire:
 *
 *   memory_map            who uses memory, as JSON (kernel/view/report.h)
 *   memory_view           the viewer's page as letters; memory_view_colour: with colours
 *   memory_frames         which processes use each frame, and where (kernel/view/frame_users.h); written: which frames, "all", "NUMBER" or "NUMBER-NUMBER"
 *   viewer                written: what those show ("page=physical lens=heat zoom=2M") */
#ifndef KERNEL_FILE_PROC_VIEW_H
#define KERNEL_FILE_PROC_VIEW_H

/* Register them. Once. */
void proc_view_register(void);

#endif

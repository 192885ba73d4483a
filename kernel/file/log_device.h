/* /dev/kmsg: the kernel's log as records. A read gives one, "LEVEL,POSITION,MICROSECONDS,-;TEXT", and waits for the next at the end; a written line is logged, after "<LEVEL>" if
 * it begins so (Documentation/ABI/testing/dev-kmsg). */
#ifndef KERNEL_FILE_LOG_DEVICE_H
#define KERNEL_FILE_LOG_DEVICE_H

/* Register the device. Once. */
void log_device_register(void);

#endif

/* The firmware that started us, and how the loader speaks to people through it.
 *
 * One program, one firmware: the tables are kept in `firmware`, set once by firmware_start(). Nothing of this may be called after
 * ExitBootServices, except that the pointers stay what they were. */
#ifndef EFI_FIRMWARE_H
#define EFI_FIRMWARE_H

#include "efi/uefi.h"
#include "paging/types.h"

struct firmware {
    EFI_HANDLE image;
    EFI_SYSTEM_TABLE *system;
    EFI_BOOT_SERVICES *services;
    EFI_RUNTIME_SERVICES *runtime;
    EFI_LOADED_IMAGE *loaded_image; /* NULL when the firmware does not tell */
};
extern struct firmware firmware;

/* Check the tables that efi_main() was given, find our own image, and stop the watchdog. Errors are EFI's; nothing was printed when the
 * tables are not even UEFI's. */
EFI_STATUS must_check firmware_start(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

/* Print "quire loader: " and the parts, joined, as one line. A part that is NULL ends the list: use the macro. */
void message_parts(const char *const *parts);
#define MESSAGE(...) message_parts((const char *const[]){__VA_ARGS__, NULL})

/* Numbers as parts of a message. The text lives until the end of the full expression it is made in. */
struct message_text {
    char text[48];
};
struct message_text message_decimal(uint64_t number);
struct message_text message_hexadecimal(uint64_t number);
struct message_text message_status(EFI_STATUS status); /* "EFI_NOT_FOUND (14)" */
#define DECIMAL(number)     (message_decimal(number).text)
#define HEXADECIMAL(number) (message_hexadecimal(number).text)
#define STATUS(status)      (message_status(status).text)

/* Print why the boot ends here, "what: reason: EFI_... (n)", and give `status` back. */
EFI_STATUS failure(const char *what, const char *reason, EFI_STATUS status);

/* UTF-16 to printable ASCII, '?' for what is not; always terminated. */
void ascii_from_utf16(char *to, size_t size, const CHAR16 *from);

#endif

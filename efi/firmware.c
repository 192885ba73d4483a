#include "efi/firmware.h"

struct firmware firmware;

/* Name and number of the error statuses (UEFI 2.10, appendix D), without the high bit. */
static const char *const status_names[] = {
    [1] = "EFI_LOAD_ERROR",
    [2] = "EFI_INVALID_PARAMETER",
    [3] = "EFI_UNSUPPORTED",
    [4] = "EFI_BAD_BUFFER_SIZE",
    [5] = "EFI_BUFFER_TOO_SMALL",
    [6] = "EFI_NOT_READY",
    [7] = "EFI_DEVICE_ERROR",
    [8] = "EFI_WRITE_PROTECTED",
    [9] = "EFI_OUT_OF_RESOURCES",
    [10] = "EFI_VOLUME_CORRUPTED",
    [11] = "EFI_VOLUME_FULL",
    [12] = "EFI_NO_MEDIA",
    [13] = "EFI_MEDIA_CHANGED",
    [14] = "EFI_NOT_FOUND",
    [15] = "EFI_ACCESS_DENIED",
    [16] = "EFI_NO_RESPONSE",
    [17] = "EFI_NO_MAPPING",
    [18] = "EFI_TIMEOUT",
    [19] = "EFI_NOT_STARTED",
    [20] = "EFI_ALREADY_STARTED",
    [21] = "EFI_ABORTED",
    [22] = "EFI_ICMP_ERROR",
    [23] = "EFI_TFTP_ERROR",
    [24] = "EFI_PROTOCOL_ERROR",
    [25] = "EFI_INCOMPATIBLE_VERSION",
    [26] = "EFI_SECURITY_VIOLATION",
    [27] = "EFI_CRC_ERROR",
    [28] = "EFI_END_OF_MEDIA",
    [31] = "EFI_END_OF_FILE",
    [32] = "EFI_INVALID_LANGUAGE",
    [33] = "EFI_COMPROMISED_DATA",
    [35] = "EFI_HTTP_ERROR",
};
#define STATUS_ERROR_BIT (UINT64_C(1) << 63)

EFI_STATUS firmware_start(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    if (!system || system->Hdr.Signature != EFI_SYSTEM_TABLE_SIGNATURE)
        return EFI_LOAD_ERROR;
    firmware = (struct firmware){
        .image = image,
        .system = system,
        .services = system->BootServices,
        .runtime = system->RuntimeServices,
    };
    if (system->Hdr.Revision < UEFI_REVISION_LEAST || !system->BootServices)
        return failure("firmware", "is older than EFI 1.10", EFI_INCOMPATIBLE_VERSION);

    /* The boot manager resets the machine after five minutes unless told otherwise; a firmware without that timer refuses. */
    firmware.services->SetWatchdogTimer(0, 0, 0, NULL);

    EFI_GUID loaded_image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
    void *found = NULL;
    EFI_STATUS status = firmware.services->HandleProtocol(image, &loaded_image_guid, &found);
    if (!EFI_ERROR(status))
        firmware.loaded_image = found;
    return EFI_SUCCESS;
}

/* Console output in pieces, so that no message can outgrow a buffer on a small stack. */
struct console_writer {
    CHAR16 buffer[64];
    unsigned used;
};

static void console_flush(struct console_writer *writer)
{
    writer->buffer[writer->used] = 0;
    firmware.system->ConOut->OutputString(firmware.system->ConOut, writer->buffer);
    writer->used = 0;
}

static void console_put(struct console_writer *writer, const char *text)
{
    for (; *text; ++text) {
        writer->buffer[writer->used++] = (CHAR16)(unsigned char)*text;
        if (writer->used == sizeof(writer->buffer) / sizeof(writer->buffer[0]) - 1)
            console_flush(writer);
    }
}

void message_parts(const char *const *parts)
{
    /* Headless firmware may have no console at all. */
    if (!firmware.system->ConOut || !firmware.system->ConOut->OutputString)
        return;
    struct console_writer writer = {.used = 0};
    console_put(&writer, "quire loader: ");
    for (; *parts; ++parts)
        console_put(&writer, *parts);
    console_put(&writer, "\r\n");
    if (writer.used > 0)
        console_flush(&writer);
}

static struct message_text number_text(uint64_t number, unsigned base)
{
    struct message_text text = {{0}};
    char digits[24];
    unsigned count = 0;
    do
        digits[count++] = "0123456789abcdef"[number % base];
    while ((number /= base) != 0);
    for (unsigned i = 0; i < count; ++i)
        text.text[i] = digits[count - 1 - i];
    return text;
}

struct message_text message_decimal(uint64_t number)
{
    return number_text(number, 10);
}

struct message_text message_hexadecimal(uint64_t number)
{
    return number_text(number, 16);
}

static void text_append(struct message_text *text, const char *more)
{
    size_t length = 0;
    while (text->text[length])
        ++length;
    while (*more && length + 1 < sizeof(text->text))
        text->text[length++] = *more++;
    text->text[length] = '\0';
}

struct message_text message_status(EFI_STATUS status)
{
    struct message_text text = {{0}};
    uint64_t number = status & ~STATUS_ERROR_BIT;
    const char *name = status == EFI_SUCCESS ? "EFI_SUCCESS" : NULL;
    if ((status & STATUS_ERROR_BIT) && number < sizeof(status_names) / sizeof(status_names[0]))
        name = status_names[number];
    text_append(&text, name ? name : "EFI status");
    text_append(&text, " (");
    text_append(&text, DECIMAL(number));
    text_append(&text, ")");
    return text;
}

EFI_STATUS failure(const char *what, const char *reason, EFI_STATUS status)
{
    MESSAGE(what, ": ", reason, ": ", STATUS(status));
    return status;
}

void ascii_from_utf16(char *to, size_t size, const CHAR16 *from)
{
    size_t length = 0;
    for (; *from && length + 1 < size; ++from)
        to[length++] = *from >= 0x20 && *from <= 0x7e ? (char)*from : '?';
    to[length] = '\0';
}

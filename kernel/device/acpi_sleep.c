/* The sleep types of S5, without an AML interpreter: \_S5 is a name for a package of constants in every machine's DSDT (ACPI 6.4, 7.4.2,
 * encoding in chapter 20), so its bytes are looked for. Nothing else in AML looks like NameOp, "_S5_", PackageOp. */
#include "kernel/device/acpi_table.h"

enum {
    AML_ZERO = 0x00,
    AML_ONE = 0x01,
    AML_NAME = 0x08,
    AML_BYTE = 0x0a,
    AML_WORD = 0x0b,
    AML_DWORD = 0x0c,
    AML_PACKAGE = 0x12,
    AML_ROOT = '\\',
    AML_ONES = 0xff,
};

#define NAME_LENGTH      4
#define PKG_LENGTH_SHIFT 6 /* the lead byte's upper two bits: how many length bytes follow */
#define SLEEP_TYPE_MASK  7 /* SLP_TYP has three bits (4.8.3.2.1) */

/* Bytes not yet read. */
struct reader {
    const uint8_t *at;
    size_t left;
};

static int next_byte(struct reader *reader)
{
    if (reader->left == 0)
        return -1;
    reader->left--;
    return *reader->at++;
}

static bool skip(struct reader *reader, size_t count)
{
    if (count > reader->left)
        return false;
    reader->at += count;
    reader->left -= count;
    return true;
}

/* A constant of a package; only its low byte matters here. -1: something else, or the end. */
static int next_constant(struct reader *reader)
{
    int prefix = next_byte(reader);
    int value;

    switch (prefix) {
    case AML_ZERO:
    case AML_ONE:
        return prefix;
    case AML_ONES:
        return AML_ONES;
    case AML_BYTE:
        return next_byte(reader);
    case AML_WORD:
        value = next_byte(reader);
        return skip(reader, 1) ? value : -1;
    case AML_DWORD:
        value = next_byte(reader);
        return skip(reader, 3) ? value : -1;
    default:
        return -1;
    }
}

/* `reader` stands behind "_S5_". */
static bool package_read(struct acpi_power *power, struct reader reader)
{
    if (next_byte(&reader) != AML_PACKAGE)
        return false;
    int lead = next_byte(&reader);
    if (lead < 0 || !skip(&reader, (size_t)lead >> PKG_LENGTH_SHIFT))
        return false;
    int elements = next_byte(&reader);
    if (elements < 1)
        return false;
    int type_a = next_constant(&reader);
    if (type_a < 0)
        return false;
    int type_b = elements > 1 ? next_constant(&reader) : 0;
    power->sleep_type_a = type_a & SLEEP_TYPE_MASK;
    power->sleep_type_b = type_b < 0 ? 0 : type_b & SLEEP_TYPE_MASK;
    return true;
}

void acpi_sleep_find(struct acpi_power *power, const struct acpi_table *aml)
{
    const uint8_t *bytes = aml->bytes;

    if (power->sleep_type_a >= 0)
        return;
    for (size_t i = ACPI_HEADER_SIZE + 1; i + NAME_LENGTH <= aml->length; i++) {
        if (bytes[i] != '_' || memcmp(bytes + i, "_S5_", NAME_LENGTH) != 0)
            continue;
        if (bytes[i - 1] != AML_NAME && !(bytes[i - 1] == AML_ROOT && bytes[i - 2] == AML_NAME))
            continue;
        size_t behind = i + NAME_LENGTH;
        if (package_read(power, (struct reader){.at = bytes + behind, .left = aml->length - behind}))
            return;
    }
}

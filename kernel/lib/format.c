#include "kernel/lib/format.h"

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/string.h"

/* The longest number: 64 bits in octal, with a leading 0. */
#define DIGITS_MAX 24

struct output {
    char *to;
    size_t size;
    size_t length; /* of the whole text, also of what did not fit */
};

/* One conversion specification, between the % and its letter. */
struct specification {
    bool left, plus, blank, alternative, zero;
    unsigned width;
    int precision; /* -1: none given */
    int bytes;     /* size of an integer argument */
};

static void put(struct output *out, char byte)
{
    if (out->length + 1 < out->size)
        out->to[out->length] = byte;
    out->length++;
}

static void put_repeated(struct output *out, char byte, size_t count)
{
    while (count-- > 0)
        put(out, byte);
}

static void put_bytes(struct output *out, const char *bytes, size_t count)
{
    while (count-- > 0)
        put(out, *bytes++);
}

/* `bytes` padded with blanks to the width. */
static void put_field(struct output *out, const struct specification *how, const char *bytes, size_t count)
{
    size_t padding = count < how->width ? how->width - count : 0;

    if (!how->left)
        put_repeated(out, ' ', padding);
    put_bytes(out, bytes, count);
    if (how->left)
        put_repeated(out, ' ', padding);
}

/* Digits of `value`, most significant first, ending at `end`; where they begin. No digit for 0. */
static char *digits(char *end, uint64_t value, unsigned base, bool upper)
{
    const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";

    for (; value != 0; value /= base)
        *--end = alphabet[value % base];
    return end;
}

/* prefix ("-", "0x", ...), zeros and digits, within the width. */
static void put_number(struct output *out, const struct specification *how, const char *prefix,
                       const char *digit, size_t count)
{
    size_t prefix_length = strlen(prefix);
    size_t zeros = 0;

    if (how->precision >= 0)
        zeros = (size_t)how->precision > count ? (size_t)how->precision - count : 0;
    else if (count == 0)
        zeros = 1;
    size_t total = prefix_length + zeros + count;
    size_t padding = total < how->width ? how->width - total : 0;
    if (how->zero && !how->left && how->precision < 0) {
        zeros += padding;
        padding = 0;
    }
    if (!how->left)
        put_repeated(out, ' ', padding);
    put_bytes(out, prefix, prefix_length);
    put_repeated(out, '0', zeros);
    put_bytes(out, digit, count);
    if (how->left)
        put_repeated(out, ' ', padding);
}

static void put_signed(struct output *out, const struct specification *how, int64_t value)
{
    char buffer[DIGITS_MAX], *end = buffer + DIGITS_MAX;
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    char *start = digits(end, magnitude, 10, false);
    const char *sign = value < 0 ? "-" : how->plus ? "+" : how->blank ? " " : "";

    put_number(out, how, sign, start, (size_t)(end - start));
}

static void put_unsigned(struct output *out, const struct specification *how, uint64_t value, char letter)
{
    char buffer[DIGITS_MAX], *end = buffer + DIGITS_MAX;
    unsigned base = letter == 'u' ? 10 : letter == 'o' ? 8 : 16;
    char *start = digits(end, value, base, letter == 'X');
    const char *prefix = "";

    if (how->alternative && value != 0 && base == 16)
        prefix = letter == 'X' ? "0X" : "0x";
    /* For octal the prefix is a digit: one of those that the precision asks for. */
    if (how->alternative && base == 8 && (value != 0 || how->precision == 0))
        *--start = '0';
    put_number(out, how, prefix, start, (size_t)(end - start));
}

static int64_t signed_argument(va_list *arguments, int bytes)
{
    switch (bytes) {
    case 1:
        return (signed char)va_arg(*arguments, int);
    case 2:
        return (short)va_arg(*arguments, int);
    case 8:
        return va_arg(*arguments, int64_t);
    default:
        return va_arg(*arguments, int);
    }
}

static uint64_t unsigned_argument(va_list *arguments, int bytes)
{
    switch (bytes) {
    case 1:
        return (unsigned char)va_arg(*arguments, unsigned);
    case 2:
        return (unsigned short)va_arg(*arguments, unsigned);
    case 8:
        return va_arg(*arguments, uint64_t);
    default:
        return va_arg(*arguments, unsigned);
    }
}

static const char *parse_flags(const char *at, struct specification *how)
{
    for (;; at++) {
        switch (*at) {
        case '-':
            how->left = true;
            break;
        case '+':
            how->plus = true;
            break;
        case ' ':
            how->blank = true;
            break;
        case '#':
            how->alternative = true;
            break;
        case '0':
            how->zero = true;
            break;
        default:
            return at;
        }
    }
}

/* A decimal number or `*`; at most what an int holds. */
static const char *parse_number(const char *at, va_list *arguments, int *value)
{
    *value = 0;
    if (*at == '*') {
        *value = va_arg(*arguments, int);
        return at + 1;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        if (*value < INT32_MAX / 10 - 1)
            *value = *value * 10 + (*at - '0');
    }
    return at;
}

static const char *parse_length(const char *at, struct specification *how)
{
    how->bytes = 4;
    if (*at == 'h') {
        how->bytes = at[1] == 'h' ? 1 : 2;
        return at + (at[1] == 'h' ? 2 : 1);
    }
    if (*at == 'l') {
        how->bytes = 8;
        return at + (at[1] == 'l' ? 2 : 1);
    }
    if (*at == 'z' || *at == 'j' || *at == 't') {
        how->bytes = 8;
        return at + 1;
    }
    return at;
}

/* Everything between % and the letter; gives where the letter stands. */
static const char *parse_specification(const char *at, va_list *arguments, struct specification *how)
{
    int width;

    *how = (struct specification){.precision = -1};
    at = parse_flags(at, how);
    at = parse_number(at, arguments, &width);
    if (width < 0)
        how->left = true;
    how->width = width < 0 ? -(unsigned)width : (unsigned)width;
    if (*at == '.') {
        at = parse_number(at + 1, arguments, &how->precision);
        if (how->precision < 0)
            how->precision = -1;
    }
    return parse_length(at, how);
}

static void put_string(struct output *out, const struct specification *how, const char *string)
{
    if (string == NULL)
        string = "(null)";
    size_t length = how->precision < 0 ? strlen(string) : strnlen(string, (size_t)how->precision);
    put_field(out, how, string, length);
}

/* Convert one argument. False: the letter is none of ours, and no argument was taken. */
static bool put_conversion(struct output *out, struct specification *how, char letter, va_list *arguments)
{
    char byte;

    switch (letter) {
    case 'd':
    case 'i':
        put_signed(out, how, signed_argument(arguments, how->bytes));
        return true;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        put_unsigned(out, how, unsigned_argument(arguments, how->bytes), letter);
        return true;
    case 'p':
        how->alternative = true;
        put_unsigned(out, how, (uintptr_t)va_arg(*arguments, void *), 'x');
        return true;
    case 'c':
        byte = (char)va_arg(*arguments, int);
        put_field(out, how, &byte, 1);
        return true;
    case 's':
        put_string(out, how, va_arg(*arguments, const char *));
        return true;
    case '%':
        put(out, '%');
        return true;
    default:
        return false;
    }
}

int vsnprintf(char *to, size_t size, const char *format, va_list arguments)
{
    struct output out = {.to = to, .size = size};
    struct specification how;
    va_list rest;

    /* A va_list is an array type: only a copy has an address of the right type to hand on. */
    va_copy(rest, arguments);
    while (*format != '\0') {
        if (*format != '%') {
            put(&out, *format++);
            continue;
        }
        const char *letter = parse_specification(format + 1, &rest, &how);
        if (*letter != '\0' && put_conversion(&out, &how, *letter, &rest)) {
            format = letter + 1;
        } else {
            put(&out, '%'); /* shown as it stands */
            format++;
        }
    }
    va_end(rest);
    if (size > 0)
        to[out.length < size ? out.length : size - 1] = '\0';
    return (int)out.length;
}

int snprintf(char *to, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(to, size, format, arguments);
    va_end(arguments);
    return length;
}

#include "kernel/lib/options.h"

#include <asm/errno.h>

#include "efi/boot_info.h"
#include "kernel/lib/string.h"

/* Of the kernel's own line. */
#define WORDS_MAX 2048

/* The parser's position in the line and in the text it writes. */
struct parser {
    struct option_list *list;
    const char *line, *at;
    size_t used; /* of list->text */
};

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static int fail(struct parser *parser, const char *why, int error)
{
    parser->list->error = why;
    parser->list->error_offset = (size_t)(parser->at - parser->line);
    return error;
}

static int put_byte(struct parser *parser, char byte)
{
    if (parser->used == parser->list->text_size)
        return fail(parser, "the line is too long", -E2BIG);
    parser->list->text[parser->used++] = byte;
    return 0;
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

/* What follows a backslash inside quotes. */
static int parse_escape(struct parser *parser)
{
    char byte = *parser->at;

    if (byte == '\\' || byte == '"') {
        parser->at++;
        return put_byte(parser, byte);
    }
    if (byte == 'n') {
        parser->at++;
        return put_byte(parser, '\n');
    }
    int high = byte == 'x' ? hex_digit(parser->at[1]) : -1;
    int low = high >= 0 ? hex_digit(parser->at[2]) : -1;
    if (low < 0)
        return fail(parser, "unknown escape after a backslash", -EINVAL);
    if (high == 0 && low == 0)
        return fail(parser, "a word cannot hold a zero byte", -EINVAL);
    parser->at += 3;
    return put_byte(parser, (char)(high * 16 + low));
}

/* From behind an opening quote to behind the closing one. */
static int parse_quoted(struct parser *parser)
{
    int error = 0;

    while (error == 0) {
        char byte = *parser->at;
        if (byte == '\0')
            return fail(parser, "a quote is not closed", -EINVAL);
        parser->at++;
        if (byte == '"')
            return 0;
        error = byte == '\\' ? parse_escape(parser) : put_byte(parser, byte);
    }
    return error;
}

/* One word, into the text, terminated. */
static int parse_word(struct parser *parser)
{
    int error = 0;

    while (error == 0 && *parser->at != '\0' && !is_blank(*parser->at)) {
        char byte = *parser->at++;
        error = byte == '"' ? parse_quoted(parser) : put_byte(parser, byte);
    }
    return error != 0 ? error : put_byte(parser, '\0');
}

/* Does the unquoted word `--` stand here? */
static bool at_separator(const struct parser *parser)
{
    const char *at = parser->at;

    return at[0] == '-' && at[1] == '-' && (at[2] == '\0' || is_blank(at[2]));
}

int options_parse(struct option_list *list, const char *line)
{
    struct parser parser = {.list = list, .line = line, .at = line};
    bool arguments = false;
    int error = 0;

    list->option_count = list->argument_count = list->error_offset = 0;
    list->error = NULL;
    if (list->words_max == 0)
        return fail(&parser, "no room for words", -E2BIG);
    list->words[0] = NULL;
    for (;;) {
        while (is_blank(*parser.at))
            parser.at++;
        if (*parser.at == '\0')
            return 0;
        if (!arguments && at_separator(&parser)) {
            arguments = true;
            parser.at += 2;
            continue;
        }
        size_t count = list->option_count + list->argument_count;
        if (count + 1 >= list->words_max)
            return fail(&parser, "too many words", -E2BIG);
        char *word = list->text + parser.used;
        error = parse_word(&parser);
        if (error != 0)
            return error;
        list->words[count] = word;
        list->words[count + 1] = NULL;
        *(arguments ? &list->argument_count : &list->option_count) += 1;
    }
}

/* What follows `name` in `word` when it is that option: "" or "=value"; else NULL. */
static const char *match_name(const char *word, const char *name)
{
    size_t length = strlen(name);

    if (strncmp(word, name, length) != 0 || (word[length] != '\0' && word[length] != '='))
        return NULL;
    return word + length;
}

const char *option_list_value(const struct option_list *list, const char *name)
{
    for (size_t i = list->option_count; i-- > 0;) {
        const char *rest = match_name(list->words[i], name);
        if (rest != NULL)
            return *rest == '=' ? rest + 1 : rest;
    }
    return NULL;
}

bool option_list_present(const struct option_list *list, const char *name)
{
    return option_list_value(list, name) != NULL;
}

const char *option_list_next(const struct option_list *list, const char *prefix, size_t *position)
{
    size_t length = strlen(prefix);

    while (*position < list->option_count) {
        const char *word = list->words[(*position)++];
        if (strncmp(word, prefix, length) == 0)
            return word + length;
    }
    return NULL;
}

/* The power of two that a size letter stands for, -1 for another letter. */
static int unit_shift(char letter)
{
    switch (letter) {
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    default:
        return -1;
    }
}

int number_parse(const char *text, uint64_t *out)
{
    unsigned base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
    const char *at = base == 16 ? text + 2 : text;
    const char *first = at;
    uint64_t value = 0;

    for (;; at++) {
        int digit = hex_digit(*at);
        if (digit < 0 || (unsigned)digit >= base)
            break;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, (unsigned)digit, &value))
            return -ERANGE;
    }
    if (at == first)
        return -EINVAL;
    if (*at != '\0') {
        int shift = unit_shift(*at);
        if (shift < 0 || at[1] != '\0')
            return -EINVAL;
        if (value > UINT64_MAX >> shift)
            return -ERANGE;
        value <<= shift;
    }
    *out = value;
    return 0;
}

/* --- the kernel's own line --- */

static char own_text[BOOT_COMMAND_LINE_MAX];
static char *own_words[WORDS_MAX];
static struct option_list own = {
    .words = own_words, .words_max = WORDS_MAX, .text = own_text, .text_size = sizeof(own_text)};

int options_start(const char *line, const char **error)
{
    int result = options_parse(&own, line);

    if (error != NULL)
        *error = own.error;
    return result;
}

const char *option_value(const char *name)
{
    return option_list_value(&own, name);
}

bool option_present(const char *name)
{
    return option_list_present(&own, name);
}

int option_number(const char *name, uint64_t *out)
{
    const char *value = option_value(name);

    return value == NULL ? -ENOENT : number_parse(value, out);
}

char *const *option_arguments(size_t *count)
{
    *count = own.argument_count;
    return own.words + own.option_count;
}

const char *option_next(const char *prefix, size_t *position)
{
    return option_list_next(&own, prefix, position);
}

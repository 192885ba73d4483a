#include "efi/command_line.h"

#include <asm/errno.h>

static bool is_blank(unsigned character)
{
    return character == ' ' || character == '\t' || character == '\r' || character == '\n';
}

static bool is_printable(unsigned character)
{
    return character >= 0x20 && character <= 0x7e;
}

/* Where a line grows. `length` counts what was offered, so that too long a text is noticed at the end. */
struct line_writer {
    char *line;
    size_t size;
    size_t length;
};

static void line_put(struct line_writer *writer, char character)
{
    if (writer->length == 0 && character == ' ')
        return;
    if (writer->length < writer->size)
        writer->line[writer->length] = character;
    ++writer->length;
}

static int line_finish(struct line_writer *writer)
{
    if (writer->length >= writer->size) {
        writer->line[0] = '\0';
        return -ENAMETOOLONG;
    }
    while (writer->length > 0 && writer->line[writer->length - 1] == ' ')
        --writer->length;
    writer->line[writer->length] = '\0';
    return 0;
}

int command_line_from_utf16(const void *text, size_t bytes, char *line, size_t size)
{
    const unsigned char *from = text;
    struct line_writer writer = {line, size, 0};
    for (size_t at = 0; at + 1 < bytes; at += 2) {
        unsigned character = from[at] | (unsigned)from[at + 1] << 8;
        if (character == 0)
            break;
        if (!is_blank(character) && !is_printable(character)) {
            line[0] = '\0';
            return -EILSEQ;
        }
        line_put(&writer, is_blank(character) ? ' ' : (char)character);
    }
    return line_finish(&writer);
}

/* A text file as characters, whatever its encoding. */
struct text_reader {
    const unsigned char *text;
    size_t bytes;
    size_t at;
    bool wide;
};

static struct text_reader text_open(const unsigned char *text, size_t bytes)
{
    struct text_reader reader = {text, bytes, 0, false};
    if (bytes >= 2 && text[0] == 0xff && text[1] == 0xfe) {
        reader.at = 2;
        reader.wide = true;
    } else if (bytes >= 3 && text[0] == 0xef && text[1] == 0xbb && text[2] == 0xbf) {
        reader.at = 3;
    }
    return reader;
}

static bool text_next(struct text_reader *reader, unsigned *character)
{
    size_t width = reader->wide ? 2 : 1;
    if (reader->bytes - reader->at < width)
        return false;
    *character = reader->text[reader->at];
    if (reader->wide)
        *character |= (unsigned)reader->text[reader->at + 1] << 8;
    reader->at += width;
    return true;
}

int command_line_from_file(const void *text, size_t bytes, char *line, size_t size, size_t *where)
{
    struct text_reader reader = text_open(text, bytes);
    struct line_writer writer = {line, size, 0};
    bool line_begins = true;
    bool comment = false;
    unsigned character;
    for (size_t at = reader.at; text_next(&reader, &character); at = reader.at) {
        if (character == '\n' || character == '\r') {
            line_begins = true;
            comment = false;
        } else if (line_begins && !is_blank(character)) {
            line_begins = false;
            comment = character == '#';
        }
        if (comment)
            continue;
        if (!is_blank(character) && !is_printable(character)) {
            *where = at;
            line[0] = '\0';
            return -EILSEQ;
        }
        line_put(&writer, is_blank(character) ? ' ' : (char)character);
    }
    return line_finish(&writer);
}

/* Take the next word off `*rest`. With `word` NULL only the end is found; else the word goes there without its quotes, cut to `size`.
 * The word's full length, or 0 at the end of the line (an empty quoted word counts as one: see `*found`). */
static size_t word_next(const char **rest, char *word, size_t size, bool *found)
{
    const char *at = *rest;
    while (is_blank((unsigned char)*at))
        ++at;
    *found = *at != '\0';
    size_t length = 0;
    bool quoted = false;
    for (; *at && (quoted || !is_blank((unsigned char)*at)); ++at) {
        if (*at == '"') {
            quoted = !quoted;
            continue;
        }
        if (quoted && *at == '\\' && at[1])
            ++at;
        if (length + 1 < size)
            word[length] = *at;
        ++length;
    }
    if (size > 0)
        word[length < size ? length : size - 1] = '\0';
    *rest = at;
    return length;
}

static char lower(char character)
{
    return character >= 'A' && character <= 'Z' ? (char)(character - 'A' + 'a') : character;
}

void command_line_drop_program(char *line)
{
    /* Outside quotes a path's backslashes are plain characters, and inside only the name's last four letters matter here. */
    static const char suffix[] = ".efi";
    const size_t suffix_length = sizeof(suffix) - 1;
    size_t end = 0;
    bool quoted = false;
    for (; line[end] && (quoted || line[end] != ' '); ++end)
        if (line[end] == '"')
            quoted = !quoted;
    size_t name_end = end;
    while (name_end > 0 && line[name_end - 1] == '"')
        --name_end;
    if (name_end < suffix_length)
        return;
    for (size_t i = 0; i < suffix_length; ++i)
        if (lower(line[name_end - suffix_length + i]) != suffix[i])
            return;
    while (line[end] == ' ')
        ++end;
    size_t to = 0;
    do
        line[to++] = line[end];
    while (line[end++]);
}

/* `text` after `prefix`; NULL when it does not begin with it. */
static const char *after(const char *text, const char *prefix)
{
    while (*prefix)
        if (*text++ != *prefix++)
            return NULL;
    return text;
}

static bool is_options_end(const char *word)
{
    return word[0] == '-' && word[1] == '-' && word[2] == '\0';
}

#define OPTION_LENGTH_MAX 256

bool command_line_value(const char *line, const char *name, char *value, size_t size)
{
    char word[OPTION_LENGTH_MAX];
    bool matched = false;
    for (;;) {
        bool found;
        size_t length = word_next(&line, word, sizeof(word), &found);
        if (!found || is_options_end(word))
            return matched;
        const char *text = after(word, name);
        if (!text || *text != '=')
            continue;
        size_t value_length = length - (size_t)(text + 1 - word);
        matched = length < sizeof(word) && value_length < size;
        if (matched)
            __builtin_memcpy(value, text + 1, value_length + 1);
    }
}

bool command_line_has(const char *line, const char *name)
{
    char word[OPTION_LENGTH_MAX];
    for (;;) {
        bool found;
        size_t length = word_next(&line, word, sizeof(word), &found);
        if (!found || is_options_end(word))
            return false;
        const char *rest = after(word, name);
        if (rest && *rest == '\0' && length < sizeof(word))
            return true;
    }
}

/* Digits at `*text`, which moves behind them. */
static bool number_take(const char **text, uint32_t *number)
{
    uint64_t value = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9'; ++at) {
        value = value * 10 + (uint64_t)(*at - '0');
        if (value > UINT32_MAX)
            return false;
    }
    if (at == *text)
        return false;
    *text = at;
    *number = (uint32_t)value;
    return true;
}

bool command_line_number(const char *text, uint32_t *number)
{
    return number_take(&text, number) && *text == '\0';
}

bool command_line_size(const char *text, uint32_t *width, uint32_t *height)
{
    return number_take(&text, width) && *text++ == 'x' && number_take(&text, height) && *text == '\0';
}

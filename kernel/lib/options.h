/* The kernel's command line, split into options and the first process's arguments.
 *
 * The line is words separated by blanks. Anywhere in a word, double quotes keep blanks together, and inside them \\ \" \n and \xHH
 * stand for one byte. The first unquoted word `--` ends the options: every word after it is an argument of the first process. An option is
 * `name` or `name=value`; the name ends at the first `=`. When a name is given twice, the later one counts.
 *
 * The parser is pure and works in buffers of the caller. The kernel's own line is parsed once by options_start(), before anything that
 * asks for an option; after that everything here is read-only and may be called from any context. */
#ifndef KERNEL_LIB_OPTIONS_H
#define KERNEL_LIB_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "paging/types.h"

/* A parsed line. `words` and `text` are the caller's, set together with their sizes before options_parse(). */
struct option_list {
    char **words;     /* options first, then arguments, then NULL */
    size_t words_max; /* room in `words`, the NULL included */
    char *text;       /* the words' bytes; never needs more than the line's length and its terminator */
    size_t text_size;

    size_t option_count;   /* words[0 .. option_count) */
    size_t argument_count; /* the words after those */
    size_t error_offset;   /* where in the line it went wrong */
    const char *error;     /* what was wrong there, NULL when nothing */
};

/* Split `line`. 0; -EINVAL for an open quote, an unknown escape or \x00; -E2BIG when `words` or `text` is too small. On an error the
 * list holds the words before the bad one, and `error` says why. */
int must_check options_parse(struct option_list *list, const char *line);

/* The same questions as below, of any list. */
const char *option_list_value(const struct option_list *list, const char *name);
bool option_list_present(const struct option_list *list, const char *name);
const char *option_list_next(const struct option_list *list, const char *prefix, size_t *position);

/* A whole number: decimal or 0x hexadecimal, with K, M or G (powers of 1024) after it. -EINVAL for anything else, -ERANGE above 2^64-1. */
int must_check number_parse(const char *text, uint64_t *out);

/* --- the kernel's own line --- */

/* Parse it; what came before a mistake counts. `error` (may be NULL) gets a sentence, or NULL. 0 or the parser's error. */
int options_start(const char *line, const char **error);

/* What stands behind `name=`: "" for `name=` and for the bare word, NULL when absent. */
const char *option_value(const char *name);

/* Is there `name` or `name=...`? */
bool option_present(const char *name);

/* A number: 0, -ENOENT when absent (out unchanged), else number_parse()'s error. */
int must_check option_number(const char *name, uint64_t *out);

/* argv of the first process: `count` pointers and a NULL after them. */
char *const *option_arguments(size_t *count);

/* Walk the options that begin with `prefix`, in order: set *position to 0, call until NULL. Gives what follows the prefix, so that "env."
 * gives "NAME=VALUE". */
const char *option_next(const char *prefix, size_t *position);

#endif

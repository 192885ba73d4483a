/* See terminal.h. */
#include "kernel/file/terminal.h"

#include <asm/signal.h>

#include "kernel/lib/string.h"

#define INPUT_LINE_END    0x100 /* the line ends with this byte */
#define INPUT_END_OF_FILE 0x200 /* ends the line, too, but is not read itself */

#define CONTROL(letter)   ((letter)&0x1f)
#define DELETE            0x7f
#define BELL              '\a'
#define ASCII_MASK        0x7f

_Static_assert((TERMINAL_INPUT_MAX & (TERMINAL_INPUT_MAX - 1)) == 0, "the counters wrap over it");

static const struct termios settings_at_start = {
    .c_iflag = ICRNL | IUTF8 | IMAXBEL,
    .c_oflag = OPOST | ONLCR,
    .c_cflag = B115200 | CS8 | CREAD | HUPCL,
    .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    .c_cc =
        {
            [VINTR] = CONTROL('C'),
            [VQUIT] = CONTROL('\\'),
            [VERASE] = DELETE,
            [VKILL] = CONTROL('U'),
            [VEOF] = CONTROL('D'),
            [VMIN] = 1,
            [VSTART] = CONTROL('Q'),
            [VSTOP] = CONTROL('S'),
            [VSUSP] = CONTROL('Z'),
            [VREPRINT] = CONTROL('R'),
            [VDISCARD] = CONTROL('O'),
            [VWERASE] = CONTROL('W'),
            [VLNEXT] = CONTROL('V'),
        },
};

void terminal_init(struct terminal *terminal)
{
    terminal->settings = settings_at_start;
    terminal->literal_next = false;
    terminal_flush(terminal);
}

static uint16_t *slot(struct terminal *terminal, uint32_t position)
{
    return &terminal->input[position % TERMINAL_INPUT_MAX];
}

static bool local(const struct terminal *terminal, tcflag_t flag)
{
    return (terminal->settings.c_lflag & flag) != 0;
}

/* Is this byte the control character `which`? One that is set to 0 is switched off. */
static bool is_control(const struct terminal *terminal, unsigned which, uint8_t byte)
{
    return byte != 0 && terminal->settings.c_cc[which] == byte;
}

/* --- echo --- */

struct echo {
    terminal_echo *show;
    void *context;
};

static void echo_text(const struct terminal *terminal, const struct echo *echo, const char *text, size_t size)
{
    char made[2 * 8];

    while (size > 0) {
        size_t part = size < sizeof(made) / 2 ? size : sizeof(made) / 2;
        echo->show(echo->context, made, terminal_output(terminal, text, part, made));
        text += part;
        size -= part;
    }
}

/* Is it shown as ^X? */
static bool shown_as_control(const struct terminal *terminal, uint8_t byte)
{
    return local(terminal, ECHOCTL) && (byte < ' ' || byte == DELETE) && byte != '\n' && byte != '\t';
}

static void echo_byte(const struct terminal *terminal, const struct echo *echo, uint8_t byte)
{
    if (!local(terminal, ECHO) && !(byte == '\n' && local(terminal, ECHONL) && local(terminal, ICANON)))
        return;
    if (shown_as_control(terminal, byte)) {
        char text[2] = {'^', (char)(byte ^ 0x40)};
        echo_text(terminal, echo, text, sizeof(text));
    } else {
        echo_text(terminal, echo, (const char *)&byte, 1);
    }
}

/* --- editing the line --- */

static bool is_continuation(const struct terminal *terminal, uint8_t byte)
{
    return (terminal->settings.c_iflag & IUTF8) != 0 && (byte & 0xc0) == 0x80;
}

/* Remove the last character of the line, all its bytes; false when there is none. */
static bool erase_one(struct terminal *terminal, const struct echo *echo)
{
    uint8_t byte;

    if (terminal->head == terminal->line_start)
        return false;
    do
        byte = (uint8_t)*slot(terminal, --terminal->head);
    while (is_continuation(terminal, byte) && terminal->head != terminal->line_start);
    if (local(terminal, ECHO) && local(terminal, ECHOE)) {
        for (unsigned cells = shown_as_control(terminal, byte) ? 2 : 1; cells > 0; cells--)
            echo_text(terminal, echo, "\b \b", 3);
    } else if (local(terminal, ECHO)) {
        echo_byte(terminal, echo, terminal->settings.c_cc[VERASE]);
    }
    return true;
}

static uint8_t last_byte(struct terminal *terminal)
{
    return (uint8_t)*slot(terminal, terminal->head - 1);
}

static bool is_word_byte(uint8_t byte)
{
    return byte >= 0x80 || byte == '_' || (byte >= '0' && byte <= '9') ||
           ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
}

/* Blanks and other marks, then a word. */
static void erase_word(struct terminal *terminal, const struct echo *echo)
{
    bool in_word = false;

    while (terminal->head != terminal->line_start) {
        bool word_byte = is_word_byte(last_byte(terminal));
        if (in_word && !word_byte)
            break;
        in_word = word_byte;
        erase_one(terminal, echo);
    }
}

static void erase_line(struct terminal *terminal, const struct echo *echo)
{
    if (local(terminal, ECHO) && !(local(terminal, ECHOKE) && local(terminal, ECHOE))) {
        terminal->head = terminal->line_start;
        echo_byte(terminal, echo, terminal->settings.c_cc[VKILL]);
        if (local(terminal, ECHOK))
            echo_text(terminal, echo, "\n", 1);
        return;
    }
    while (erase_one(terminal, echo))
        ;
}

static void reprint(struct terminal *terminal, const struct echo *echo)
{
    echo_byte(terminal, echo, terminal->settings.c_cc[VREPRINT]);
    echo_text(terminal, echo, "\n", 1);
    for (uint32_t position = terminal->line_start; position != terminal->head; position++)
        echo_byte(terminal, echo, (uint8_t)*slot(terminal, position));
}

/* --- input --- */

/* Room for one more? A line that is being edited leaves the last slot to its end. */
static bool has_room(const struct terminal *terminal, bool line_end)
{
    uint32_t vacant = TERMINAL_INPUT_MAX - (terminal->head - terminal->tail);

    return vacant > (local(terminal, ICANON) && !line_end ? 1u : 0u);
}

static void store(struct terminal *terminal, const struct echo *echo, uint16_t entry)
{
    bool line_end = (entry & (INPUT_LINE_END | INPUT_END_OF_FILE)) != 0;

    if (!has_room(terminal, line_end)) {
        if ((terminal->settings.c_iflag & IMAXBEL) != 0)
            echo_text(terminal, echo, &(char){BELL}, 1);
        return;
    }
    *slot(terminal, terminal->head++) = entry;
    if (line_end) {
        terminal->line_start = terminal->head;
        terminal->lines++;
    }
    if ((entry & INPUT_END_OF_FILE) == 0)
        echo_byte(terminal, echo, (uint8_t)entry);
}

static int signal_of(const struct terminal *terminal, uint8_t byte)
{
    if (!local(terminal, ISIG))
        return 0;
    if (is_control(terminal, VINTR, byte))
        return SIGINT;
    if (is_control(terminal, VQUIT, byte))
        return SIGQUIT;
    return is_control(terminal, VSUSP, byte) ? SIGTSTP : 0;
}

/* The control characters of canonical mode; false: it is none. */
static bool edit(struct terminal *terminal, const struct echo *echo, uint8_t byte)
{
    bool extended = local(terminal, IEXTEN);

    if (is_control(terminal, VERASE, byte))
        erase_one(terminal, echo);
    else if (is_control(terminal, VKILL, byte))
        erase_line(terminal, echo);
    else if (extended && is_control(terminal, VWERASE, byte))
        erase_word(terminal, echo);
    else if (extended && is_control(terminal, VREPRINT, byte) && local(terminal, ECHO))
        reprint(terminal, echo);
    else if (is_control(terminal, VEOF, byte))
        store(terminal, echo, INPUT_END_OF_FILE);
    else if (byte == '\n' || is_control(terminal, VEOL, byte) ||
             (extended && is_control(terminal, VEOL2, byte)))
        store(terminal, echo, byte | INPUT_LINE_END);
    else
        return false;
    return true;
}

/* What the line itself makes of a byte; -1: nothing is left of it. */
static int translate(const struct terminal *terminal, uint8_t byte)
{
    tcflag_t flags = terminal->settings.c_iflag;

    if ((flags & ISTRIP) != 0)
        byte &= ASCII_MASK;
    if (byte == '\r')
        return (flags & IGNCR) != 0 ? -1 : (flags & ICRNL) != 0 ? '\n' : '\r';
    return byte == '\n' && (flags & INLCR) != 0 ? '\r' : byte;
}

int terminal_input(struct terminal *terminal, uint8_t byte, terminal_echo *show, void *context)
{
    const struct echo echo = {show, context};

    if (terminal->literal_next) {
        terminal->literal_next = false;
        store(terminal, &echo, byte);
        return 0;
    }
    int translated = translate(terminal, byte);
    if (translated < 0)
        return 0;
    byte = (uint8_t)translated;
    int signal = signal_of(terminal, byte);
    if (signal != 0) {
        if (!local(terminal, NOFLSH))
            terminal_flush(terminal);
        echo_byte(terminal, &echo, byte);
        return signal;
    }
    if (local(terminal, IEXTEN) && local(terminal, ICANON) && is_control(terminal, VLNEXT, byte)) {
        terminal->literal_next = true;
        if (local(terminal, ECHO) && local(terminal, ECHOCTL))
            echo_text(terminal, &echo, "^\b", 2);
        return 0;
    }
    if (!local(terminal, ICANON) || !edit(terminal, &echo, byte))
        store(terminal, &echo, byte);
    return 0;
}

/* --- reading --- */

bool terminal_readable(const struct terminal *terminal, unsigned least)
{
    if (local(terminal, ICANON))
        return terminal->lines > 0;
    return terminal->head - terminal->tail >= least;
}

uint32_t terminal_waiting(const struct terminal *terminal)
{
    if (!local(terminal, ICANON))
        return terminal->head - terminal->tail;
    return terminal->lines > 0 ? terminal->line_start - terminal->tail : 0;
}

static void line_taken(struct terminal *terminal)
{
    terminal->tail++;
    terminal->lines--;
}

size_t terminal_read(struct terminal *terminal, char *to, size_t size, bool *ended)
{
    bool canonical = local(terminal, ICANON);
    uint32_t end = canonical ? terminal->line_start : terminal->head;
    size_t taken = 0;

    *ended = false;
    while (taken < size && terminal->tail != end) {
        uint16_t entry = *slot(terminal, terminal->tail);
        if (canonical && (entry & (INPUT_LINE_END | INPUT_END_OF_FILE)) != 0) {
            if ((entry & INPUT_LINE_END) != 0)
                to[taken++] = (char)entry;
            line_taken(terminal);
            *ended = true;
            return taken;
        }
        terminal->tail++;
        to[taken++] = (char)entry;
    }
    /* An end of file right behind a read that is full belongs to it, or the next would see an empty file. */
    if (canonical && taken == size && terminal->tail != end &&
        (*slot(terminal, terminal->tail) & INPUT_END_OF_FILE) != 0) {
        line_taken(terminal);
        *ended = true;
    }
    return taken;
}

size_t terminal_output(const struct terminal *terminal, const char *from, size_t size, char *to)
{
    tcflag_t flags = terminal->settings.c_oflag;
    size_t made = 0;

    for (size_t i = 0; i < size; i++) {
        char byte = from[i];
        if ((flags & OPOST) != 0 && (flags & ONLCR) != 0 && byte == '\n')
            to[made++] = '\r';
        else if ((flags & OPOST) != 0 && (flags & OCRNL) != 0 && byte == '\r')
            byte = '\n';
        to[made++] = byte;
    }
    return made;
}

/* --- settings --- */

/* Lines are told apart in canonical mode only: what is waiting becomes plain bytes (an end of file a zero, as on Linux), or one
 * finished line. */
static void mode_changed(struct terminal *terminal)
{
    for (uint32_t position = terminal->tail; position != terminal->head; position++)
        *slot(terminal, position) &= (uint16_t) ~(INPUT_LINE_END | INPUT_END_OF_FILE);
    terminal->line_start = terminal->head;
    terminal->lines = 0;
    if (local(terminal, ICANON) && terminal->head != terminal->tail) {
        *slot(terminal, terminal->head - 1) |= INPUT_LINE_END;
        terminal->lines = 1;
    }
}

void terminal_set(struct terminal *terminal, const struct termios *settings)
{
    bool was_canonical = local(terminal, ICANON);

    terminal->settings = *settings;
    if (was_canonical != local(terminal, ICANON))
        mode_changed(terminal);
    terminal->literal_next = false;
}

void terminal_flush(struct terminal *terminal)
{
    terminal->tail = terminal->line_start = terminal->head;
    terminal->lines = 0;
}

/* Shows the memory viewer's JSON at steps of its life: alone, after a fork, after the child wrote to a shared page, with a shared mapping, after the child's end. Each is printed
 * after a line "=== NAME"; test/screen/viewer.py compares them. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE  4096
#define PAGES 16

static void show(const char *name)
{
    char chunk[PAGE];
    ssize_t size;
    int file = open("/proc/sys/quire/memory_map", O_RDONLY);

    if (file < 0) {
        perror("/proc/sys/quire/memory_map");
        exit(1);
    }
    printf("=== %s\n", name);
    fflush(stdout);
    while ((size = read(file, chunk, sizeof(chunk))) > 0)
        if (write(1, chunk, (size_t)size) != size)
            exit(1);
    close(file);
}

/* One byte through a pipe: the other side may go on. */
static void tell(int pipe)
{
    if (write(pipe, "", 1) != 1)
        exit(1);
}

static void await(int pipe)
{
    char byte;

    if (read(pipe, &byte, 1) != 1)
        exit(1);
}

int main(void)
{
    int down[2], up[2];
    char *private = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *shared = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (private == MAP_FAILED || shared == MAP_FAILED || pipe(down) != 0 || pipe(up) != 0)
        return 1;
    memset(private, 1, PAGES * PAGE);
    printf("private %lu shared %lu\n", (unsigned long)private, (unsigned long)shared);
    show("alone");
    if (fork() == 0) {
        await(down[0]);
        private[0] = 2;
        private[PAGE] = 2;
        tell(up[1]);
        await(down[0]);
        memset(shared, 3, PAGES * PAGE);
        tell(up[1]);
        await(down[0]);
        _exit(0);
    }
    show("forked");
    tell(down[1]);
    await(up[0]);
    show("written");
    tell(down[1]);
    await(up[0]);
    memset(shared, 4, PAGES * PAGE);
    show("mapped");
    tell(down[1]);
    wait(NULL);
    show("ended");
    printf("=== done\n");
    return 0;
}

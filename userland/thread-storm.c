/* Everything at once on every CPU for a fixed number of rounds: threads, forks, execs, mappings, futexes, pipes, signals. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"

#define WORKERS 4
#define ROUNDS  25
#define PAGE    4096L

static atomic_int wrong;

static void expect(int condition)
{
    if (!condition)
        atomic_fetch_add(&wrong, 1);
}

static void *add(void *argument)
{
    atomic_fetch_add((atomic_int *)argument, 1);
    return NULL;
}

static void threads(unsigned *seed)
{
    pthread_t made[4];
    atomic_int sum = 0;
    int count = 1 + (int)(rand_r(seed) % 4);
    for (int i = 0; i < count; i++)
        expect(pthread_create(&made[i], NULL, add, &sum) == 0);
    for (int i = 0; i < count; i++)
        expect(pthread_join(made[i], NULL) == 0);
    expect(sum == count);
}

static void memory(unsigned *seed)
{
    long pages = 1 + rand_r(seed) % 100;
    uint8_t *at =
        mmap(NULL, (size_t)(pages * PAGE), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        expect(0);
        return;
    }
    for (long i = 0; i < pages; i++) {
        expect(at[i * PAGE] == 0);
        at[i * PAGE] = (uint8_t)i;
    }
    expect(mprotect(at, (size_t)(pages * PAGE), PROT_READ) == 0);
    for (long i = 0; i < pages; i++)
        expect(at[i * PAGE] == (uint8_t)i);
    expect(munmap(at, (size_t)(pages * PAGE)) == 0);
}

static void fork_and_exit(unsigned *seed)
{
    int code = (int)(rand_r(seed) % 100);
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        if (code % 3 == 0)
            raise(SIGKILL);
        _exit(code);
    }
    expect(child > 0 && waitpid(child, &status, 0) == child);
    expect(code % 3 == 0 ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                         : WIFEXITED(status) && WEXITSTATUS(status) == code);
}

static void fork_and_exec(unsigned *seed)
{
    int status = -1;
    pid_t child = rand_r(seed) % 2 ? fork() : vfork();
    if (child == 0) {
        execl("/proc/self/exe", "thread-storm", "child", NULL);
        _exit(1);
    }
    expect(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 42);
}

static void pipes(unsigned *seed)
{
    int ends[2];
    char bytes[512], got[512];
    size_t size = 1 + rand_r(seed) % sizeof(bytes), read_so_far = 0;
    expect(pipe(ends) == 0);
    memset(bytes, (int)size, sizeof(bytes));
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        _exit(write(ends[1], bytes, size) == (ssize_t)size ? 0 : 1);
    }
    close(ends[1]);
    for (ssize_t piece; (piece = read(ends[0], got + read_so_far, sizeof(got) - read_so_far)) > 0;)
        read_so_far += (size_t)piece;
    close(ends[0]);
    expect(read_so_far == size && memcmp(bytes, got, size) == 0);
    int status = -1;
    expect(waitpid(child, &status, 0) == child && status == 0);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int tokens;

static void meet(unsigned *seed)
{
    pthread_mutex_lock(&mutex);
    if (rand_r(seed) % 2 || tokens == 0) {
        tokens++;
        pthread_cond_signal(&condition);
    } else {
        tokens--;
    }
    pthread_mutex_unlock(&mutex);
}

static void *work(void *argument)
{
    static void (*const jobs[])(unsigned *seed) = {threads,       memory, fork_and_exit,
                                                   fork_and_exec, pipes,  meet};
    unsigned seed = (unsigned)(uintptr_t)argument * 7919 + 1;
    for (int round = 0; round < ROUNDS; round++)
        jobs[rand_r(&seed) % (sizeof(jobs) / sizeof(jobs[0]))](&seed);
    return NULL;
}

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "child") == 0)
        return 42;
    check_begin("thread-storm");
    pid_t processes[2];
    for (int i = 0; i < 2; i++) {
        processes[i] = fork();
        if (processes[i] == 0) {
            pthread_t workers[WORKERS];
            for (intptr_t j = 0; j < WORKERS; j++)
                pthread_create(&workers[j], NULL, work, (void *)(i * WORKERS + j));
            for (int j = 0; j < WORKERS; j++)
                pthread_join(workers[j], NULL);
            _exit(wrong > 100 ? 100 : wrong);
        }
    }
    for (int i = 0; i < 2; i++) {
        int status = -1;
        waitpid(processes[i], &status, 0);
        check_result("things that went wrong in one process", status, 0);
    }
    return check_verdict();
}

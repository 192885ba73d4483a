/* A thread's id is good as soon as anybody can know it: from the moment when clone writes it for the parent, before the thread itself has all that it needs. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define ROUNDS      100
#define STACK_BYTES 65536
#define PAGE_BYTES  4096

#define THREAD_FLAGS                                                                                         \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |                      \
     CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)

static _Atomic pid_t told; /* by clone */
static atomic_int looked;  /* rounds */
static atomic_bool over, ran;
static atomic_int wrong;

/* It has no thread-local storage of its own, so it makes system calls of its own and ends. */
static int thread_body(void *argument)
{
    (void)argument;
    ran = true; /* what clone writes for the child is written */
    return 0;
}

static void *watch(void *argument)
{
    pid_t process = getpid();

    (void)argument;
    while (!over) {
        pid_t id = told;
        if (id == 0) {
            if (!check_time_is_hosts)
                usleep(20);
            continue;
        }
        /* It is there and nothing is wrong with it, or it has ended already. */
        long results[] = {
            system_call(SYS_tgkill, process, id, 0),
            system_call(SYS_tkill, id, SIGURG),
            system_call(SYS_sched_getscheduler, id),
        };
        for (unsigned i = 0; i < sizeof(results) / sizeof(results[0]); i++)
            if (results[i] != 0 && results[i] != -ESRCH)
                atomic_fetch_add(&wrong, 1);
        told = 0;
        atomic_fetch_add(&looked, 1);
    }
    return NULL;
}

static void one_thread(void)
{
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    /* Not touched yet: to write the child's id there takes clone a while. */
    char *fresh = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t *child_id = (pid_t *)fresh;
    int rounds = looked;

    ran = false;

    if (!check_that(stack != MAP_FAILED && fresh != MAP_FAILED, "there is memory"))
        return;
    pid_t id = clone(thread_body, stack + STACK_BYTES, THREAD_FLAGS, NULL, &told, NULL, child_id);
    check_that(id > 0, "clone returns %d", id);
    while (id > 0 && (looked == rounds || !ran || *(volatile pid_t *)child_id != 0))
        usleep(20);
    munmap(stack, STACK_BYTES);
    munmap(fresh, PAGE_BYTES);
}

int main(void)
{
    pthread_t watcher;

    check_begin("thread-clone");
    check_result("pthread_create", pthread_create(&watcher, NULL, watch, NULL), 0);
    for (int round = 0; round < ROUNDS; round++)
        one_thread();
    over = true;
    pthread_join(watcher, NULL);
    check_result("answers that are none", wrong, 0);
    return check_verdict();
}

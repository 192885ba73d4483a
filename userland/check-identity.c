/* Who am I and where: uname, process, thread, user and group ids, groups and sessions, resource limits. */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

static bool is_text(const char *field, size_t size)
{
    return field[0] != '\0' && memchr(field, '\0', size) != NULL;
}

static void system_name(void)
{
    struct utsname name;
    memset(&name, 0xff, sizeof(name));
    check_result("uname", system_call(SYS_uname, &name), 0);
    check_that(is_text(name.sysname, sizeof(name.sysname)) && is_text(name.nodename, sizeof(name.nodename)) &&
                   is_text(name.release, sizeof(name.release)) && is_text(name.version, sizeof(name.version)),
               "a field of uname is empty or does not end");
    check_that(strcmp(name.machine, "x86_64") == 0, "the machine is %.20s", name.machine);
    check_that(name.release[0] >= '2' && name.release[0] <= '9',
               "C libraries refuse release %.20s as too old", name.release);
}

static void ids(void)
{
    check_that(getpid() > 0 && system_call(SYS_gettid) == getpid(), "pid %d, thread %ld", getpid(),
               system_call(SYS_gettid));
    check_that(getuid() == geteuid() && getgid() == getegid(), "real and effective ids differ");
    check_that(check_on_linux || getuid() == 0, "the user is %d", getuid());
    check_result("set_tid_address", system_call(SYS_set_tid_address, NULL), getpid());
}

static void thread_name(void)
{
    char name[16], before[16];

    check_result("prctl of one's name", prctl(PR_GET_NAME, before), 0);
    check_result("prctl with a new name", prctl(PR_SET_NAME, "fifteen letters and more"), 0);
    memset(name, 0xff, sizeof(name));
    check_result("prctl of the new name", prctl(PR_GET_NAME, name), 0);
    check_that(strcmp(name, "fifteen letters") == 0, "the new name is %.16s", name);
    check_result("prctl with the old name", prctl(PR_SET_NAME, before), 0);
    check_error("prctl of nothing there is", system_call(SYS_prctl, 0x3fffff, 0, 0, 0, 0), EINVAL);
}

static void groups_and_sessions(void)
{
    check_that(getpgrp() > 0 || getppid() == 0 || !check_on_linux, "the process group is %d", getpgrp());
    check_result("getpgid of oneself", getpgid(0), getpgrp());
    check_error("getpgid of nobody", system_call(SYS_getpgid, 0x3ffffff), ESRCH);
    pid_t child = fork();
    if (child == 0) {
        pid_t parent_group = getpgrp();
        check_result("setpgid", system_call(SYS_setpgid, 0, 0), 0);
        check_that(getpgrp() == getpid() && getpgrp() != parent_group, "the group after setpgid is %d",
                   getpgrp());
        check_error("setsid of a group's leader", system_call(SYS_setsid), EPERM);
        pid_t grandchild = fork();
        if (grandchild == 0) {
            check_result("setsid", system_call(SYS_setsid), getpid());
            check_that(getsid(0) == getpid() && getpgrp() == getpid(), "session %d, group %d", getsid(0),
                       getpgrp());
            _exit(check_verdict_silent());
        }
        int status = -1;
        waitpid(grandchild, &status, 0);
        check_that(status == 0, "the grandchild ended with %s", check_status_text(status));
        _exit(check_verdict_silent());
    }
    int status = -1;
    waitpid(child, &status, 0);
    check_that(status == 0, "the child ended with %s", check_status_text(status));
    check_error("setpgid of nobody", system_call(SYS_setpgid, 0x3ffffff, 0), ESRCH);
}

static void limits(void)
{
    struct rlimit limit = {0, 0};
    check_result("prlimit64 of the stack", system_call(SYS_prlimit64, 0, RLIMIT_STACK, NULL, &limit), 0);
    check_that(limit.rlim_cur >= 64 * 1024 && limit.rlim_cur <= limit.rlim_max,
               "the stack's limits are %lu and %lu", (unsigned long)limit.rlim_cur,
               (unsigned long)limit.rlim_max);
    struct rlimit same = {0, 0};
    check_result("getrlimit", system_call(SYS_getrlimit, RLIMIT_STACK, &same), 0);
    check_that(same.rlim_cur == limit.rlim_cur, "getrlimit and prlimit64 differ");
    struct rlimit wrong = {2, 1};
    check_error("a soft limit above the hard one", system_call(SYS_prlimit64, 0, RLIMIT_STACK, &wrong, NULL),
                EINVAL);
    check_error("a limit of nothing", system_call(SYS_prlimit64, 0, 99, NULL, &limit), EINVAL);
    check_error("limits of nobody", system_call(SYS_prlimit64, 0x3ffffff, RLIMIT_STACK, NULL, &limit), ESRCH);
}

static void memory(void)
{
    struct sysinfo info;
    check_result("sysinfo", system_call(SYS_sysinfo, &info), 0);
    check_that(info.mem_unit > 0 && info.freeram > 0 && info.freeram < info.totalram,
               "%lu of %lu times %u bytes are free", info.freeram, info.totalram, info.mem_unit);
}

int main(void)
{
    check_begin("check-identity");
    system_name();
    ids();
    thread_name();
    groups_and_sessions();
    limits();
    memory();
    return check_verdict();
}

/* getrandom, /dev/urandom and the bytes every program is started with: there, different each time, and not
 * lopsided. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define SAMPLE      65536
#define START_BYTES 16 /* behind AT_RANDOM */

static unsigned char sample[SAMPLE];

/* Each byte value is expected SAMPLE/256 = 256 times, with a deviation of 16: eight deviations are never
 * seen of a good source. */
static void check_distribution(const char *source)
{
    unsigned counts[256] = {0};
    for (size_t i = 0; i < SAMPLE; i++)
        counts[sample[i]]++;
    for (int value = 0; value < 256; value++)
        check_that(counts[value] > 128 && counts[value] < 384, "%s: value %d comes %u times in %d", source,
                   value, counts[value], SAMPLE);
}

static void by_call(void)
{
    check_result("getrandom of nothing", system_call(SYS_getrandom, sample, 0, 0), 0);
    check_result("getrandom", system_call(SYS_getrandom, sample, SAMPLE, 0), SAMPLE);
    check_distribution("getrandom");
    uint64_t one = 0, two = 0;
    check_result("getrandom without waiting", system_call(SYS_getrandom, &one, sizeof(one), 1), sizeof(one));
    check_result("getrandom of the old pool", system_call(SYS_getrandom, &two, sizeof(two), 2), sizeof(two));
    check_that(one != two, "getrandom gave %#lx twice", one);
    check_error("getrandom with unknown flags", system_call(SYS_getrandom, sample, 8, 0x100), EINVAL);
    memset(sample, 0, sizeof(sample));
    check_result("getrandom of 3 bytes", system_call(SYS_getrandom, sample, 3, 0), 3);
    for (int i = 3; i < 64; i++)
        check_that(sample[i] == 0, "getrandom wrote byte %d of 3", i);
}

static void by_device(void)
{
    int device = open("/dev/urandom", O_RDONLY);
    if (!check_that(device >= 0, "no /dev/urandom"))
        return;
    size_t got = 0;
    while (got < SAMPLE) {
        ssize_t size = read(device, sample + got, SAMPLE - got);
        if (!check_that(size > 0, "/dev/urandom ends after %zu bytes", got))
            return;
        got += (size_t)size;
    }
    check_distribution("/dev/urandom");
    close(device);
}

/* Start this program anew and have it send its bytes. */
static bool start_bytes(unsigned char bytes[START_BYTES])
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl("/proc/self/exe", "check-random", "start-bytes", NULL);
        _exit(1);
    }
    int status = -1;
    bool whole = read(ends[0], bytes, START_BYTES) == START_BYTES;
    waitpid(child, &status, 0);
    close(ends[0]);
    close(ends[1]);
    return whole && status == 0;
}

int main(int argc, char **argv)
{
    const void *at_start = (const void *)getauxval(AT_RANDOM);
    if (argc == 2 && strcmp(argv[1], "start-bytes") == 0)
        return write(STDOUT_FILENO, at_start, START_BYTES) == START_BYTES ? 0 : 1;
    check_begin("check-random");
    by_call();
    by_device();
    unsigned char one[START_BYTES], two[START_BYTES];
    check_that(start_bytes(one) && start_bytes(two), "a program sees no random bytes at its start");
    check_that(memcmp(one, two, START_BYTES) != 0 && memcmp(one, at_start, START_BYTES) != 0,
               "two programs start with the same random bytes");
    return check_verdict();
}

/* Attack: read the kernel's memory. Every read must end in SIGSEGV, of whatever lies in the high half. */
#include <signal.h>

#include "userland/access.h"

int main(void)
{
    check_begin("attack-kernel-read");
    access_all_die("read", access_read, SIGSEGV, kernel_addresses, ADDRESS_COUNT(kernel_addresses));
    return check_verdict();
}

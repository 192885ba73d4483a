/* Attack: use null and what lies near it, and the last page of the low half. Nothing is mapped there, for
 * anybody. */
#include <signal.h>

#include "userland/access.h"

int main(void)
{
    check_begin("attack-null");
    access_all_die("read", access_read, SIGSEGV, forbidden_addresses, ADDRESS_COUNT(forbidden_addresses));
    access_all_die("write", access_write, SIGSEGV, forbidden_addresses, ADDRESS_COUNT(forbidden_addresses));
    access_all_die("call", access_jump, SIGSEGV, forbidden_addresses, ADDRESS_COUNT(forbidden_addresses));
    return check_verdict();
}

/* The smallest program, built four ways: hello-musl, hello-glibc, and each as a position-independent
 * executable. */
#include <stdio.h>

#ifdef __GLIBC__
#define C_LIBRARY "glibc"
#else
#define C_LIBRARY "musl"
#endif

static int relocated;
static int *volatile pointer_to_relocated = &relocated; /* wrong in a PIE that did not relocate itself */

int main(void)
{
#ifdef __PIE__
    const char *kind = "position-independent";
#else
    const char *kind = "fixed-address";
#endif
    printf("hello from a static %s %s program\n", kind, C_LIBRARY);
    return pointer_to_relocated == &relocated && fflush(stdout) == 0 ? 0 : 1;
}

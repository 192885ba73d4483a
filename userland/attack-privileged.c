/* Attack: instructions that belong to the kernel. The processor refuses each of them in user mode: with a
 * general-protection fault (SIGSEGV), or as if it did not exist (SIGILL) where the manual says so or where
 * the CPU lacks it. */
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "userland/check.h"

static uint64_t operand[16]; /* descriptor-table operands and the like */

#define ATTACK(name, text)                                                                                   \
    static void name(const void *unused)                                                                     \
    {                                                                                                        \
        (void)unused;                                                                                        \
        __asm__ volatile(text ::"D"(operand), "a"(0), "c"(0xc0000080), "d"(0)                                \
                         : "rbx", "rsi", "memory", "cc");                                                    \
    }

ATTACK(attack_cli, "cli")
ATTACK(attack_sti, "sti")
ATTACK(attack_hlt, "hlt")
ATTACK(attack_lgdt, "lgdt (%%rdi)")
ATTACK(attack_lidt, "lidt (%%rdi)")
ATTACK(attack_lldt, "lldt %%ax")
ATTACK(attack_ltr, "ltr %%ax")
ATTACK(attack_read_cr0, "movq %%cr0, %%rax")
ATTACK(attack_read_cr2, "movq %%cr2, %%rax")
ATTACK(attack_read_cr3, "movq %%cr3, %%rax")
ATTACK(attack_read_cr4, "movq %%cr4, %%rax")
ATTACK(attack_read_cr8, "movq %%cr8, %%rax")
ATTACK(attack_write_cr0, "movq %%rax, %%cr0")
ATTACK(attack_write_cr3, "movq %%rax, %%cr3")
ATTACK(attack_write_cr4, "movq %%rax, %%cr4")
ATTACK(attack_write_cr8, "movq %%rax, %%cr8")
ATTACK(attack_clts, "clts")
ATTACK(attack_lmsw, "lmsw %%ax")
ATTACK(attack_read_dr7, "movq %%dr7, %%rax")
ATTACK(attack_write_dr7, "movq %%rax, %%dr7")
ATTACK(attack_rdmsr, "rdmsr")
ATTACK(attack_wrmsr, "wrmsr")
ATTACK(attack_invlpg, "invlpg (%%rdi)")
ATTACK(attack_invd, "invd")
ATTACK(attack_wbinvd, "wbinvd")
ATTACK(attack_swapgs, "swapgs")
ATTACK(attack_sysret, "sysretq")
ATTACK(attack_sysexit, "sysexitq")
ATTACK(attack_xsetbv, "xorl %%ecx, %%ecx\n\txsetbv")
ATTACK(attack_invpcid, "xorl %%eax, %%eax\n\tinvpcid (%%rdi), %%rax")
ATTACK(attack_stac, "stac")
ATTACK(attack_clac, "clac")
ATTACK(attack_monitor, "movq %%rdi, %%rax\n\txorl %%ecx, %%ecx\n\tmonitor")
ATTACK(attack_mwait, "xorl %%ecx, %%ecx\n\tmwait")
ATTACK(attack_vmxoff, "vmxoff")
ATTACK(attack_vmrun, "vmrun")
ATTACK(attack_clgi, "clgi")
ATTACK(attack_rsm, "rsm")

#define REFUSED (1u << SIGSEGV)
#define UNKNOWN (1u << SIGILL)

static const struct {
    const char *name;
    check_body *body;
    unsigned signals; /* bit n: signal n is right */
} attacks[] = {
    {"cli", attack_cli, REFUSED},
    {"sti", attack_sti, REFUSED},
    {"hlt", attack_hlt, REFUSED},
    {"lgdt", attack_lgdt, REFUSED},
    {"lidt", attack_lidt, REFUSED},
    {"lldt", attack_lldt, REFUSED},
    {"ltr", attack_ltr, REFUSED},
    {"mov from cr0", attack_read_cr0, REFUSED},
    {"mov from cr2", attack_read_cr2, REFUSED},
    {"mov from cr3", attack_read_cr3, REFUSED},
    {"mov from cr4", attack_read_cr4, REFUSED},
    {"mov from cr8", attack_read_cr8, REFUSED},
    {"mov to cr0", attack_write_cr0, REFUSED},
    {"mov to cr3", attack_write_cr3, REFUSED},
    {"mov to cr4", attack_write_cr4, REFUSED},
    {"mov to cr8", attack_write_cr8, REFUSED},
    {"clts", attack_clts, REFUSED},
    {"lmsw", attack_lmsw, REFUSED},
    {"mov from dr7", attack_read_dr7, REFUSED},
    {"mov to dr7", attack_write_dr7, REFUSED},
    {"rdmsr", attack_rdmsr, REFUSED},
    {"wrmsr", attack_wrmsr, REFUSED},
    {"invlpg", attack_invlpg, REFUSED},
    {"invd", attack_invd, REFUSED},
    {"wbinvd", attack_wbinvd, REFUSED},
    {"swapgs", attack_swapgs, REFUSED},
    {"sysret", attack_sysret, REFUSED},
    {"sysexit", attack_sysexit, REFUSED | UNKNOWN}, /* AMD has none in long mode */
    {"xsetbv", attack_xsetbv, REFUSED | UNKNOWN},   /* unknown until CR4.OSXSAVE is set */
    {"invpcid", attack_invpcid, REFUSED | UNKNOWN}, /* unknown to older CPUs */
    {"stac", attack_stac, UNKNOWN},                 /* SDM vol. 2: #UD when CPL > 0 */
    {"clac", attack_clac, UNKNOWN},
    {"monitor", attack_monitor, REFUSED | UNKNOWN}, /* SDM vol. 2: #UD when CPL > 0; or unknown */
    {"mwait", attack_mwait, REFUSED | UNKNOWN},
    {"vmxoff", attack_vmxoff, REFUSED | UNKNOWN},
    {"vmrun", attack_vmrun, REFUSED | UNKNOWN},
    {"clgi", attack_clgi, REFUSED | UNKNOWN},
    {"rsm", attack_rsm, UNKNOWN},
};

int main(void)
{
    check_begin("attack-privileged");
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        int status = check_child(attacks[i].body, NULL);
        bool right = status > 0 && status < 32 && (attacks[i].signals >> status & 1) != 0;
        check_that(right, "%s: expected %s%s%s, got %s", attacks[i].name,
                   (attacks[i].signals & REFUSED) != 0 ? "SIGSEGV" : "",
                   attacks[i].signals == (REFUSED | UNKNOWN) ? " or " : "",
                   (attacks[i].signals & UNKNOWN) != 0 ? "SIGILL" : "", check_status_text(status));
    }
    return check_verdict();
}

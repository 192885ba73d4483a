/* The kernel and the default archive, as they are, page-aligned and alone in their pages: they stay where the firmware loaded them.
 * The build says which files: PAYLOAD_KERNEL and PAYLOAD_ARCHIVE are quoted paths. */

    .section .rdata, "dr"

    .globl payload_kernel, payload_kernel_end
    .p2align 12
payload_kernel:
    .incbin PAYLOAD_KERNEL
payload_kernel_end:

    .globl payload_archive, payload_archive_end
    .p2align 12
payload_archive:
    .incbin PAYLOAD_ARCHIVE
payload_archive_end:
    .p2align 12

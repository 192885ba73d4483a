# What gdb is told before it meets Quire; read by `./quire gdb`.
set confirm off
set pagination off
set disassembly-flavor att
# The loader and user space are not mapped when the machine is stopped at reset: only hardware breakpoints (hbreak) can wait there.
set breakpoint pending on

"""The boot matrix: every machine Quire is booted on by the tests, and what must come of it.

Rows of the suites `boot`, `kernel` and `smp` run with every change; those of `matrix`, `smp-long` and
`x2apic`, rarer machines, when asked for."""

from dataclasses import dataclass, field

from esp.machine import Machine

# How long a machine may take. Most need 4 s; a loaded host with every row in flight needs many times that.
TIME_LIMIT = 120
LONG_TIME_LIMIT = 300


@dataclass
class Row:
    """A machine, what is booted on it, and what must be seen."""

    name: str
    suite: str
    machine: Machine
    as_disk: bool = False  # in a GPT, as on a stick
    words: str = ""  # more words for the kernel's command line
    program: list[str] = field(default_factory=lambda: ["hello"])  # what first.c is asked for
    probe: bool = False  # the loader carries the probe kernel, which holds boot_info.h against what it finds
    hostile: str = ""  # words for \hostile.txt: the loader is started by the hostile shim
    debug_exit: bool = True  # QEMU's device for leaving with a status; without it the machine must end itself
    selftest: str = ""  # instead of the program: this word boots the kernel's own tests
    status: int = 42  # of the program; for a self-test QEMU's
    log: list[str] = field(default_factory=list)  # regular expressions that the kernel's log must match
    qemu: int = 0  # the row needs QEMU of this major version or a later one
    until: str = ""  # the row is passed as soon as this is seen on COM1; the machine need not end
    timeout: int = TIME_LIMIT


def display(*devices: str) -> list[str]:
    return [word for device in devices for word in ("-device", device)]


def boots(name: str, suite: str = "boot", timeout: int = TIME_LIMIT, **changes) -> Row:
    """A row that boots to the end of the first process on the base machine with `changes`."""
    machine = {key: changes.pop(key) for key in list(changes) if key in Machine.__dataclass_fields__}
    return Row(name, suite, Machine(**machine), timeout=timeout, **changes)


def processors(name: str, *log: str, suite: str = "smp", **changes) -> Row:
    """A machine with several processors: what is logged of them."""
    return boots(f"processors-{name}", suite, log=list(log), **{"memory": "512M", "display": [], **changes})


def x2apic(name: str, *log: str, selftest: str = "", **changes) -> Row:
    """A machine whose processors end up in x2APIC mode. QEMU emulates that from version 9 on, but not
    while it counts instructions."""
    changes = {"memory": "512M", "deterministic": False, "display": [], "qemu": 9, "selftest": selftest,
               "status": 33 if selftest else 42, "timeout": LONG_TIME_LIMIT, **changes}
    return boots(f"x2apic-{name}", "x2apic", log=["processors: .* run, x2APIC mode\n", *log], **changes)


def selftests(name: str, word: str = "selftest", status: int = 33, suite: str = "kernel", **changes) -> Row:
    return boots(name, suite, selftest=word, status=status, timeout=LONG_TIME_LIMIT, **changes)


def crashes(name: str, panic: str, *log: str, whole: bool = True, **changes) -> Row:
    """A self-test that must end the machine by a panic with this message, explained by these lines. A report
    that is `whole` names the caller and the running thread, and the message is its last line."""
    report = [rf"panic on CPU 0: {panic}", *log, "cr0 [0-9a-f]{8}  cr2 [0-9a-f]{16}  cr3 [0-9a-f]{16}",
              rf"quire: panic: {panic}[^\n]*\n?$"]
    if whole:
        report += [r"#\d+ [0-9a-f]{16} selftest_run\+0x[0-9a-f]+\n", "running: kernel thread start",
                   r"the log before:\n(\[.*\]   \| .*\n){3}"]
    return selftests(name, f"selftest={name}", status=35, display=[], log=report, **changes)


def powers(name: str, words: str, way: str, **changes) -> Row:
    """A machine that must switch itself off this way; with a reset it would go on for ever."""
    return selftests(f"power-{name}", ONE_SELFTEST, status=0, words=words, debug_exit=False,
                     extra=["-action", "reboot=reset"], log=[rf"power: off by {way}\n*$"], **changes)


def reboots(name: str, words: str, way: str, **changes) -> Row:
    """A machine that must start anew this way: the firmware is heard again."""
    again = rf"firmware: EDK II(?s:.*)power: reboot by {way}\n(?:(?!power: )(?s:.))*firmware: EDK II"
    return selftests(f"reboot-{name}", ONE_SELFTEST, words=f"end=reboot {words}", debug_exit=False,
                     extra=["-action", "reboot=reset"], until=again, **changes)


def traps(name: str, panic: str, *log: str, function: str = "", **changes) -> Row:
    """A crash by an exception: the report also has the registers, and the backtrace begins in `function`."""
    function = function or f"selftest_{name.replace('-', '_')}"
    return crashes(name, panic, *log, r"rip 0008:[0-9a-f]{16} .*rflags [0-9a-f]{8}", "r13 [0-9a-f]{16}  r14 ",
                   rf"#[01] [0-9a-f]{{16}} {function}\+0x", whole=name != "double-fault", **changes)


def probes(name: str, suite: str = "boot", **changes) -> Row:
    return boots(f"loader-{name}", suite, probe=True, **changes)


LEGACY_FREE = "q35,usb=off,sata=off,smbus=off,vmport=off,pit=off,pic=off,i8042=off,hpet=off"
USB_KEYBOARD = ["-device", "qemu-xhci,id=keyboard-bus", "-device", "usb-kbd,bus=keyboard-bus.0"]
# Two processors in the first socket, one in each of the others: 512 and 1323 are ids that no xAPIC can have.
WIDE_IDS = [word for socket, core in ((1, 0), (2, 299)) for word in (
    "-device", f"max-x86_64-cpu,socket-id={socket},die-id=0,module-id=0,core-id={core},thread-id=0")]
WIDE = {"cpus": 2, "topology": "sockets=3,cores=300,maxcpus=900", "extra": WIDE_IDS}
NX_STACK = ["-fw_cfg", "name=opt/ovmf/PcdSetNxForStack,string=y"]
NUMA = ["-object", "memory-backend-ram,id=n0,size=512M", "-object", "memory-backend-ram,id=n1,size=512M",
        "-numa", "node,memdev=n0,cpus=0-1", "-numa", "node,memdev=n1,cpus=2-3"]
STRICT = "strict-protection"
ODD_MAP = "wide-descriptors shuffled-map long-map strange-map refuse-exit=2 small-map=3"
LITTLE = "no-low-memory no-acpi-2 no-smbios no-random no-time"
NOTHING = "no-acpi no-smbios no-random no-time no-console no-low-memory"
HOSTILITIES = [
    "strict-protection", "wide-descriptors", "shuffled-map", "long-map", "strange-map", "refuse-exit=2",
    "small-map=3", "no-low-memory", "no-acpi-2", "no-console", "no-own-device", "shell-options",
    "graphics-mask", "graphics-padded", "graphics-blt-only", "graphics-high", "graphics-beyond",
    "graphics-unstarted",
]
SECURE_BOOT = ["-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1"]
ONE_SELFTEST = "selftest=symbols_name_a_function"
# Without them the kernel must go other ways; the first five are protections.
FEW_FEATURES = "smep,smap,umip,pge,pat,xsave,fsgsbase,erms,rdrand,tsc_deadline,arat"
PROCESSORS = ["Conroe", "SandyBridge", "Haswell", "Skylake-Client", "Icelake-Server", "EPYC-Rome",
              "Opteron_G1"]
DISPLAYS = ["bochs-display", "virtio-vga", "qxl-vga", "cirrus-vga", "vmware-svga", "ramfb"]

ROWS = [
    boots("base"),
    boots("chipset-pc", machine="pc"),
    boots("four-processors", cpus=4, log=["ACPI: 4 CPUs"]),
    boots("four-processors-racing", cpus=4, deterministic=False),
    # The loader's promises, by a kernel that only checks them
    probes("base"),
    probes("chipset-pc", machine="pc"),
    probes("five-levels", words="levels=5", memory="8G", log=["levels 0x5, toggled 0x1"]),
    probes("no-1g-pages", cpu="max,pdpe1gb=off", memory="8G"),
    probes("no-nx", cpu="max,nx=off"),
    probes("qemu64", cpu="qemu64"),
    probes("memory-512g", "matrix", memory="512G"),
    probes("memory-mostly-high", machine="q35,max-ram-below-4g=256M", memory="4G"),
    probes("blt-only", display=display("virtio-gpu-pci")),
    probes("framebuffer-in-memory", display=display("ramfb")),
    probes("no-acpi", machine="q35,acpi=off", display=[]),
    probes("firmware-memory-overwritten", words="trash"),
    # Firmware that does all that the specification allows, and some of what machines do beyond it
    boots("hostile", hostile=f"{STRICT} {ODD_MAP} {LITTLE}"),
    boots("hostile-silent", hostile=NOTHING),
    boots("hostile-five-levels", hostile=f"five-levels {STRICT}", log=["5-level paging\n"]),
    boots("hostile-graphics-padded", hostile="graphics-mask graphics-padded"),
    boots("hostile-graphics-high", hostile="graphics-high"),
    probes("hostile", hostile=f"{STRICT} {ODD_MAP} {LITTLE}", log=["exit attempts 0x3"]),
    probes("hostile-five-levels", hostile="five-levels", words="levels=4", log=["levels 0x4, toggled 0x1"]),
    probes("hostile-options", hostile="garbage-options random-not-ready"),
    probes("hostile-no-device", hostile="no-device no-own-device"),
    probes("out-of-memory", hostile="fail-every-allocation"),
    # Memory
    boots("memory-64m", memory="64M"),
    boots("memory-hole-3g", memory="3G"),
    boots("memory-above-4g", memory="8G"),
    boots("memory-mostly-high", machine="q35,max-ram-below-4g=256M", memory="4G"),
    boots("memory-512g", "matrix", memory="512G"),
    # Processors
    boots("cpu-no-1g-pages", cpu="max,pdpe1gb=off", memory="8G"),
    boots("cpu-36-physical-bits", cpu="max,phys-bits=36", memory="8G"),
    boots("cpu-no-nx", cpu="max,nx=off"),
    boots("cpu-no-la57", "matrix", cpu="max,la57=off"),
    boots("cpu-no-smap", "matrix", cpu="max,smap=off"),
    boots("cpu-no-smep", "matrix", cpu="max,smep=off"),
    boots("cpu-no-xsave", cpu="max,xsave=off"),
    boots("cpu-no-umip", "matrix", cpu="max,umip=off"),
    boots("cpu-no-pge", "matrix", cpu="max,pge=off"),
    boots("cpu-no-fsgsbase", cpu="max,fsgsbase=off"),
    boots("cpu-qemu64", cpu="qemu64"),
    boots("cpu-nehalem", cpu="Nehalem"),
    boots("cpu-five-levels", words="levels=5", log=[r"5-level paging \(switched by the loader\)"]),
    # Platform
    boots("platform-usb-keyboard", machine="q35,i8042=off,hpet=off", extra=USB_KEYBOARD),
    boots("platform-legacy-free", machine=LEGACY_FREE),
    boots("platform-no-acpi", machine="q35,acpi=off"),
    boots("firmware-variables", firmware="4m-variables"),
    # Displays
    boots("display-none", display=[], log=["framebuffer: none"]),
    boots("display-blt-only", display=display("virtio-gpu-pci"), log=["framebuffer: none"]),
    # Media
    boots("media-usb-stick", media="usb", as_disk=True),
    boots("media-nvme", media="nvme", as_disk=True),
    boots("media-sata", media="disk", as_disk=True),

    # The kernel's own tests, on processors with everything and with little
    selftests("selftest"),
    selftests("selftest-qemu64", cpu="qemu64", machine="pc"),
    selftests("selftest-no-nx", cpu="max,nx=off"),
    selftests("selftest-few-features", words=f"nocpu={FEW_FEATURES}"),
    selftests("selftest-five-levels", words="levels=5"),
    selftests("selftest-memory-64m", memory="64M"),
    selftests("selftest-memory-8g", memory="8G"),
    selftests("selftest-four-processors", cpus=4, memory="512M"),
    selftests("selftest-racing", cpus=4, memory="512M", deterministic=False),
    # Several processors: how many, how they are numbered, what firmware says of them
    processors("8", "processors: 8 run\n", cpus=8),
    processors("64", "processors: 64 run\n", cpus=64, suite="smp-long"),
    processors("sockets", "processors: 8 run\n", cpus=8, topology="sockets=2,cores=2,threads=2"),
    processors("sparse-ids", "processors: 6 run\n", cpus=6, topology="sockets=2,cores=3,threads=1"),
    processors("empty-sockets", "processors: 2 run\n", cpus=2, topology="maxcpus=8"),
    processors("fewer-wanted", "processors: 2 run\n", cpus=4, words="cpus=2"),
    processors("one-wanted", "ACPI: 4 CPUs(?!(?s:.*)processors:)", cpus=4, words="cpus=1"),
    processors("absent", "processors: the one with APIC id 192 does not answer; it is left out",
               "processors: 3 run, not all answered\n", cpus=3, hostile="absent-processors=1"),
    processors("no-low-memory", "processors: there is no memory below 1 MiB", cpus=4,
               hostile="no-low-memory"),
    processors("five-levels", "processors: 4 run\n", cpus=4, words="levels=5"),
    processors("few-features", "processors: 4 run\n", cpus=4, words=f"nocpu={FEW_FEATURES}"),
    processors("no-nx", "processors: 4 run\n", cpus=4, cpu="max,nx=off"),
    processors("pc", "processors: 4 run\n", cpus=4, machine="pc", cpu="qemu64"),
    processors("memory-64m", "processors: 4 run\n", cpus=4, memory="64M"),
    processors("memory-8g", "processors: 4 run\n", cpus=4, memory="8G", suite="smp-long"),
    processors("clock-hpet", "clock: the HPET is read for the time", cpus=4, words="clock=reference"),
    processors("clock-pm", "clock: the ACPI PM timer is read for the time", cpus=4, machine="q35,hpet=off",
               words="clock=reference"),
    selftests("selftest-clock-reference", cpus=4, memory="512M", words="clock=reference", suite="smp-long"),
    processors("racing", "processors: 8 run\n", cpus=8, deterministic=False),
    # x2APIC mode: firmware left it on, or ids need it
    x2apic("left-on", "processors: 4 run", cpus=4, hostile="x2apic"),
    x2apic("wide-ids", "processors: 4 run", **WIDE),
    x2apic("many", "ACPI: 44 CPUs are left out", "processors: 255 run", cpus=300, memory="2G", timeout=900),
    x2apic("selftest", "selftest [0-9]+ passed, 0 failed", selftest="selftest", cpus=4, hostile="x2apic"),
    x2apic("selftest-racing", "selftest [0-9]+ passed, 0 failed", selftest="selftest", **WIDE),
    selftests("selftest-two-processors", cpus=2, turn=3000, memory="512M", suite="smp-long"),
    selftests("selftest-two-racing", cpus=2, memory="512M", suite="smp-long", deterministic=False),
    selftests("selftest-eight-racing", cpus=8, memory="512M", suite="smp-long", deterministic=False),
    selftests("selftest-smp-few-features", cpus=4, words=f"nocpu={FEW_FEATURES}", memory="512M",
              suite="smp-long"),
    selftests("selftest-smp-five-levels", cpus=4, words="levels=5", memory="512M", suite="smp-long",
              deterministic=False),
    selftests("selftest-smp-memory-64m", cpus=4, memory="64M", suite="smp-long"),
    # Deliberate ends: each must tell what happened, where, and who was running
    crashes("panic", "deliberate, number 42", "at kernel/debug/panic_test.c:"),
    crashes("assertion",
            r"frame 0x1f3000 counts its mappings: frames == 2u is false: left 0x3 \(3\), right 0x2"),
    crashes("panic-in-panic", "the first of two", "panic while reporting a panic: the reporter fails too",
            whole=False),
    crashes("panic-in-log", "a sink fails"),
    crashes("lock-order",
            'lock order: "test outer".*wanted at want_outer.*while holding "test inner".*taken at hold_inner',
            r'holds lock "test inner" taken at hold_inner.*called from\n'
            r".*#0 \w+ selftest_lock_order.*\n.*selftest_run",
            r"backtrace:\n(.*\n)*?.*want_outer.*\n.*selftest_lock_order"),
    crashes("lock-twice", 'lock order: "test outer".*while holding "test outer"',
            'holds lock "test outer" taken at selftest_lock_twice'),
    crashes("lock-not-held", 'lock "test outer" is released by the CPU that holds it'),
    crashes("mutex-order", "mutex test outer .* is taken before those of its rank or above"),
    crashes("mutex-under-spinlock", "mutex test outer taken while holding a spinlock",
            'holds lock "test spinlock" taken at selftest_mutex_under_spinlock'),
    crashes("mutex-not-held", "mutex test outer is given up by its holder"),
    crashes("frame-put-twice", r"frame 0x[0-9a-f]+ \(free\) is given back by one who has it"),
    crashes("heap-free-twice", "heap object 0x[0-9a-f]+ is given back once"),
    crashes("heap-free-inside-object", "a heap object begins where it was given"),
    traps("double-fault", "#DF double fault in the kernel",
          "guard page of a kernel stack: the stack overflowed",
          function="descend"),
    traps("page-fault", "page fault at 0x10 in the kernel", "walk of 0x10 for a kernel read",
          "<- nothing is mapped there"),
    traps("write-to-text", "page fault at 0xffffffff80000000 in the kernel, error code 0x3",
          "for a kernel write", "level 1: .*<- the page is not writable"),
    traps("execute-data", "page fault at 0x[0-9a-f]+ in the kernel, error code 0x11",
          "for a kernel instruction fetch",
          "level 1: .*<- the page is not executable", function="selftest_run"),
    traps("user-access", "page fault at 0x20000000 in the kernel, error code 0x1",
          "<- the kernel must not touch a user page now", function="read_directly"),
    traps("user-execute", "page fault at 0x20000000 in the kernel, error code 0x11",
          "<- the kernel must not execute a user page", function="with_memory"),
    traps("general-protection", "#GP general protection in the kernel"),
    traps("breakpoint", "#BP breakpoint in the kernel"),

    # The way out without QEMU's device
    powers("off", "", "UEFI ResetSystem"),
    powers("off-variables", "", "UEFI ResetSystem", firmware="4m-variables"),
    powers("off-five-levels", "levels=5", "UEFI ResetSystem", machine="pc"),
    powers("off-acpi", "power=acpi", "ACPI S5"),
    reboots("firmware", "", "UEFI ResetSystem"),
    reboots("firmware-variables", "", "UEFI ResetSystem", firmware="4m-variables"),
    reboots("acpi", "power=acpi", "the ACPI reset register"),
    reboots("keyboard", "power=keyboard", "the keyboard controller"),
    reboots("triple-fault", "power=triple-fault", "a triple fault"),

    # Rarer machines
    *[probes(f"hostile-{word}", "matrix", hostile=word) for word in HOSTILITIES],
    boots("firmware-2m", "matrix", firmware="2m"),
    boots("firmware-2m-variables", "matrix", firmware="2m-variables"),
    boots("firmware-nx-stack", "matrix", extra=NX_STACK),
    boots("firmware-random-numbers", "matrix", extra=["-device", "virtio-rng-pci"]),
    boots("memory-96m", "matrix", memory="96M"),
    boots("memory-128m", "matrix", memory="128M"),
    boots("memory-pc-low-1g", "matrix", machine="pc,max-ram-below-4g=1G", memory="2G"),
    boots("memory-64g", "matrix", memory="64G"),
    boots("memory-64g-no-1g-pages", "matrix", cpu="max,pdpe1gb=off", memory="64G"),
    boots("memory-600g", "matrix", memory="600G"),
    boots("memory-1t-gap", "matrix", cpu="max,phys-bits=42", memory="1T"),
    boots("memory-4t", "matrix", cpu="max,phys-bits=46", memory="4T", timeout=LONG_TIME_LIMIT),
    *[boots(f"cpu-{model.lower()}", "matrix", cpu=model) for model in PROCESSORS],
    boots("cpu-five-levels-8g", "matrix", words="levels=5", memory="8G"),
    boots("cpu-five-levels-512g", "matrix", words="levels=5", memory="512G"),
    processors("16", "processors: 16 run\n", cpus=16, suite="smp-long"),
    processors("128", "processors: 128 run\n", cpus=128, suite="smp-long", memory="1G",
               timeout=LONG_TIME_LIMIT),
    processors("255", "processors: 255 run\n", cpus=255, suite="smp-long", memory="2G",
               timeout=LONG_TIME_LIMIT),
    boots("numa", "matrix", cpus=4, memory="1G", extra=NUMA),
    *[boots(f"display-{device}", "matrix", display=display(device)) for device in DISPLAYS],
    boots("display-4k", "matrix", display=display("VGA,vgamem_mb=64,xres=3840,yres=2160"),
          words="mode=3840x2160", log=["screen: 3840x2160 pixels"]),
    boots("display-two-cards", "matrix", display=display("VGA", "secondary-vga")),
    boots("media-usb2-stick", "matrix", media="usb2", as_disk=True),
    boots("media-ide", "matrix", machine="pc", media="disk", as_disk=True),
    boots("secure-boot-refuses-unsigned", "matrix", machine="q35,smm=on", firmware="secure-boot",
          memory="512M", extra=SECURE_BOOT, until="Security Violation|Access Denied"),
]


def row_named(name: str) -> Row:
    return next(row for row in ROWS if row.name == name)

"""Commands for gdb that know Quire: `quire ps`, `threads`, `walk`, `map`, `frame`, `regions`, `regs`,
`log`, `why`.

Loaded by `./quire gdb`. They read the stopped machine's memory through the kernel's direct map, so they
work wherever the
kernel runs or has run a process: not in the firmware, nor in the loader."""

import gdb

PAGE_SIZE = 4096
DIRECT_MAP = 0xFFFF800000000000
FRAME_MAP = 0xFFFFE00000000000
FRAME_SIZE = 32
ADDRESS_MASK = 0x000FFFFFFFFFF000
PRESENT, WRITABLE, USER, ACCESSED, DIRTY, LARGE, GLOBAL = 1, 2, 4, 0x20, 0x40, 0x80, 0x100
NO_EXECUTE = 1 << 63
LEVEL_NAMES = {5: "PML5", 4: "PML4", 3: "PDPT", 2: "PD", 1: "PT"}
EXCEPTIONS = {
    0: "#DE divide", 1: "#DB debug", 3: "#BP breakpoint", 6: "#UD invalid opcode", 8: "#DF double fault",
    12: "#SS stack", 13: "#GP general protection", 14: "#PF page fault", 16: "#MF x87", 17: "#AC alignment",
    19: "#XM SIMD",
}


# Reading the machine


def value(expression: str) -> gdb.Value:
    return gdb.parse_and_eval(expression)


def number(expression: str) -> int:
    return int(value(expression)) & (1 << 64) - 1


def read_word(address: int) -> int:
    memory = gdb.selected_inferior().read_memory(address, 8)
    return int.from_bytes(bytes(memory), "little")


def physical_word(address: int) -> int:
    return read_word(DIRECT_MAP + address)


def levels() -> int:
    return number("kernel_paging.levels")


def kernel_root() -> int:
    return number("kernel_paging.root")


def loaded_root() -> int:
    return number("$cr3") & ADDRESS_MASK


def name_of(array: gdb.Value) -> str:
    return array.string(errors="replace")


def is_null(pointer: gdb.Value) -> bool:
    return int(pointer) == 0


# Kernel structures


def processes() -> list[gdb.Value]:
    """Every process, by id."""
    buckets = value("'kernel/process/process.c'::buckets")
    first, last = buckets.type.range()
    found = []
    for index in range(first, last + 1):
        process = buckets[index]["lh_first"]
        while not is_null(process):
            found.append(process.dereference())
            process = process["by_pid"]["le_next"]
    return sorted(found, key=lambda process: int(process["pid"]))


def process_of(pid: int) -> gdb.Value:
    for process in processes():
        if int(process["pid"]) == pid:
            return process
    raise gdb.GdbError(f"there is no process {pid}")


def current_thread() -> gdb.Value | None:
    """The thread that runs on the selected processor."""
    try:
        address = read_word(number("$gs_base") + 24)
    except gdb.MemoryError:
        address = 0
    if address < DIRECT_MAP:  # in user mode GS is the program's
        try:
            address = read_word(number("$k_gs_base") + 24)
        except gdb.MemoryError:
            return None
    if address < DIRECT_MAP:
        return None
    return gdb.Value(address).cast(gdb.lookup_type("struct thread").pointer()).dereference()


def processors() -> list[gdb.Value]:
    """The kernel's block of each processor that runs."""
    return [value(f"cpus[{index}]").dereference() for index in range(number("cpu_count"))]


def running_threads() -> dict[int, int]:
    """The number of the processor that runs a thread, by the thread's address."""
    return {int(cpu["current"]): int(cpu["id"]) for cpu in processors() if not is_null(cpu["current"])}


def kernel_threads() -> list[gdb.Value]:
    """Those that belong to no process, by name; the boot processor's idle thread included."""
    found = {int(cpu["idle"]): cpu["idle"].dereference() for cpu in processors() if not is_null(cpu["idle"])}
    thread = value("'kernel/process/thread.c'::kernel_threads")["lh_first"]
    while not is_null(thread):
        found[int(thread)] = thread.dereference()
        thread = thread["by_tid"]["le_next"]
    return sorted(found.values(), key=lambda thread: name_of(thread["name"]))


def threads_of(process: gdb.Value) -> list[gdb.Value]:
    found = []
    thread = process["threads"]["tqh_first"]
    while not is_null(thread):
        found.append(thread.dereference())
        thread = thread["sibling"]["tqe_next"]
    return found


def regions_of(process: gdb.Value) -> list[gdb.Value]:
    """The regions of its space, in order."""
    if is_null(process["space"]):
        return []
    found: list[gdb.Value] = []

    def visit(node: gdb.Value) -> None:
        if is_null(node):
            return
        visit(node["node"]["rbe_left"])
        found.append(node.dereference())
        visit(node["node"]["rbe_right"])

    visit(process["space"]["regions"]["rbh_root"])
    return found


def root_of(pid: int | None) -> int:
    if pid is None:
        return loaded_root()
    space = process_of(pid)["space"]
    return kernel_root() if is_null(space) else int(space["paging"]["root"])


# Page tables


def entry_flags(entry: int, level: int) -> str:
    leaf = level == 1 or bool(entry & LARGE and level <= 3)
    names = [(PRESENT, "P"), (WRITABLE, "W"), (USER, "U"), (ACCESSED, "A")]
    names += [(DIRTY, "D"), (GLOBAL, "G")] if leaf else []
    text = "".join(letter if entry & bit else "-" for bit, letter in names)
    return text + ("-" if entry & NO_EXECUTE else "X") + (" large" if leaf and level > 1 else "")


def walk(root: int, address: int) -> list[tuple[int, int, int]]:
    """(level, address of the entry, entry) down to the leaf or the first entry that is not present."""
    steps, table = [], root
    for level in range(levels(), 0, -1):
        place = table + (address >> (12 + 9 * (level - 1)) & 511) * 8
        entry = physical_word(place)
        steps.append((level, place, entry))
        if not entry & PRESENT or level == 1 or (entry & LARGE and level <= 3):
            break
        table = entry & ADDRESS_MASK
    return steps


def translate(root: int, address: int) -> int | None:
    level, _place, entry = walk(root, address)[-1]
    if not entry & PRESENT:
        return None
    span = 1 << (12 + 9 * (level - 1))
    return (entry & ADDRESS_MASK & ~(span - 1)) | (address & (span - 1))


def print_walk(root: int, address: int) -> None:
    print(f"walk of {address:#x}, tables at {root:#x}")
    steps = walk(root, address)
    for level, place, entry in steps:
        print(f"  level {level} {LEVEL_NAMES[level]:4} [{place:#x}] {entry:016x} {entry_flags(entry, level)}")
    rights = [all(entry & bit for _, _, entry in steps) for bit in (WRITABLE, USER)]
    execute = not any(entry & NO_EXECUTE for _, _, entry in steps)
    physical = translate(root, address)
    if physical is None:
        print("  not mapped")
    else:
        print(f"  physical {physical:#x}: readable, {'' if rights[0] else 'not '}writable, "
              f"{'' if execute else 'not '}executable, by "
              f"{'user and kernel' if rights[1] else 'the kernel only'}")


def mappings(root: int, first: int, last: int):
    """(address, physical address, size, rights) of every leaf below root entries first..last."""

    def visit(table: int, level: int, base: int, rights: int, low: int, high: int):
        span = 1 << (12 + 9 * (level - 1))
        words = bytes(gdb.selected_inferior().read_memory(DIRECT_MAP + table, PAGE_SIZE))
        for index in range(low, high + 1):
            entry = int.from_bytes(words[index * 8:index * 8 + 8], "little")
            if not entry & PRESENT:
                continue
            address = base + index * span
            here = (rights & entry & (WRITABLE | USER)) | ((rights | entry) & NO_EXECUTE)
            if level == 1 or (entry & LARGE and level <= 3):
                yield address, entry & ADDRESS_MASK & ~(span - 1), span, here
            else:
                yield from visit(entry & ADDRESS_MASK, level - 1, address, here, 0, 511)

    yield from visit(root, levels(), 0, WRITABLE | USER, first, last)


def rights_text(rights: int) -> str:
    return (f"r{'w' if rights & WRITABLE else '-'}{'-' if rights & NO_EXECUTE else 'x'} "
            f"{'user' if rights & USER else 'kernel'}")


def canonical(address: int) -> int:
    sign = 12 + 9 * levels() - 1
    return address | (~0 << sign) & (1 << 64) - 1 if address >> sign & 1 else address


# Commands


def argument_numbers(argument: str, least: int, most: int, usage: str) -> list[int]:
    words = gdb.string_to_argv(argument)
    if not least <= len(words) <= most:
        raise gdb.GdbError(f"usage: {usage}")
    return [int(gdb.parse_and_eval(word)) & (1 << 64) - 1 for word in words]


class Quire(gdb.Command):
    """What the kernel knows: ps, threads, walk, map, frame, regions, regs, log, why."""

    def __init__(self):
        super().__init__("quire", gdb.COMMAND_DATA, prefix=True)


class Subcommand(gdb.Command):
    name = usage = ""

    def __init__(self):
        super().__init__(f"quire {self.name}", gdb.COMMAND_DATA)

    def invoke(self, argument: str, _from_tty: bool) -> None:
        try:
            self.run(argument)
        except gdb.MemoryError as error:
            message = f"the kernel's memory cannot be read here ({error}); is it running yet?"
            raise gdb.GdbError(message) from error

    def run(self, argument: str) -> None:
        raise NotImplementedError


class Ps(Subcommand):
    """Processes: quire ps"""

    name = "ps"

    def run(self, argument: str) -> None:
        running = {int(gdb.Value(address).cast(gdb.lookup_type("struct thread").pointer())["process"])
                   for address in running_threads()}
        print("  PID  PPID  THREADS  RESIDENT  MAPPED  STATE    NAME")
        for process in processes():
            parent = 0 if is_null(process["parent"]) else int(process["parent"]["pid"])
            space = process["space"]
            resident, mapped = (0, 0) if is_null(space) else (int(space["pages_resident"]),
                                                              int(space["pages_mapped"]))
            state = ("zombie" if process["zombie"] else "running" if int(process.address) in running
                     else "stopped" if process["stopped"] else "")
            print(f"{int(process['pid']):5} {parent:5} {int(process['thread_count']):8} "
                  f"{resident:9} {mapped:7}  "
                  f"{state:8} {name_of(process['name'])}")


class Threads(Subcommand):
    """Threads, where they run and where they sleep: quire threads [PID] (0: the kernel's own)"""

    name = "threads"

    def run(self, argument: str) -> None:
        wanted = argument_numbers(argument, 0, 1, "quire threads [PID]")
        running = running_threads()
        for process in processes():
            if wanted and int(process["pid"]) != wanted[0]:
                continue
            for thread in threads_of(process):
                name = f"thread {int(thread['tid'])} of {name_of(process['name'])} ({int(process['pid'])})"
                self.tell(name, thread, running)
        if not wanted or wanted[0] == 0:
            for thread in kernel_threads():
                self.tell(f"kernel thread {name_of(thread['name'])}", thread, running)

    def tell(self, name: str, thread: gdb.Value, running: dict[int, int]) -> None:
        state = str(thread["state"]).removeprefix("THREAD_").lower()
        processor = running.get(int(thread.address))
        print(f"{name}: {state}{'' if processor is None else f' on processor {processor}'}")
        if processor is not None:
            self.backtrace_running(processor)
        elif state != "dead":
            self.backtrace(int(thread["saved_rsp"]))

    def backtrace_running(self, processor: int) -> None:
        """gdb's thread N + 1 is QEMU's processor N, which is the kernel's when all have started in order."""
        selected = gdb.selected_thread()
        for other in gdb.selected_inferior().threads():
            if other.num != processor + 1:
                continue
            other.switch()
            print(gdb.execute("backtrace 12", to_string=True).rstrip().replace("#", "  #"))
        if selected is not None:
            selected.switch()

    def backtrace(self, saved: int) -> None:
        """The stack as thread_switch() left it: six registers, the last of them RBP, and the return
        address."""
        rbp, address = read_word(saved + 40), read_word(saved + 48)
        for index in range(24):
            print(f"  #{index} {address:#x} {symbol(address)}")
            if rbp < DIRECT_MAP or index > 0 and rbp % 8:
                break
            address, caller = read_word(rbp + 8), read_word(rbp)
            if caller <= rbp and caller != 0 or address < DIRECT_MAP:
                break
            rbp = caller


def symbol(address: int) -> str:
    text = gdb.execute(f"info symbol {address:#x}", to_string=True).strip()
    line = gdb.find_pc_line(address)
    where = f" at {line.symtab.filename.removeprefix('../')}:{line.line}" if line.symtab else ""
    return ("" if text.startswith("No symbol") else text.split(" in section")[0]) + where


class Walk(Subcommand):
    """The page-table walk of an address: quire walk ADDRESS [PID]"""

    name = "walk"

    def run(self, argument: str) -> None:
        numbers = argument_numbers(argument, 1, 2, "quire walk ADDRESS [PID]")
        print_walk(root_of(numbers[1] if len(numbers) > 1 else None), numbers[0])


class Map(Subcommand):
    """What is mapped, neighbours merged: quire map [PID] (the process's half), quire map 0 (the kernel's)"""

    name = "map"

    def run(self, argument: str) -> None:
        numbers = argument_numbers(argument, 0, 1, "quire map [PID]")
        half = 256 if levels() == 4 else 1
        if numbers and numbers[0] == 0:
            first, last, root = (256, 511, kernel_root()) if levels() == 4 else (511, 511, kernel_root())
        else:
            first, last, root = 0, half - 1, root_of(numbers[0] if numbers else None)
        merged: list[list[int]] = []
        for address, physical, size, rights in mappings(root, first, last):
            end = merged[-1] if merged else None
            if end and end[0] + end[2] == address and end[1] + end[2] == physical and end[3] == rights:
                end[2] += size
            else:
                merged.append([address, physical, size, rights])
        for address, physical, size, rights in merged:
            start = canonical(address)
            print(f"{start:016x}-{start + size & (1 << 64) - 1:016x} -> {physical:012x} {size >> 10:10} KiB "
                  f"{rights_text(rights)}")
        print(f"{len(merged)} ranges, {sum(size for _, _, size, _ in merged) >> 10} KiB")


class Frame(Subcommand):
    """Who owns a physical page: quire frame NUMBER (a number from 0x100000000 on, or with a page offset,
    counts as an address)"""

    name = "frame"

    def run(self, argument: str) -> None:
        (wanted,) = argument_numbers(argument, 1, 1, "quire frame NUMBER")
        frame = gdb.Value(FRAME_MAP + wanted * FRAME_SIZE).cast(gdb.lookup_type("struct frame").pointer())
        try:
            owner = int(frame["owner"])
        except gdb.MemoryError as error:
            raise gdb.GdbError(f"frame {wanted:#x} was not taken into use, or is no RAM") from error
        names = {field.enumval: field.name for field in gdb.lookup_type("enum frame_owner").fields()}
        print(f"frame {wanted:#x}, physical {wanted * PAGE_SIZE:#x}: {names.get(owner, owner)}, count "
              f"{int(frame['count'])}, order {int(frame['order'])}, flags {int(frame['flags']):#x}")
        half = 255 if levels() == 4 else 0
        for process in processes():
            if is_null(process["space"]):
                continue
            for address, physical, size, rights in mappings(int(process["space"]["paging"]["root"]), 0, half):
                if physical <= wanted * PAGE_SIZE < physical + size:
                    print(f"  mapped by {name_of(process['name'])} ({int(process['pid'])}) at "
                          f"{address + wanted * PAGE_SIZE - physical:#x} {rights_text(rights)}")


class Regions(Subcommand):
    """What a process was promised: quire regions PID"""

    name = "regions"

    def run(self, argument: str) -> None:
        (pid,) = argument_numbers(argument, 1, 1, "quire regions PID")
        process = process_of(pid)
        for region in regions_of(process):
            protection = int(region["protection"])
            letters = ((1, "r"), (2, "w"), (4, "x"))
            rights = "".join(letter if protection & bit else "-" for bit, letter in letters)
            kind = name_of(region["name"]) if not is_null(region["name"]) else (
                "anonymous" if is_null(region["backing"]) else f"file at {int(region['offset']):#x}")
            shared = "s" if int(region["flags"]) & 1 else "p"
            print(f"{int(region['start']):012x}-{int(region['end']):012x} {rights}{shared} {kind}")


class Regs(Subcommand):
    """The registers that decide about memory: quire regs"""

    name = "regs"

    def run(self, argument: str) -> None:
        cr0, cr4, efer = number("$cr0"), number("$cr4"), number("$efer")
        flags = {"WP": cr0 >> 16 & 1, "PG": cr0 >> 31 & 1, "PSE": cr4 >> 4 & 1, "PGE": cr4 >> 7 & 1,
                 "UMIP": cr4 >> 11 & 1, "LA57": cr4 >> 12 & 1, "FSGSBASE": cr4 >> 16 & 1,
                 "SMEP": cr4 >> 20 & 1,
                 "SMAP": cr4 >> 21 & 1, "SCE": efer & 1, "LMA": efer >> 10 & 1, "NXE": efer >> 11 & 1}
        print(f"cr0 {cr0:#x}  cr2 {number('$cr2'):#x}  cr3 {number('$cr3'):#x}  cr4 {cr4:#x}  efer {efer:#x}")
        print("on: " + " ".join(name for name, on in flags.items() if on) + "   off: "
              + " ".join(name for name, on in flags.items() if not on))
        print(f"rip {number('$rip') & (1 << 64) - 1:#x} {symbol(number('$rip') & (1 << 64) - 1)}, "
              f"privilege level {number('$cs') & 3}, "
              f"interrupts {'on' if number('$eflags') & 0x200 else 'off'}")
        root = loaded_root()
        owner = next((f"{name_of(each['name'])} ({int(each['pid'])})" for each in processes()
                      if not is_null(each["space"]) and int(each["space"]["paging"]["root"]) == root), None)
        print(f"tables: {owner or ('the kernel' if root == kernel_root() else 'of nobody known')}")


class Log(Subcommand):
    """The end of the kernel's log: quire log [LINES]"""

    name = "log"

    def run(self, argument: str) -> None:
        numbers = argument_numbers(argument, 0, 1, "quire log [LINES]")
        ring = value("'kernel/debug/log.c'::log")["ring"]
        size, start, end = int(ring["size"]), int(ring["start"]), int(ring["end"])
        content = bytes(gdb.selected_inferior().read_memory(int(ring["bytes"]), size))
        text = bytes(content[position % size] for position in range(start, end))
        lines = []
        position = 0
        while position + 3 <= len(text):  # length in two bytes, level, text
            length = int.from_bytes(text[position:position + 2], "little")
            lines.append(text[position + 3:position + 3 + length].decode(errors="replace").rstrip("\n"))
            position += 3 + length
        print("\n".join(lines[-(numbers[0] if numbers else 20):]))


class Why(Subcommand):
    """Explain the last fault that ended a program: quire why"""

    name = "why"

    def run(self, argument: str) -> None:
        fault = value("fault_last")
        if int(fault["vector"]) == 0 and int(fault["pid"]) == 0:
            print("no program has been ended by an exception yet")
            return
        vector, error, address = int(fault["vector"]), int(fault["error"]), int(fault["address"])
        print(f"{name_of(fault['process'])} ({int(fault['pid'])}): "
              f"{EXCEPTIONS.get(vector, f'exception {vector}')} at "
              f"{int(fault['rip']):#x} {symbol(int(fault['rip']))}: {name_of(fault['reason'])}")
        if vector != 14:
            return
        what = "fetch" if error & 16 else "write" if error & 2 else "read"
        print(f"it was a {'user' if error & 4 else 'kernel'} {what} of {address:#x}; "
              f"{'the page was there and refused' if error & 1 else 'no page was there'}")
        self.explain(fault, address, error)

    def explain(self, fault: gdb.Value, address: int, error: int) -> None:
        """The walk as it was then, the entry that refused, and what the address was promised to be."""
        levels_then = int(fault["levels"])
        refused = (WRITABLE if error & 2 else 0) | (USER if error & 4 else 0)
        for index in range(levels_then):
            level, entry = levels_then - index, int(fault["entry"][index])
            wrong = (not entry & PRESENT or entry & refused != refused
                     or bool(error & 16 and entry & NO_EXECUTE))
            print(f"  level {level} {LEVEL_NAMES[level]:4} {entry:016x} {entry_flags(entry, level)}"
                  f"{'  <- refused' if wrong else ''}")
            if not entry & PRESENT or (entry & LARGE and 1 < level <= 3):
                break
        start, end = int(fault["region_start"]), int(fault["region_end"])
        protection = int(fault["region_protection"])
        letters = ((1, "r"), (2, "w"), (4, "x"))
        rights = "".join(letter if protection & bit else "-" for bit, letter in letters)
        if start <= address < end:
            print(f"  in region {start:#x}-{end:#x} {rights}: it may not be "
                  f"{'run' if error & 16 else 'written' if error & 2 else 'read'}")
        elif end:
            print(f"  in no region; the next one is {start:#x}-{end:#x} {rights}")
        else:
            print("  in no region, and there is none above")


Quire()
for command in (Ps, Threads, Walk, Map, Frame, Regions, Regs, Log, Why):
    command()

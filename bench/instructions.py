#!/usr/bin/env python3
"""Counts the instructions that one job costs, by stage, and compares them with the record.

    bench/instructions.py BUILD_DIRECTORY [--record | --check | --top N]

A run on a busy machine counts the same, so a change that costs shows up anywhere. Instructions
depend on compiler, flags and libraries: the record (bench/instructions.json) has one entry for
each such build, and --record writes the entry of this one. --check (the ctest) fails when a stage
has grown by more than 5 % over the record, and is skipped (77) where there is no valgrind or no
record of such a build. --top prints the functions that cost the most, by themselves.
"""
import argparse, json, os, re, shutil, subprocess, sys, tempfile

RECORD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.json")
JOBS = 4096
GROWTH_MAX = 0.05
SLACK = 25  # instructions a job: less than this is no growth, in however small a stage
SKIP = 77
ROWS = ("plain", "keyed")
STAGES = ("parse", "understand", "engine", "ledger", "handler", "store", "encode")
FUNCTIONS = {name: r"^bide::" + re.escape(function) + r"\((?!.*\{lambda)" for name, function in (
    ("parse", "bench::(anonymous namespace)::HotPath::stage_parse"),
    ("understand", "bench::(anonymous namespace)::HotPath::stage_understand"),
    ("encode", "bench::(anonymous namespace)::HotPath::stage_encode"),
    ("submit", "engines::embedded::Engine::submit"),
    ("write_now", "engines::embedded::Engine::write_now"),
    ("step", "core::Ledger::step"),
    ("take", "core::Ledger::take_writes"),
    ("apply", "engines::embedded::Store::apply"),
    ("start", "native::(anonymous namespace)::AsyncHandler::start"),
    ("ended", "engines::embedded::Engine::attempt_ended"),
)}


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIP)


def version_of(package):
    if not shutil.which("dpkg-query"):
        return "unknown"
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def build_of(directory):
    """What the count depends on."""
    cache = {}
    for line in open(os.path.join(directory, "CMakeCache.txt")):
        if match := re.match(r"([\w-]+):\w+=(.*)", line):
            cache[match[1]] = match[2]
    kind = cache["CMAKE_BUILD_TYPE"]
    compiler = subprocess.run([cache["CMAKE_CXX_COMPILER"], "--version"], capture_output=True, text=True)
    flags = f"{cache.get('CMAKE_CXX_FLAGS', '')} {cache.get('CMAKE_CXX_FLAGS_' + kind.upper(), '')}"
    return {
        "compiler": compiler.stdout.splitlines()[0].split(" ", 1)[-1],
        "flags": " ".join(flags.split()),
        "sanitizers": cache.get("BIDE_SANITIZE", ""),
        "libraries": {name: version_of(name) for name in
                      ("libboost1.81-dev", "libc6", "libmimalloc2.0", "libsqlite3-0", "libssl3", "valgrind")},
    }


def run(directory, row, data):
    """Runs the driver under callgrind; the path of what it counted."""
    counted = os.path.join(data, "callgrind.out")
    os.makedirs(os.path.join(data, "store"))
    # Which variant of memcpy and of SHA-256 is taken depends on the processor: always the plain one.
    env = dict(os.environ, GLIBC_TUNABLES="glibc.cpu.hwcaps=-AVX2,-ERMS,-FSRM,-AVX_Fast_Unaligned_Load",
               OPENSSL_ia32cap="0:0")
    command = ["valgrind", "--tool=callgrind", "--toggle-collect=*measured*",
               f"--callgrind-out-file={counted}", os.path.join(directory, "hot_path"),
               os.path.join(data, "store"), str(JOBS), row]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240)
    if done.returncode != 0 or "200 OK" not in done.stdout:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return counted


def read(counted):
    """(total, {function: by itself}, {function: with what it calls}) of a callgrind.out."""
    total, names, own, inclusive = 0, {}, {}, {}
    function = callee = ""
    called = False

    def name_of(text):  # "(7) name" the first time, then "(7)"
        number, _, name = text.partition(" ")
        return names.setdefault(number, name)

    for line in open(counted):
        line = line.rstrip("\n")
        if line.startswith("fn="):
            function = name_of(line[3:])
        elif line.startswith("cfn="):
            callee = name_of(line[4:])
        elif line.startswith("calls="):
            called = True
        elif line.startswith("totals:"):
            total = int(line.split()[1])
        elif line and line[0] in "0123456789+-*":
            into, key = (inclusive, callee) if called else (own, function)
            into[key] = into.get(key, 0) + int(line.split()[1])
            called = False
    return total, own, inclusive


def shortened(function):
    for old, new in ((r"std::(__cxx11::)?basic_string<char, .*?std::allocator<char> >", "string"),
                     (r"std::basic_string_view<char, std::char_traits<char> >", "string_view"),
                     (r" \[/.*/", " ["), (r"\(.*\)", "()")):
        function = re.sub(old, new, function)
    return function[:150]


def stages_of(counted):
    total, _, inclusive = read(counted)
    cost = {name: sum(count for function, count in inclusive.items() if re.search(pattern, function))
            for name, pattern in FUNCTIONS.items()}
    missing = [name for name, count in cost.items() if count == 0]
    if missing:
        sys.exit(f"not found in what callgrind counted: {', '.join(missing)}")
    ledger = cost["step"] + cost["take"]
    handler = cost["start"] - cost["ended"]
    engine = cost["submit"] + cost["write_now"] - ledger - handler - cost["apply"]
    found = {"parse": cost["parse"], "understand": cost["understand"], "engine": engine,
             "ledger": ledger, "handler": handler, "store": cost["apply"], "encode": cost["encode"]}
    per_job = {stage: round(found[stage] / JOBS) for stage in STAGES}
    per_job["total"] = round(total / JOBS)
    return per_job


def measure(directory, top):
    figures = {}
    for row in ROWS:
        where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        with tempfile.TemporaryDirectory(prefix="bide-instructions-", dir=where) as data:
            counted = run(directory, row, data)
            figures[row] = stages_of(counted)
            if top:
                print(f"\n{row}: instructions a job, by the function itself")
                own = sorted(read(counted)[1].items(), key=lambda item: -item[1])
                for function, count in own[:top]:
                    print(f"{count / JOBS:9.1f}  {shortened(function)}")
    return figures


def load():
    return json.load(open(RECORD)) if os.path.exists(RECORD) else []


def record(build, figures):
    entries = [entry for entry in load()
               if any(entry["build"][name] != build[name] for name in ("flags", "sanitizers"))]
    entries.append({"build": build, "jobs": JOBS, "instructions_per_job": figures})
    entries.sort(key=lambda entry: entry["build"]["flags"])
    with open(RECORD, "w") as out:
        json.dump(entries, out, indent=2)
        out.write("\n")
    print(f"recorded in {os.path.relpath(RECORD)}")


def table(figures, known):
    print("| instructions a job | " + " | ".join(STAGES) + " | total |")
    print("| --- |" + " ---: |" * (len(STAGES) + 1))
    for row in ROWS:
        cells = []
        for stage in (*STAGES, "total"):
            cell = f"{figures[row][stage]:,}"
            if known:
                cell += f" ({figures[row][stage] / known[row][stage] - 1:+.1%})"
            cells.append(cell)
        print(f"| {row} | " + " | ".join(cells) + " |")
    cost = figures["keyed"]["total"] / figures["plain"]["total"] - 1
    print(f"\nA key costs {cost:.1%} more instructions." +
          (" In brackets: against the record." if known else ""))


def grown(figures, known):
    for row in ROWS:
        for stage in (*STAGES, "total"):
            now, then = figures[row][stage], known[row][stage]
            if now > then * (1 + GROWTH_MAX) and now > then + SLACK:
                yield f"{row}, {stage}: {then:,} -> {now:,} instructions a job ({now / then - 1:+.1%})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--top", type=int, default=0, metavar="N")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        skip("no valgrind (scripts/packages, [bench])")
    build = build_of(options.build)
    known = next((entry["instructions_per_job"] for entry in load() if entry["build"] == build), None)
    if options.check and known is None:
        skip(f"bench/instructions.json has no record of a build like this one: {json.dumps(build)}")

    figures = measure(options.build, options.top)
    table(figures, known)
    if options.record:
        record(build, figures)
    worse = list(grown(figures, known)) if known else []
    if worse and not options.record:
        print("\nMore than the record allows (5 %):")
        print("\n".join(worse))
        print("If it is worth that: ./scripts/bench instructions --record, and say why in the commit.")
        sys.exit(1)


main()

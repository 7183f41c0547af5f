"""Each rule of tidy must break on its samples and on nothing else."""

LONG = "    step();\n" * 80

# path, text, the rules it breaks
SAMPLES = [
    ("src/core/x.cpp", "int x;\n", []),
    ("src/runtime/x.cpp", "// sleep_for(1) in words\nauto s = \"sleep_for(1)\";\n", []),
    ("src/runtime/x.cpp", "std::this_thread::sleep_for(1s);\n", ["sleep"]),
    ("src/runtime/x.cpp", "::sleep(1);\n", ["sleep"]),
    ("src/runtime/x.cpp", "void sleep(Job job);\nx::sleep(job);\n", []),
    ("tests/crash/x.cpp", "std::this_thread::sleep_for(1s);\n", []),
    ("src/service/x.cpp", "sqlite3_step(s);\n", ["sqlite-step"]),
    ("src/engines/embedded/sqlite.cpp", "sqlite3_step(s);\n", []),
    ("src/fronts/http/x.cpp", "getaddrinfo(a, b, c, d);\n", ["resolve"]),
    ("src/engines/embedded/engine.cpp", "::fsync(fd);\n", ["sync"]),
    ("src/runtime/spool.cpp", "::fsync(fd);\n", []),
    ("src/service/x.cpp", "auto t = std::chrono::steady_clock::now();\n", ["now"]),
    ("tests/sim/x.cpp", "auto t = Clock::now();\n", ["now"]),
    ("src/service/x.cpp", "auto t = clock.now();\n", []),
    ("src/base/time.cpp", "auto t = std::chrono::steady_clock::now();\n", []),
    ("src/core/x.cpp", "std::random_device device;\n", ["random"]),
    ("src/fronts/http/x.cpp", "co_spawn(ex, f(), net::detached);\n", ["detached"]),
    ("src/fronts/http/x.cpp", "thread.detach();\n", ["detached"]),
    ("src/service/x.cpp", "auto f = [=] { return 1; };\n", ["capture-all"]),
    ("src/service/x.cpp", "auto f = [=, this] { return 1; };\n", ["capture-all"]),
    ("src/service/x.cpp", "co_await f(a, {b, c});\n", ["temporary-in-await"]),
    ("src/service/x.cpp", "auto x = co_await f(\n    T{b});\n", ["temporary-in-await"]),
    ("src/service/x.cpp", "if (co_await f(a)) {\n    g();\n}\nco_return T{co_await f(a, b)};\n", []),
    ("src/service/x.hpp", "#pragma once\nusing namespace std;\n", ["using-namespace"]),
    ("src/core/x.cpp", "#include <boost/asio/post.hpp>\n", ["core-is-pure"]),
    ("src/core/x.cpp", "#include <unistd.h>\n", ["core-is-pure"]),
    ("src/core/x.cpp", "#include <sys/stat.h>\n", ["core-is-pure"]),
    ("src/wire/x.cpp", "#include <thread>\n", ["core-is-pure"]),
    ("src/wire/x.cpp", "#include <boost/json/parse.hpp>\n", []),
    ("src/base/x.cpp", "#include <boost/json/parse.hpp>\n", ["base-is-small"]),
    ("src/ports/x.cpp", "#include <boost/asio/post.hpp>\n", ["ports-are-interfaces"]),
    ("src/ports/x.cpp", "#include <boost/asio/awaitable.hpp>\n", []),
    ("src/service/x.cpp", "#include <sqlite3.h>\n", ["sqlite-inside"]),
    ("src/service/x.cpp", "#include <CLI/CLI.hpp>\n", ["options-inside"]),
    ("include/bide/x.hpp", "#pragma once\n#include \"core/job.hpp\"\n", ["public-header"]),
    ("include/bide/x.hpp", "#pragma once\n#include <bide/y.hpp>\n#include <string>\n", []),
    ("src/service/x.cpp", "#include <iostream>\n", ["iostream"]),
    ("src/core/x.cpp", "#include \"runtime/spool.hpp\"\n", ["layers"]),
    ("src/engines/embedded/x.cpp", "#include \"fronts/http/x.hpp\"\n", ["layers"]),
    ("src/fronts/http/x.cpp", "#include \"engines/embedded/x.hpp\"\n", ["layers"]),
    ("src/engines/embedded/x.cpp", "#include \"engines/embedded/y.hpp\"\n#include \"base/id.hpp\"\n", []),
    ("docs/x.md", "text \n", ["white-space"]),
    ("docs/x.md", "text\r\n", ["white-space"]),
    ("src/core/x.cpp", "\tint x;\n", ["tab"]),
    ("docs/x.md", "TO" "DO later\n", ["unfinished"]),
    ("docs/x.md", "cd /wo" "rk/main\n", ["machine-path"]),
    ("docs/x.md", "~/network/work/x and $X/work/y\n", []),
    ("docs/x.md", "text", ["last-line"]),
    ("src/CMakeLists.txt", "file(GLOB sources *.cpp)\n", ["glob"]),
    ("src/service/x.cpp", "auto f = [p]() -> Task<void> { co_await g(p); };\n", ["capturing-coroutine"]),
    ("src/service/x.cpp", "auto f = [&](int (*a)(), int b) mutable { co_return; };\n",
     ["capturing-coroutine"]),
    ("src/service/x.cpp", "auto f = []() -> Task<void> { co_return; };\n", []),
    ("src/service/x.cpp", "auto f = [p] { g([]() -> Task<int> { co_return 1; }); };\n", []),
    ("src/service/x.cpp", "Task<void> f() {\n    a[i] = 1;\n    co_await g([p] { return p; });\n}\n", []),
    ("src/service/x.cpp", "void f() {\n" + LONG + "}\n", ["long-function"]),
    ("src/service/x.cpp", "X::X(int a) : a_{a} {\n" + LONG + "}\n", ["long-function"]),
    ("src/service/x.hpp", "#pragma once\nnamespace a {\ntemplate <class T>\nclass X : Y<T> {\n  public:\n"
     "    struct Z {\n        int f() const {\n" + LONG + "        }\n    };\n};\n}\n", ["long-function"]),
    ("src/service/x.hpp", "#pragma once\nstruct X {\n" + "    int f();\n" * 90 + "};\n", []),
    ("src/service/x.cpp", "const int kTable[] = {\n" + "    1,\n" * 90 + "};\n", []),
    ("src/service/x_test.cpp", "void f() {\n" + LONG + "}\n", []),
    ("src/service/x.cpp", "int x;\n" * 700, ["long-file"]),
    ("src/service/x.cpp", "// Long because it is one table.\n" + "int x;\n" * 700, []),
    ("src/service/x.hpp", "// What it is.\nint x;\n", ["pragma-once"]),
]


def run(report, tables):
    broken = set()
    failures = 0
    for path, text, expected in SAMPLES:
        found = [rule for _, rule in report(path, text)]
        broken.update(found)
        if found != expected:
            print(f"{path}: {text[:60]!r}: expected {expected}, found {found}")
            failures += 1
    for rule in sorted(set(tables) - broken):
        print(f"no sample breaks {rule}")
        failures += 1
    print(f"{len(SAMPLES)} samples, {len(broken)} rules, {failures} failures")
    return 1 if failures else 0

"""build/bench/results.json, and from it Markdown and SVG. Measurements made at different times
stand side by side; each carries its own machine, command and date."""
import json
import re
import sys

import aws
import full_store
import harness
import plot

TITLES = {"throughput": "Throughput and latency", "slow-disk": "A slow disk",
          "memory": "Memory per waiter", "start": "Start and idle", "bulk": "Large bodies",
          "store": "A store of millions", "aws": "Over AWS"}
FORMAT = 1  # of results.json: one more when a key is added or changes
QUIET = 1.5  # load average at most, for figures that go into the docs


def read():
    """What was measured before, without what an older version of these scripts wrote."""
    path = harness.OUTPUT / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    return {mode: made for mode, made in results.items() if made.get("format") == FORMAT}


def save(mode, made):
    results = read()
    results[mode] = {"format": FORMAT, **made}
    (harness.OUTPUT / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (harness.OUTPUT / "report.md").write_text(markdown(results))
    for name, picture in pictures(results).items():
        (harness.OUTPUT / name).write_text(picture)


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines) + "\n"


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def origin(made):
    where = made["machine"]
    text = (f"`{made['command']}`, {made['when']}, commit {where['commit']}: {where['processors']} "
            f"processors ({where['processor']}), {where['memory_gib']} GiB, {where['system']}, Linux "
            f"{where['kernel']}, {where['file_system']}, {where['compiler']}, {where['wrk']}. Load "
            f"average before: {where['load_before']:.2f}; stolen by the host: {where['steal']:.1%}.")
    if where["load_before"] >= QUIET:
        text += " **The machine was busy: not for comparison with other runs.**"
    return text + "\n"


def skipped(made):
    return "".join(f"\nSkipped: {one['title']} (`{one['name']}`): {one['reason']}.\n"
                   for one in made["skipped"])


def cells(row, connections):
    found = row["at"].get(str(connections))
    if not found:
        return row["failed"] or "-"
    errors = f", {found['errors']} errors" if found["errors"] else ""
    return (f"{found['rate']:,.0f} [{found['rate_min']:,.0f}-{found['rate_max']:,.0f}] "
            f"{'/'.join(number(found[key]) for key in ('p50', 'p99', 'p999'))}{errors}")


def counts(made):
    return sorted({int(count) for row in made["rows"] for count in row["at"]})


def throughput(made):
    limits, settings = made["limits"], made["settings"]
    text = (f"Each cell: jobs/s [least-most] p50/p99/p99.9 in ms; medians of {settings['rounds']} "
            f"rounds of {settings['seconds']} s, all peers up, loads in turn. One thread of wrk, closed "
            "loop, shares the processors. "
            f"Disk: {limits['flushes_per_s']:,.0f} flushes/s of 4 KiB one after the other, p50 "
            f"{limits['flush_p50_us']:,.0f} us, p99 {limits['flush_p99_us']:,.0f} us. Processes: "
            f"{limits['spawns_per_s']:,.0f} spawns of /bin/true a second on all processors.\n\n")
    head = ["", "durability", *(f"c={count}" for count in counts(made)), "processors at most",
            "MB after"]
    rows = []
    for row in sorted(made["rows"], key=lambda row: not row["limit"]):
        used = [at["cpu"] for at in row["at"].values()]
        rows.append([row["title"], row["durability"], *(cells(row, c) for c in counts(made)),
                     f"{max(used, default=0):.2f}",
                     f"{sum(row.get('memory_after', {}).values()) / 1e6:,.0f}"])
    return text + table(head, rows) + ratios(made) + budget(made) + skipped(made) + versions(made)


def budget(made):
    """Where the processors' time goes, which is the limit of nearly all rows."""
    rows = []
    for row in sorted(made["rows"], key=lambda row: not row["limit"]):
        line = [row["title"]]
        for count in map(str, counts(made)):
            at = row["at"].get(count, {})
            line.append(f"{at['cpu_us']:,.1f} + {at['load_us']:,.1f}, {at['idle']:.2f} idle"
                        if "cpu_us" in at else "-")
        rows.append(line)
    head = ["", *(f"c={count}" for count in counts(made))]
    return ("\nProcessor time for each job in us, of what is measured + of the load generator, and how many "
            "processors were idle; medians. A worker that a row feeds through pipes counts as its load generator.\n\n"
            + table(head, rows))


def ratios(made):
    """What bide's native echo is, in parts or multiples of each other row; round by round."""
    base = next((row for row in made["rows"] if row["name"] == "bide-echo"), None)
    if not base or len(made["rows"]) < 2:
        return ""
    rows = []
    for row in made["rows"]:
        if row is base:
            continue
        line = [row["title"], row["durability"]]
        for count in map(str, counts(made)):
            ours, theirs = (one["at"].get(count, {}).get("samples", []) for one in (base, row))
            pairs = sorted(a["rate"] / b["rate"] for a, b in zip(ours, theirs) if b["rate"])
            line.append(f"{pairs[len(pairs) // 2]:.2f} [{pairs[0]:.2f}-{pairs[-1]:.2f}]"
                        if pairs else "-")
        rows.append(line)
    head = ["bide, native echo, divided by", "durability of that", *(f"c={c}" for c in counts(made))]
    return "\nJobs/s as a ratio, median of the rounds [least-most]:\n\n" + table(head, rows)


def versions(made):
    told = dict.fromkeys(row["version"] for row in made["rows"] if row["version"])
    return f"\nVersions: {'; '.join(told)}.\n"


def slow_disk(made):
    return f"{made['sync_us'] / 1000:g} ms are added to each flush.\n\n" + throughput(made)


def memory(made):
    text = ("Each job is held by its handler. Each cell: bytes of user memory for each request that waits (proportional resident size of "
            "all the peer's processes, less what they had while idle; sockets in the kernel not counted), "
            "all that memory, processors used while all wait, and how late the last answer was. What "
            "garbage collectors have not collected yet blurs the small counts of Node and Python.\n\n")
    rows = []
    for row in made["rows"]:
        line = [row["title"], row["durability"]]
        for count in map(str, counts(made)):
            at = row["at"].get(count)
            if not at:
                line.append(row["failed"] or "-")
                continue
            wrong = ""
            if at["waiting"] != at["asked"] or at["answered"] != at["asked"]:
                wrong = f" ({at['waiting']:,} waited, {at['answered']:,} answered: {at['why'] or 'late'})"
            line.append(f"{at['bytes_per_waiter']:,.0f}, {at['total'] / 1e6:,.0f} MB, {at['cpu']:.2f}, "
                        f"{at['last_late']:.2f} s{wrong}")
        parts = (list(row["at"].values()) or [{"parts": {}, "idle": 0}])[-1]
        rows.append([*line, f"{parts['idle'] / 1e6:,.0f}",
                     ", ".join(f"{name} {size:,.0f}" for name, size in parts["parts"].items())])
    head = ["", "durability", *(f"{count:,} waiters" for count in counts(made)), "MB idle",
            "parts at the most"]
    return text + table(head, rows) + skipped(made) + versions(made)


def start(made):
    return table(["", ""], [
        ["start to `listening`, empty store", f"p50 {made['p50_ms']:.1f} ms, p95 {made['p95_ms']:.1f} ms, "
         f"most {made['max_ms']:.1f} ms of {made['starts']}"],
        ["idle memory", f"{made['memory'] / 2**20:.1f} MiB"],
        ["idle wake-ups over 10 s", f"{made['wakeups_per_s']:.1f}/s, {made['cpu']:.2%} of a processor"],
        ["binary, stripped", f"{made['binary'] / 2**20:.2f} MiB"]])


def bulk(made):
    """Each server by itself, and bide in parts of nginx, round by round."""
    text = (f"A body of {made['body_mib']:,} MiB up and down again over one connection each, in turn, "
            f"{made['settings']['rounds']} rounds; the client shares the processors. MiB/s, median "
            "[least-most].\n\n")
    rows = [[row["title"], *(f"{row[way + '_mid']:,.0f} [{min(row[way]):,.0f}-{max(row[way]):,.0f}]"
                             for way in ("up", "down"))] for row in made["rows"]]
    if len(made["rows"]) == 2:
        ours, theirs = made["rows"]
        line = ["ratio"]
        for way in ("up", "down"):
            pairs = sorted(a / b for a, b in zip(ours[way], theirs[way]))
            line.append(f"{pairs[len(pairs) // 2]:.2f} [{pairs[0]:.2f}-{pairs[-1]:.2f}]")
        rows.append(line)
    return text + table(["", "up", "down"], rows) + skipped(made)


def sections(results):
    makers = {"throughput": throughput, "slow-disk": slow_disk, "memory": memory, "start": start,
              "bulk": bulk, "store": lambda made: full_store.report(made, table),
              "aws": lambda made: aws.report(made, table)}
    return {mode: f"{origin(results[mode])}\n{make(results[mode])}"
            for mode, make in makers.items() if mode in results}


def markdown(results):
    return "\n".join(f"## {TITLES[mode]}\n\n{text}" for mode, text in sections(results).items())


def legend(row):
    return f"{row['name']}, {'flushed' if row.get('flushed') else 'not flushed'}"


def pictures(results):
    made = {}
    for mode in ("throughput", "slow-disk"):
        if mode not in results:
            continue
        for key, label in (("rate", "jobs/s"), ("p50", "p50, ms"), ("p99", "p99, ms"),
                           ("p999", "p99.9, ms")):
            series = [(legend(row), [(int(c), at[key]) for c, at in row["at"].items()])
                      for row in results[mode]["rows"]]
            made[f"{mode}-{key}.svg"] = plot.chart(
                f"{TITLES[mode]}: {label}", "connections", label, series)
    if "memory" in results:
        series = [(legend(row), [(int(c), at["bytes_per_waiter"]) for c, at in row["at"].items()])
                  for row in results["memory"]["rows"]]
        made["memory.svg"] = plot.chart(TITLES["memory"], "waiters", "bytes per waiter", series)
    return {name: picture for name, picture in made.items() if picture}


def into_doc(path, results):
    """Replaces what stands between <!-- bench MODE --> and <!-- end -->; refuses busy runs."""
    busy = [mode for mode, made in results.items() if made["machine"]["load_before"] >= QUIET]
    for mode in busy:
        print(f"left out {mode}: the load average was {results[mode]['machine']['load_before']:.2f} "
              f"before it, {QUIET} is the most", file=sys.stderr)
        del results[mode]
    text = path.read_text()
    folder = path.with_suffix("")
    for mode, section in sections(results).items():
        shown = [name for name in pictures(results) if name.startswith(mode)]
        for name in shown:
            folder.mkdir(exist_ok=True)
            (folder / name).write_text(pictures(results)[name])
        links = "".join(f"\n![{name}]({folder.name}/{name})\n" for name in shown)
        pattern = rf"(<!-- bench {mode} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda found, new=section + links: found[1] + "\n" + new + "\n" + found[2],
                      text, flags=re.S)
    path.write_text(text)

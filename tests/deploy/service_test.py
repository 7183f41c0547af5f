#!/usr/bin/env python3
"""service_test.py UNIT BIDE: the unit is one, and its command starts a server."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SKIPPED = 77
CONFIG = '[queues.echo]\nnative = "echo"\n'


def command_of(unit: str) -> list[str]:
    return re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE).group(1).split()


def check_unit(unit: str, bide: str, folder: pathlib.Path) -> None:
    copy = folder / "bide.service"
    copy.write_text(unit.replace(command_of(unit)[0], bide))
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True
    )
    # It also tells of other units of the machine.
    ours = [line for line in ran.stderr.splitlines() if "bide" in line]
    assert not ours, "\n".join(ours)


def check_command(unit: str, bide: str, folder: pathlib.Path) -> None:
    (folder / "credentials").mkdir()
    (folder / "credentials/bide.toml").write_text(CONFIG)
    (folder / "state").mkdir()
    given = {
        "${CREDENTIALS_DIRECTORY}": str(folder / "credentials"),
        "${STATE_DIRECTORY}": str(folder / "state"),
    }
    arguments = command_of(unit)[1:]
    for name, value in given.items():
        arguments = [argument.replace(name, value) for argument in arguments]
    assert not [argument for argument in arguments if "$" in argument or "%" in argument]
    server = subprocess.Popen(
        [bide, *arguments, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    )
    try:
        line = server.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), line
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    assert (folder / "state/bide.db").exists()


def main() -> int:
    unit = pathlib.Path(sys.argv[1]).read_text()
    bide = os.path.abspath(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        check_command(unit, bide, pathlib.Path(folder))
        if shutil.which("systemd-analyze") is None:
            print("no systemd-analyze here: the unit itself is not looked at")
            return SKIPPED
        check_unit(unit, bide, pathlib.Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())

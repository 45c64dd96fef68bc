from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from ocikit.sandbox.environment_socket import VARIABLE
from ocikit.sandbox.environment_socket_test import saying

_TOOL = """\
#!/bin/sh
cat
printf '%s\\n' "$@"
/usr/bin/env
/bin/grep SigIgn /proc/self/status
exit 7
"""


def test_the_tool_gets_the_environment_of_the_socket(tmp_path: Path) -> None:
    folder = tmp_path / "input/deploy"
    folder.mkdir(parents=True)
    (folder / "tool").write_text(_TOOL)
    (folder / "tool").chmod(0o755)
    request = {"path": "./tool", "words": ["tool", "one", "t w o"], "folder": "deploy"}
    (tmp_path / "request.json").write_text(json.dumps(request))
    with saying(json.dumps({"PATH": "/bin", "SECRET": "planted", "PWD": "/elsewhere"}).encode(), callers=2) as path:
        done = subprocess.run(
            [sys.executable, "-m", "ocikit", "tool", "request.json"],
            cwd=tmp_path,
            env={VARIABLE: path, "PYTHONPATH": os.pathsep.join(sys.path)},
            input="typed\n",
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (7, "")
    *lines, ignored = done.stdout.splitlines()
    assert lines[:3] == ["typed", "one", "t w o"]
    # `_` is the shell's own.
    variables = {line for line in lines[3:] if not line.startswith("_=")}
    assert variables == {"PATH=/bin", "SECRET=planted", f"PWD={os.path.realpath(folder)}"}
    assert not int(ignored.split()[1], 16) & 1 << (signal.SIGPIPE - 1)

"""The README's first screen matches a real run and the example."""

from __future__ import annotations

import re

from support.build_root import PROJECT, BuildRoot

README = (PROJECT / "README.md").read_text()


def shown() -> dict[str, set[str]]:
    """Each command of the console block, and the lines below it."""
    (block,) = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    outputs: dict[str, set[str]] = {}
    command = ""
    for line in block.splitlines():
        if line.startswith("$ ./pants "):
            command = line[len("$ ./pants ") :]
        outputs.setdefault(command, set()).add(line)
    return {command: lines - {f"$ ./pants {command}"} for command, lines in outputs.items()}


def test_the_console_block_is_a_real_run(examples: BuildRoot) -> None:
    for command, lines in shown().items():
        printed = examples.pants(*command.split()).stderr.splitlines()
        assert lines == {line for line in printed if line.startswith(("✓", "✕", "- "))}


def test_the_build_file_is_that_of_the_example() -> None:
    (block,) = re.findall(r"```python\n# (examples/\S+)\n(.*?)```", README, re.DOTALL)
    path, text = block
    example = _code((PROJECT / path).read_text())
    for statement in text.strip().split("\n\n"):
        assert _code(statement) in example


def _code(text: str) -> str:
    """Strip comments, white space and the closing parenthesis, since the README may show fewer fields."""
    return re.sub(r"\s", "", re.sub(r"#.*", "", text)).rstrip(")").rstrip(",")

from __future__ import annotations

import pytest

from ocikit.errors import InvalidInput
from ocikit.python_app.distributions import Distribution, TreeFile, console_scripts, group, settle


def sized(**sizes: int) -> list[Distribution]:
    return [Distribution(name, "1", {"x": TreeFile("x", "", size)}) for name, size in sizes.items()]


@pytest.mark.parametrize(
    "sizes, budget, layers",
    [
        pytest.param({}, 8, [], id="none"),
        pytest.param({"b": 1, "a": 2}, 8, ["a b"], id="small-ones-together"),
        pytest.param({"small": 1, "large": 50, "larger": 60}, 8, ["larger", "large", "small"], id="large-ones-apart"),
        pytest.param({"a": 50, "b": 50, "c": 50, "d": 1}, 3, ["a", "b", "c d"], id="budget-spent"),
        pytest.param({"a": 50, "b": 60}, 2, ["b", "a"], id="only-large-ones"),
        pytest.param({"a": 50, "b": 60, "c": 1}, 1, ["a b c"], id="one-layer"),
    ],
)
def test_grouping(sizes: dict[str, int], budget: int, layers: list[str]) -> None:
    assert [" ".join(d.name for d in layer) for layer in group(sized(**sizes), budget, apart_from=10)] == layers


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_below_one_layer_is_refused(budget: int) -> None:
    with pytest.raises(InvalidInput, match=f"^{budget} layers"):
        group(sized(a=20, b=20, c=20), budget, apart_from=10)


def installed(name: str, scripts: dict[str, str], **contents: str) -> Distribution:
    files = {path.replace("__", "/"): TreeFile(path, content, 1) for path, content in contents.items()}
    return Distribution(name, "1.0", files, scripts)


def test_the_first_of_several_distributions_keeps_a_file() -> None:
    second = installed("b", {"run": "b:main", "own": "b:own"}, bin__run="b", bin__same="s", bin__own="o")
    first = installed("A", {"run": "a:main"}, bin__run="a", bin__same="s")
    settled, clashes = settle([second, first])
    assert [distribution.name for distribution in settled] == ["A", "b"]
    assert clashes == ("bin/run (A 1.0, b 1.0)",)
    assert [distribution.commands for distribution in settled] == [("run", "same"), ("own", "same")]
    assert console_scripts(settled) == {"run": "a:main", "own": "b:own"}

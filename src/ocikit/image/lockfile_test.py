from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidContent
from ocikit.image.lockfile import Lock, LockedBase
from ocikit.spec.digest import Digest
from ocikit.spec.platform import Platform

ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
PYTHON = "docker.io/library/python:3.12-slim"

DIGESTS = st.sampled_from("0123456789abcdef").map(lambda digit: Digest("sha256", digit * 64))
PLATFORMS = st.sampled_from(["linux/amd64", "linux/arm64", "linux/arm64/v8", "linux/arm/v7", "windows/amd64"]).map(
    Platform.parse
)
BASES = st.builds(LockedBase, DIGESTS, st.dictionaries(PLATFORMS, DIGESTS, max_size=4).map(lambda d: tuple(d.items())))
NAMES = st.from_regex(
    r"[a-z]{1,4}\.example(:[1-9]{2})?/[a-z]{1,4}(/[a-z]{1,4})?:[a-z0-9.]{1,4}", fullmatch=True
).filter(lambda name: not name.rpartition(":")[2].startswith("."))
LOCKS = st.dictionaries(NAMES, BASES, max_size=4).map(Lock)


@given(LOCKS)
def test_written_and_read_again(lock: Lock) -> None:
    assert Lock.parse(str(lock)) == lock


@given(LOCKS, st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(lock: Lock, random: st.DataObject) -> None:
    lines = str(lock).splitlines()
    random.shuffle(lines)  # type: ignore[attr-defined]
    assert str(Lock.parse("\n".join(lines))) == str(lock)


def test_the_text_is_sorted_and_has_comments() -> None:
    platforms = (
        (Platform.parse("linux/arm64/v8"), Digest.parse(TWO)),
        (Platform.parse("linux/amd64"), Digest.parse(ONE)),
        (Platform.parse("linux/arm64"), Digest.parse(ONE)),
    )
    text = str(Lock({PYTHON: LockedBase(Digest.parse(TWO), platforms)}))
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert "pants oci-lock" in "".join(comments)
    assert text.splitlines()[len(comments) :] == [
        f"{PYTHON} linux/amd64 {ONE}",
        f"{PYTHON} linux/arm64 {ONE}",
        f"{PYTHON} linux/arm64/v8 {TWO}",
        f"{PYTHON} tag {TWO}",
    ]


def test_platforms_match_as_in_engines() -> None:
    base = LockedBase(Digest.parse(TWO), ((Platform.parse("linux/arm64/v8"), Digest.parse(ONE)),))
    assert base.select(Platform.parse("linux/arm64")) == Digest.parse(ONE)
    assert base.select(Platform.parse("linux/arm/v7")) is None


@pytest.mark.parametrize(
    "line, said",
    [
        pytest.param("<<<<<<< HEAD", "merge conflict.*pants oci-lock", id="conflict"),
        pytest.param("=======", "merge conflict", id="conflict-middle"),
        pytest.param(">>>>>>> other", "merge conflict", id="conflict-end"),
        pytest.param(f"{PYTHON} {ONE}", "expected a reference, a platform", id="two-words"),
        pytest.param(f"{PYTHON} linux/amd64 sha256:beef", "sha256:beef.*64", id="digest"),
        pytest.param(f"{PYTHON} amd64 {ONE}", '"amd64" is not a platform', id="platform"),
        pytest.param(f"python:3.12 tag {ONE}", '"python:3.12" is not in the full form', id="short"),
        pytest.param(f"docker.io/library/python tag {ONE}", "is not in the full form", id="no-tag"),
        pytest.param(f"docker.io/Python:1 tag {ONE}", "lower case", id="not-a-reference"),
        pytest.param(f"docker.io/a/b:12 linux/amd64 {ONE}", 'no line "docker.io/a/b:12 tag', id="no-tag-line"),
    ],
)
def test_errors_name_the_line(line: str, said: str) -> None:
    text = f"# Comment\n\n{PYTHON} tag {ONE}\n{line}\n"
    with pytest.raises(InvalidContent, match=f"(?s)oci.lock, line 4: .*{said}"):
        Lock.parse(text, "oci.lock")


def test_two_digests_for_one_tag() -> None:
    with pytest.raises(InvalidContent, match=r"lines 1 and 3: two digests .*3.12-slim tag.*pants oci-lock"):
        Lock.parse(f"{PYTHON} tag {ONE}\n{PYTHON} linux/amd64 {ONE}\n{PYTHON} tag {TWO}\n")
    assert Lock.parse(f"{PYTHON} tag {ONE}\n" * 2) == Lock({PYTHON: LockedBase(Digest.parse(ONE), ())})

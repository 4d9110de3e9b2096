"""What the pages show can be typed: commands and options exist, programs compile."""

import re
import tomllib
from collections.abc import Iterator

import pytest

from control.settings.fields import leaves
from tests.support.commands import complaint
from tests.support.pages import ROOT, Block, all_pages, blocks, inline_code, relative

_SHELLS = {"sh", "bash", "console"}
_COMMAND = re.compile(r"^(?:[A-Z_]+=\S+ )*(?P<line>(?:\.venv/bin/)?presence(?: .*|$))")
_ENVIRONMENT = re.compile(r"\bPRESENCE_[A-Z_]+\b")

_BLOCKS = [block for page in all_pages() for block in blocks(page)]
# A name for the system as such, not the command.
_NOT_COMMANDS = {"presence"}
_STANDS_FOR_MANY = re.compile(r"…|COMMAND")


def _shown_commands() -> Iterator[tuple[str, str]]:
    for block in _BLOCKS:
        if block.language in _SHELLS:
            for line in block.text.replace("\\\n", " ").splitlines():
                if found := _COMMAND.match(line.strip().removeprefix("$ ")):
                    yield relative(block.page), found["line"].removesuffix(" &")
    for page in all_pages():
        for code in inline_code(page):
            if (found := _COMMAND.match(code)) and code not in _NOT_COMMANDS and not _STANDS_FOR_MANY.search(code):
                yield relative(page), found["line"]


@pytest.mark.parametrize(("page", "line"), sorted(set(_shown_commands())))
def test_every_command_that_is_shown_would_be_understood(page: str, line: str) -> None:
    assert complaint(line) is None


@pytest.mark.parametrize("block", [b for b in _BLOCKS if b.language == "python"], ids=lambda b: relative(b.page))
def test_every_program_that_is_shown_compiles(block: Block) -> None:
    compile(block.text, str(block.page), "exec")


@pytest.mark.parametrize("block", [b for b in _BLOCKS if b.language == "toml"], ids=lambda b: relative(b.page))
def test_every_settings_file_that_is_shown_holds_settings_only(block: Block) -> None:
    known = {leaf.name for leaf in leaves()}

    flat = {
        f"{name}.{inner}" if isinstance(value, dict) else name
        for name, value in tomllib.loads(block.text).items()
        for inner in (value if isinstance(value, dict) else [""])
    }

    assert flat <= known


def test_every_environment_variable_that_is_named_is_a_setting() -> None:
    known = {leaf.env for leaf in leaves()} | {"PRESENCE_CONFIG"}
    tests_only = re.compile("PRESENCE_TEST_[A-Z]+")

    named = {
        (relative(page), name)
        for page in all_pages()
        for name in _ENVIRONMENT.findall(page.read_text(encoding="utf-8"))
        if not name.endswith("_") and not tests_only.fullmatch(name)
    }

    assert {(page, name) for page, name in named if name not in known} == set()


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    shown = "\n".join(block.text for block in _BLOCKS if block.language in _SHELLS)
    named = set(re.findall(r"^make (\w+)", shown, re.MULTILINE))
    named |= {code.split()[1] for page in all_pages() for code in inline_code(page) if re.fullmatch(r"make \w+", code)}

    missing = {target for target in named if not re.search(rf"^{target}\b.*:", makefile, re.MULTILINE)}

    assert named
    assert not missing

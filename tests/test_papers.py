"""The papers of the project agree with each other: versions, commands, licences, keys, terms."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pybtex.database import parse_file

import companion
from benchmarks import __main__ as speed

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SOURCES = sorted((ROOT / "book" / "sources").glob("*.md"))
PAGES = [*sorted((ROOT / "book").glob("*.md")), *SOURCES]
MANUSCRIPTS = sorted((ROOT / "book" / "chapters").glob("*.md"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def named() -> list[Requirement]:
    """Return what pyproject.toml asks for, core and extras."""
    texts = [*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)]
    return [Requirement(text) for text in texts]


def pins(text: str) -> dict[str, list[str]]:
    """Return the versions that a constraints file pins each distribution to."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line := line.partition("#")[0].strip():
            pin = Requirement(line)
            versions = [s.version for s in pin.specifier if s.operator == "=="]
            found.setdefault(canonicalize_name(pin.name), []).extend(versions)
    return found


def unpinned(wanted: list[Requirement], text: str) -> list[str]:
    """Name the requirements without a pin, or with a pin outside their range."""
    table = pins(text)
    faults = []
    for want in wanted:
        versions = table.get(canonicalize_name(want.name), [])
        if not versions or not all(want.specifier.contains(v, prereleases=True) for v in versions):
            faults.append(f"{want}: pinned to {versions}")
    return faults


def targets(makefile: str) -> set[str]:
    """Return the commands of a Makefile: plain lower-case names before a colon."""
    groups = re.findall(r"(?m)^([a-z]+(?: [a-z]+)*):(?!=)", makefile)
    return {name for group in groups for name in group.split()}


def called(text: str) -> set[str]:
    """Return the names that a text calls as ``make NAME`` in code or on a line of its own."""
    return set(re.findall(r"(?:`|^|run: |cpu |&& )make ([a-z]+)(?=`|\s|$)", text, re.M))


def cited(text: str) -> set[str]:
    """Return the keys of every ``{cite}`` role, plain or with a variant."""
    groups = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text)
    return {key.strip() for group in groups for key in group.split(",")}


def terms(page: str) -> list[str]:
    """Return the entries of the glossary directive: its lines that are not indented."""
    match = re.search(r"(?ms)^```\{glossary\}\n(.*?)^```$", page)
    assert match, "the page has no glossary directive"
    return [line for line in match[1].splitlines() if line and not line[0].isspace()]


def examined(page: str) -> set[str]:
    """Return the rows and corrections that an audit page has examined."""
    rows = re.findall(r"(?m)^\| ([A-Z]\d+) \|(?!.*not examined yet)", page)
    return {*rows, *re.findall(r"(?m)^### (F\d+):", page)}


def ours() -> Iterator[Path]:
    """Yield the text files of the project that people write, woven notebooks aside."""
    suffixes = {".cfg", ".cff", ".css", ".md", ".py", ".toml", ".txt", ".yml", ""}
    folders = ("book", "companion", "tests", "benchmarks", ".github", ".ci")
    roots = [path for path in ROOT.iterdir() if path.is_file()]
    nested = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in roots + nested:
        if path.suffix in suffixes and "__pycache__" not in path.parts:
            yield path


# Versions


def test_every_requirement_is_pinned_within_its_range() -> None:
    assert not unpinned(named(), read("constraints.txt"))


def test_a_missing_pin_is_reported() -> None:
    assert unpinned([Requirement("numpy>=2.0")], "scipy==1.0\n")


def test_a_pin_outside_the_range_is_reported() -> None:
    assert unpinned([Requirement("numpy>=2.0")], "numpy==1.26  # too old\n")


def test_constraints_pin_exact_versions() -> None:
    loose = [name for name, versions in pins(read("constraints.txt")).items() if not versions]
    assert not loose


def test_the_version_has_one_source() -> None:
    assert "version" in PROJECT["dynamic"]


def test_the_citation_has_the_version_of_the_package() -> None:
    assert str(yaml.safe_load(read("CITATION.cff"))["version"]) == companion.__version__


def test_the_changelog_tells_of_this_version_or_of_the_next() -> None:
    assert re.search(
        rf"(?m)^## (\[?{re.escape(companion.__version__)}\b|Unreleased)", read("CHANGELOG.md")
    )


# The conda environment


@pytest.fixture(scope="module")
def environment() -> tuple[list[str], list[str]]:
    """Return the conda lines and the pip lines of environment.yml."""
    lines: list[Any] = yaml.safe_load(read("environment.yml"))["dependencies"]
    pip = next(line["pip"] for line in lines if isinstance(line, dict))
    return [line for line in lines if isinstance(line, str)], pip


def test_the_environment_has_a_python_that_the_package_allows(
    environment: tuple[list[str], list[str]],
) -> None:
    python = next(line for line in environment[0] if line.startswith("python="))
    version = python.removeprefix("python=")
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(version)


def test_the_environment_takes_the_verified_versions(
    environment: tuple[list[str], list[str]],
) -> None:
    assert "-c constraints.txt" in environment[1]


def test_the_environment_asks_for_extras_that_exist(
    environment: tuple[list[str], list[str]],
) -> None:
    editable = next(line for line in environment[1] if line.startswith("-e "))
    match = re.fullmatch(r"-e \.\[([\w,]+)\]", editable)
    assert match
    assert set(match[1].split(",")) <= set(EXTRAS)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", ".github/workflows/test.yml"])
def test_install_commands_ask_for_extras_that_exist(name: str) -> None:
    asked = {
        extra for group in re.findall(r'"\.\[([\w,]+)\]"', read(name)) for extra in group.split(",")
    }
    assert asked <= set(EXTRAS)


# Commands


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES, *WORKFLOWS], ids=lambda p: p.name
)
def test_every_make_command_named_exists(path: Path) -> None:
    assert called(path.read_text(encoding="utf-8")) <= targets(read("Makefile"))


def test_a_make_command_that_is_not_there_is_noticed() -> None:
    assert called("Run `make tea`, then\n```\nmake book\n```\n- run: make test") == {
        "tea",
        "book",
        "test",
    }


def test_commands_that_share_a_rule_are_all_found() -> None:
    assert targets("A := b\nreal full: x  ## run\n\t@echo y: z\nbook:\n") == {
        "real",
        "full",
        "book",
    }


def test_the_readme_lists_every_make_command() -> None:
    rows = set(re.findall(r"(?m)^\| `make ([a-z]+)` \|", read("README.md")))
    assert rows == targets(read("Makefile"))


def test_make_help_lists_every_command() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed here")
    done = subprocess.run([make, "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"[a-z]+", done.stdout))
    assert targets(read("Makefile")) <= listed


# Workflows


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_a_workflow_grants_no_more_than_reading_by_default(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_every_step_of_a_workflow_does_one_thing(path: Path) -> None:
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    assert steps
    assert all(("run" in step) != ("uses" in step) for step in steps)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_every_action_is_pinned_to_a_major_version(path: Path) -> None:
    uses = re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", action) for action in uses)


def test_windows_runs_the_plain_commands_of_the_readme() -> None:
    jobs = yaml.safe_load(read(".github/workflows/test.yml"))["jobs"]
    commands = [step["run"] for step in jobs["windows"]["steps"] if "run" in step]
    readme = read("README.md")
    assert all(command.removeprefix("python -m ") in readme for command in commands)


# Licence and address


def test_the_licence_is_the_one_that_the_package_names() -> None:
    assert read("LICENSE").startswith(f"{PROJECT['license']} License\n")


@pytest.mark.parametrize("name", ["README.md", "book/LICENSE.md", "book/index.md"])
def test_readers_are_told_the_licence_of_the_prose(name: str) -> None:
    assert "CC BY 4.0" in read(name)


def test_the_address_of_the_repository_stands_in_one_place() -> None:
    address = yaml.safe_load(read("_config.yml"))["repository"]["url"].rstrip("/")
    slug = address.removeprefix("https://github.com/")
    holders = [path for path in ours() if slug in path.read_text(encoding="utf-8")]
    assert [path.relative_to(ROOT).as_posix() for path in holders] == ["_config.yml"]


# Claims


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_every_claim_that_was_examined_is_held_by_a_test(path: Path) -> None:
    files = (ROOT / "tests" / "claims").glob("test_*.py")
    names = re.findall(r"(?m)^def test(\w+)", "\n".join(f.read_text("utf-8") for f in files))
    held = {id.upper() for name in names for id in re.findall(r"_([a-z]\d+)(?=_)", name)}
    assert examined(path.read_text(encoding="utf-8")) <= held


def test_claims_that_wait_for_their_chapter_are_not_examined() -> None:
    page = "| R8 | a | not examined yet | - |\n| R9 | b | holds | - |\n\n### F1: c"
    assert examined(page) == {"R9", "F1"}


# References and words


def bibliography() -> dict[str, Any]:
    return dict(parse_file(str(ROOT / "book" / "references.bib")).entries)


def test_every_reference_has_an_author_a_title_and_a_year() -> None:
    thin = [
        key
        for key, entry in bibliography().items()
        if not (
            entry.persons.get("author") and entry.fields.get("title") and entry.fields.get("year")
        )
    ]
    assert not thin


def test_every_reference_has_a_doi_or_an_address() -> None:
    assert not [
        key for key, entry in bibliography().items() if not {"doi", "url"} & set(entry.fields)
    ]


def test_references_are_sorted_by_key() -> None:
    assert list(bibliography()) == sorted(bibliography())


@pytest.mark.parametrize("path", [*PAGES, *MANUSCRIPTS], ids=lambda p: p.name)
def test_every_cited_work_is_in_the_bibliography(path: Path) -> None:
    text = re.sub(r"``.*?``", "", path.read_text(encoding="utf-8"))
    assert cited(text) <= set(bibliography())


def test_citations_of_several_works_are_read_one_by_one() -> None:
    assert cited("{cite}`one1990, two1991` and {cite:t}`three1992`") == {
        "one1990",
        "two1991",
        "three1992",
    }


def test_glossary_terms_are_sorted() -> None:
    found = terms(read("book/glossary.md"))
    assert found == sorted(found, key=str.casefold)


def test_glossary_terms_are_unique() -> None:
    found = [term.casefold() for term in terms(read("book/glossary.md"))]
    assert len(found) == len(set(found))


def test_every_glossary_entry_links_to_a_chapter() -> None:
    page = read("book/glossary.md")
    assert len(re.findall(r"(?m) \(\{chapter\}`\w+`\)$", page)) == len(terms(page))


def test_every_glossary_term_is_a_word_of_some_chapter() -> None:
    terms = re.findall(r"(?m)^([^\s`].*)\n  ", read("book/glossary.md"))
    text = " ".join(path.read_text(encoding="utf-8") for path in MANUSCRIPTS).lower()
    assert terms
    assert not [term for term in terms if term.lower() not in text]


def test_the_speed_page_shows_what_was_recorded() -> None:
    assert read("book/speed.md") == speed.page()

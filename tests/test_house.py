"""The order of the house: who imports whom, one stem everywhere, nothing undocumented or idle."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "companion"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
CHAPTERS = re.findall(r"notebooks/(\d\d_\w+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
ROOMS = [stem[3:] for stem in CHAPTERS]  # in the order of the book
# A room of several modules, from the bottom up.
SUITES = {
    "recurrent": ["_scan", "recurrent", "language_model"],
    "som": ["_grid", "som"],
}
# Who stands below may not import who stands above.
FLOORS = [
    ["companion"],
    ["companion.runtime"],
    ["companion.data", "companion.text", "companion.plotting", "companion.results"],
    ["companion.training"],
    *[[f"companion.{module}"] for room in ROOMS for module in SUITES.get(room, [room])],
    ["companion.checks"],
    ["companion.results.keras_writer", "companion.results.language_models"],
    ["companion.results.gradients", "companion.results.maps"],
    ["companion.results.reading", "companion.results.time_series"],
    ["companion.results.runs", "companion.doctor"],
    ["companion.__main__"],
]


def floor(module: str) -> int:
    """How high a module stands; the longest name that fits it decides."""
    inside = [
        (len(name), i)
        for i, names in enumerate(FLOORS)
        for name in names
        if module == name or (name != "companion" and module.startswith(name + "."))
    ]
    assert inside, f"{module} stands on no floor: give it a place in tests/test_house.py"
    return max(inside)[1]


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def public(module: str) -> list[str]:
    return list(getattr(importlib.import_module(module), "__all__", []))


NAMED = {name: path for name, path in MODULES.items() if "._" not in name}
NAMES = [(module, name) for module in NAMED for name in public(module)]


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    ours = {name for name in imports(MODULES[module]) if name in MODULES and name != module}
    family = module.rpartition(".")[0]
    for other in ours:
        siblings = other == family or other.startswith(family + ".")
        lower = floor(other) < floor(module) or (floor(other) == floor(module) and siblings)
        progress_lists_exercises = (module, other) == ("companion.checks.progress", "companion")
        assert lower or progress_lists_exercises, f"{module} imports {other}"


@pytest.mark.parametrize("module", MODULES)
def test_only_plotting_imports_matplotlib_and_only_keras_rooms_keras(module):
    heads = {name.split(".")[0] for name in imports(MODULES[module])}
    assert "matplotlib" not in heads or module.startswith("companion.plotting")
    assert "keras" not in heads or "keras" in module


@pytest.mark.parametrize("module", MODULES)
def test_chance_is_seeded_in_one_place_only(module):
    text = MODULES[module].read_text(encoding="utf-8")
    assert module == "companion.runtime" or "manual_seed(" not in text
    assert module == "companion.runtime" or "random.seed(" not in text


def test_importing_the_package_or_its_checks_loads_nothing_heavy():
    program = (
        "import sys, companion, companion.checks; "
        "print({'torch', 'matplotlib', 'sklearn', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.parametrize("stem", CHAPTERS)
def test_a_chapter_has_the_same_stem_everywhere(stem):
    topic = stem[3:]
    for path in (
        f"book/chapters/{stem}.md",
        f"notebooks/{stem}.ipynb",
        f"notebooks/solutions/{stem}.ipynb",
        f"companion/{topic}.py",
        f"companion/checks/{topic}.py",
        f"tests/test_{topic}.py",
        f"tests/checks/test_{topic}.py",
        f"tests/claims/test_{topic}.py",
    ):
        assert (ROOT / path).exists(), path


def test_no_manuscript_and_no_check_is_without_its_chapter():
    assert {path.stem for path in (ROOT / "book/chapters").glob("*.md")} == set(CHAPTERS)
    checks = {path.stem for path in (PACKAGE / "checks").glob("[a-z]*.py")}
    assert checks - {"pact", "progress"} == set(ROOMS)


@pytest.mark.parametrize("path", MODULES.values(), ids=MODULES)
def test_modules_and_functions_stay_small(path):
    text = path.read_text(encoding="utf-8")
    code = [line for line in text.split("\n") if line.strip()]
    docs = sum(
        len((ast.get_docstring(node, clean=False) or "").split("\n"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    )
    assert len(code) - docs <= (400 if "checks" in path.parts else 300)  # slips are many
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            long = node.end_lineno - node.lineno + 1
            long -= len((ast.get_docstring(node, clean=False) or "").split("\n"))
            assert long <= 40, f"{node.name} has {long} lines of code"


@pytest.mark.parametrize("module", MODULES)
def test_the_first_line_of_a_module_reads_as_a_table_of_contents(module):
    first = ast.get_docstring(ast.parse(MODULES[module].read_text(encoding="utf-8")))
    assert first
    line = first.split("\n")[0]
    assert 20 <= len(line) <= 100
    assert line.endswith((".", "?"))


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_public_name_has_a_docstring_with_what_it_takes_and_gives(module, name):
    thing = getattr(importlib.import_module(module), name)
    if not callable(thing):
        return
    text = inspect.getdoc(thing) or ""
    assert len(text) > 20
    if inspect.isfunction(thing):
        taken = [p for p in inspect.signature(thing).parameters.values() if p.name != "self"]
        told = "Parameters\n" in text or "for the parameters see" in text
        assert not taken or told or len(taken) == 1


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_public_function_has_hints(module, name):
    thing = getattr(importlib.import_module(module), name)
    functions = [thing] if inspect.isfunction(thing) else []
    if inspect.isclass(thing):
        functions = [f for _, f in inspect.getmembers(thing, inspect.isfunction)]
        functions = [f for f in functions if str(PACKAGE) in f.__code__.co_filename]
    for function in functions:
        hints = inspect.signature(function)
        for parameter in hints.parameters.values():
            annotated = parameter.annotation is not parameter.empty
            assert annotated or parameter.name in ("self", "cls", "other"), parameter


@pytest.mark.parametrize("module", [name for name in NAMED if public(name)])
def test_every_module_with_public_names_is_on_the_api_page(module):
    page = (ROOT / "book/api.md").read_text(encoding="utf-8")
    assert f".. automodule:: {module}\n" in page or set(public(module)) <= set(
        public(module.rpartition(".")[0])
    )


def users(module: str) -> str:
    """The text of everything that may use a module: chapters, pages, benchmarks, other modules."""
    files = [
        *(ROOT / "book/chapters").glob("*.md"),
        ROOT / "book/language.md",
        *(ROOT / "benchmarks").glob("*.py"),
        ROOT / "book/weave.py",
        *(path for name, path in MODULES.items() if name != module),
    ]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_no_public_name_is_idle(module, name):
    word = re.compile(rf"\b{name}\b")
    outside = len(word.findall(users(module)))
    passed_on = sum(name in public(other) for other in NAMED if module.startswith(other + "."))
    if inspect.isclass(getattr(importlib.import_module(module), name)):  # returned, raised
        outside += len(word.findall(MODULES[module].read_text(encoding="utf-8"))) - 2
    assert outside > 2 * passed_on, f"nobody uses {module}.{name}"


def test_no_left_overs_and_no_path_of_a_machine():
    left = re.compile(
        r"\b(TODO|FIXME|XXX)\b|# noqa|type: ignore|(?<![\w.])/(?:home|tmp|root|Users|mnt)/"
    )
    folders = ("companion", "book", "benchmarks", "tests")
    files = [p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in {".py", ".md"}]
    for path in set(files) - {Path(__file__)}:
        found = left.search(path.read_text(encoding="utf-8"))
        assert not found, f"{path.relative_to(ROOT)}: {found[0]}"

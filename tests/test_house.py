"""The order of the house: who imports whom, one stem everywhere, nothing undocumented or idle."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jupytext
import yaml

from book import weave

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "companion"


def name_of(path: Path) -> str:
    """The name by which a file is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
CHAPTERS = weave.chapters()
ROOMS = [stem[3:] for stem in CHAPTERS]  # in the order of the book
# Who stands below may not import who stands above.
FLOORS = [
    ["companion"],
    ["companion.runtime", "companion._numbers"],
    ["companion.data", "companion.text", "companion.plotting", "companion.results"],
    ["companion.training"],
    *[[f"companion.{room}"] for room in ROOMS],
    ["companion.checks"],
    ["companion.doctor"],
    ["companion.__main__"],
]
# Inside of a room of several files, from the bottom up; its __init__ only hands on.
INSIDE = {
    "companion.embeddings": ["_corpus", "vectors", "predicting", "counting", "answers"],
    "companion.overfitting": [
        "augmentation",
        "noise",
        "penalties",
        "reader",
        "stopping",
        "validation",
    ],
    "companion.recurrent": ["_scan", "cells", "layers", "writing", "language_model"],
    "companion.som": ["_grid", "map"],
    "companion.torch_pipeline": ["tables", "batches", "metrics", "models", "loop", "files"],
}


def floor(module: str) -> tuple[int, int]:
    """How high a module stands, and how high in its room; the longest name that fits decides."""
    inside = [
        (len(name), i)
        for i, names in enumerate(FLOORS)
        for name in names
        if module == name or (name != "companion" and module.startswith(name + "."))
    ]
    assert inside, f"{module} stands on no floor: give it a place in tests/test_house.py"
    room, _, own = module.rpartition(".")
    files = INSIDE.get(room, [])
    return max(inside)[1], files.index(own) if own in files else len(files) + 99


def imports(tree: ast.AST) -> set[str]:
    """Every module that code imports, wherever in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def public(module: str) -> list[str]:
    """The names that a module offers."""
    return list(getattr(importlib.import_module(module), "__all__", []))


NAMED = [name for name in MODULES if "._" not in name]
THINGS = [
    (f"{module}.{name}", getattr(importlib.import_module(module), name))
    for module in NAMED
    for name in public(module)
]


def test_imports_point_one_way():
    faults = []
    for module, tree in TREES.items():
        for other in imports(tree) & set(MODULES) - {module}:
            family = module.rpartition(".")[0]
            siblings = other == family or other.startswith(family + ".")
            (high, up), (low, down) = floor(module), floor(other)
            same = high == low and siblings and (family not in INSIDE or down < up)
            lists = (module, other) == ("companion.checks.progress", "companion")
            if not (low < high or same or lists):
                faults.append(f"{module} imports {other}")
    assert not faults


def test_only_plotting_imports_matplotlib_and_only_keras_rooms_keras():
    faults = []
    for module, tree in TREES.items():
        heads = {name.split(".")[0] for name in imports(tree)}
        if "matplotlib" in heads and not module.startswith("companion.plotting"):
            faults.append(f"{module} imports matplotlib")
        if "keras" in heads and "keras" not in module:
            faults.append(f"{module} imports keras")
    assert not faults


def test_the_package_does_not_know_its_long_runs_nor_the_book():
    strangers = {"book", "runs", "tests", "benchmarks"}
    assert not [
        module
        for module, tree in TREES.items()
        if strangers & {name.split(".")[0] for name in imports(tree)}
    ]


def test_chance_is_seeded_in_one_place_only():
    faults = []
    for module, path in MODULES.items():
        found = re.search(r"manual_seed\(|random\.seed\(", path.read_text(encoding="utf-8"))
        if found and module != "companion.runtime":
            faults.append(f"{module}: {found[0]}")
    assert not faults


def test_importing_the_package_or_its_checks_loads_nothing_heavy():
    program = (
        "import sys, companion, companion.checks; "
        "print({'torch', 'matplotlib', 'sklearn', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_a_chapter_has_the_same_stem_everywhere():
    missing = []
    for stem in CHAPTERS:
        topic = stem[3:]
        paths = [
            f"book/chapters/{stem}.md",
            f"notebooks/{stem}.ipynb",
            f"notebooks/solutions/{stem}.ipynb",
            f"companion/checks/{topic}.py",
            f"companion/results/{topic}_runs.json",
            f"tests/test_{topic}.py",
            f"tests/checks/test_{topic}.py",
            f"tests/claims/test_{topic}.py",
        ]
        missing += [path for path in paths if not (ROOT / path).exists()]
        if f"companion.{topic}" not in MODULES:
            missing.append(f"companion/{topic}")
    assert not missing


def test_nothing_is_without_its_chapter():
    assert {path.stem for path in (ROOT / "book/chapters").glob("*.md")} == set(CHAPTERS)
    checks = {path.stem for path in (PACKAGE / "checks").glob("[a-z]*.py")}
    assert checks - {"pact", "progress"} == set(ROOMS)
    shared = {"chapter", "imdb", "kinds", "notebook", "processors"}
    assert {path.stem for path in (ROOT / "runs").glob("[a-z]*.py")} - shared <= set(ROOMS)


def lines_of_code(tree: ast.AST, text: str, node: ast.AST | None = None) -> int:
    """How many lines are neither blank nor part of a docstring."""
    said: set[int] = set()
    for one in ast.walk(tree):
        if isinstance(one, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(one):
            said |= set(range(one.body[0].lineno, one.body[0].end_lineno + 1))
    kept = {i for i, line in enumerate(text.split("\n"), 1) if line.strip()} - said
    return len(kept & set(range(node.lineno, node.end_lineno + 1)) if node else kept)


def test_modules_and_functions_stay_small():
    faults = []
    for path in [*MODULES.values(), *(ROOT / "runs").glob("*.py")]:
        text = path.read_text(encoding="utf-8")
        tree, name = ast.parse(text), path.relative_to(ROOT)
        if lines_of_code(tree, text) > (400 if "checks" in path.parts else 300):  # slips are many
            faults.append(f"{name} has {lines_of_code(tree, text)} lines of code")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and lines_of_code(tree, text, node) > 40:
                faults.append(f"{name}: {node.name} is longer than 40 lines of code")
    assert not faults


def test_the_package_stays_small():
    counts = [
        lines_of_code(tree, MODULES[module].read_text(encoding="utf-8"))
        for module, tree in TREES.items()
        if ".checks" not in module
    ]
    assert sum(counts) < 7000


def test_the_first_line_of_a_module_reads_as_a_table_of_contents():
    faults = []
    for module, tree in TREES.items():
        line = (ast.get_docstring(tree) or "").split("\n")[0]
        if not 20 <= len(line) <= 100 or not line.endswith((".", "?")):
            faults.append(f"{module}: {line!r}")
    assert not faults


def test_every_public_name_has_a_docstring_with_what_it_takes_and_gives():
    faults = []
    for name, thing in THINGS:
        text = inspect.getdoc(thing) or ""
        if callable(thing) and len(text) <= 20:
            faults.append(name)
        if inspect.isfunction(thing):
            taken = [p for p in inspect.signature(thing).parameters if p != "self"]
            told = "Parameters\n" in text or "for the parameters see" in text
            if len(taken) > 1 and not told:
                faults.append(f"{name} does not say what it takes")
    assert not faults


def test_every_public_function_has_hints():
    faults = []
    for name, thing in THINGS:
        functions = [thing] if inspect.isfunction(thing) else []
        if inspect.isclass(thing):
            functions = [f for _, f in inspect.getmembers(thing, inspect.isfunction)]
            functions = [f for f in functions if str(PACKAGE) in f.__code__.co_filename]
        for function in functions:
            for parameter in inspect.signature(function).parameters.values():
                bare = parameter.annotation is parameter.empty
                if bare and parameter.name not in ("self", "cls", "other"):
                    faults.append(f"{name}: {parameter}")
    assert not faults


def test_every_module_with_public_names_is_on_the_api_page():
    page = (ROOT / "book/api.md").read_text(encoding="utf-8")
    faults = []
    for module in filter(public, NAMED):
        handed_on = set(public(module)) <= set(public(module.rpartition(".")[0]))
        if f".. automodule:: {module}\n" not in page and not handed_on:
            faults.append(module)
    assert not faults


def trees_of_users() -> Iterator[tuple[str, ast.AST]]:
    """The code of everything that may use the package, with the module it is of, if any."""
    yield from TREES.items()
    for stem in CHAPTERS:
        text = weave.manuscript(stem).read_text(encoding="utf-8")
        cells = [
            c.source for c in jupytext.reads(text, fmt="md:myst").cells if c.cell_type == "code"
        ]
        yield stem, ast.parse("\n".join(cells))
    for folder in ("benchmarks", "runs", "book"):
        for path in (ROOT / folder).rglob("*.py"):
            yield folder, ast.parse(path.read_text(encoding="utf-8"))


def dotted(node: ast.AST) -> str:
    """A chain of names and attributes as text, such as ``checks.som.best_unit``."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def used_names(tree: ast.AST) -> set[str]:
    """The full names of what code takes from the package, by import or by attribute."""
    found, known = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("companion"):
            for alias in node.names:
                found.add(f"{node.module}.{alias.name}")
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            known |= {(a.asname or a.name).split(".")[0]: (a.asname and a.name) or "companion"
                      for a in node.names if a.name.startswith("companion")}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            head, _, rest = dotted(node).partition(".")
            if head in known:
                found.add(f"{known[head]}.{rest}")
    return found


# Promised to readers, and used by no code of the book; the second is typed anew in its chapter.
PROMISED = {"companion.keras_overview.NoisyCrossentropy"}


def test_no_public_name_is_idle():
    users = [(module, used_names(tree)) for module, tree in trees_of_users()]
    idle = []
    for name, thing in THINGS:
        module, _, own = name.rpartition(".")
        parent = module.rpartition(".")[0]
        if getattr(thing, "__module__", module) != module:
            continue  # handed on; where it is made, it is asked for
        names = {name, f"{parent}.{own}"}
        outside = any(names & used for user, used in users if user not in (module, parent))
        inside = any(isinstance(n, ast.Name) and n.id == own for n in ast.walk(TREES[module]))
        if not (outside or (inspect.isclass(thing) and inside)):
            idle.append(name)
    assert set(idle) == PROMISED


def test_no_left_overs_and_no_path_of_a_machine():
    left = re.compile(
        r"\b(TODO|FIXME|XXX)\b|# noqa|type: ignore|(?<![\w.])/(?:home|tmp|root|Users|mnt)/"
    )
    folders = ("companion", "book", "benchmarks", "tests", "runs")
    files = [p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in {".py", ".md"}]
    faults = []
    for path in set(files) - {Path(__file__)}:
        found = left.search(path.read_text(encoding="utf-8"))
        if found:
            faults.append(f"{path.relative_to(ROOT)}: {found[0]}")
    assert not faults


WORKFLOWS = {
    path.stem: yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}


def test_a_workflow_that_follows_another_runs_only_for_a_push_to_this_repository():
    faults = []
    for name, flow in WORKFLOWS.items():
        for job in flow["jobs"].values() if "workflow_run" in flow["on"] else []:
            asked = " ".join(job.get("if", "").split()).split(" && ")
            wanted = {
                "github.event.workflow_run.conclusion == 'success'",
                "github.event.workflow_run.event == 'push'",
                "github.event.workflow_run.head_repository.full_name == github.repository",
            }
            if "needs" not in job and set(asked) != wanted:
                faults.append(f"{name}: {asked}")
    assert "workflow_run" in WORKFLOWS["pages"]["on"]
    assert not faults


def test_a_machine_of_our_own_runs_no_code_of_a_fork():
    jobs = [(name, job) for name, flow in WORKFLOWS.items() for job in flow["jobs"].values()]
    own = [(name, job) for name, job in jobs if "self-hosted" in job["runs-on"]]
    assert [name for name, _ in own] == ["gpu"]
    assert " ".join(own[0][1]["if"].split()) == (
        "github.event_name == 'workflow_dispatch' || (github.event.label.name == 'gpu' && "
        "github.event.pull_request.head.repo.full_name == github.repository)"
    )


def test_a_workflow_may_only_read_unless_a_job_asks_for_more():
    assert {str(flow.get("permissions")) for flow in WORKFLOWS.values()} == {"{'contents': 'read'}"}
    writers = {
        (name, key)
        for name, flow in WORKFLOWS.items()
        for key, job in flow["jobs"].items()
        if "write" in job.get("permissions", {}).values()
    }
    assert writers == {("pages", "deploy")}


def test_no_workflow_hands_its_rights_or_its_shell_to_a_stranger():
    faults = [name for name, flow in WORKFLOWS.items() if "pull_request_target" in flow["on"]]
    for name, flow in WORKFLOWS.items():
        for step in (step for job in flow["jobs"].values() for step in job["steps"]):
            if re.search(r"\$\{\{\s*github\.", step.get("run", "")):
                faults.append(f"{name}: a title or a branch's name would be run: {step['run']}")
            if not re.match(r"actions/|[^@]+@[0-9a-f]{40}\b", step.get("uses", "actions/")):
                faults.append(f"{name}: others' actions are named by their commit: {step['uses']}")
    assert not faults

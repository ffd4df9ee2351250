"""The built pages: complete, readable, and silent towards other hosts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from tests import _browser, _pages

ROOT = Path(__file__).parents[1]
BUILD = "from jupyter_book.cli.main import main; main()"
TOC = (ROOT / "_toc.yml").read_text(encoding="utf-8")
BROWSER = pytest.mark.skipif(
    _browser.find_browser() is None, reason="no browser of the Chromium family is installed"
)
Pages = dict[str, BeautifulSoup]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, int]:
    """Build the book once; give the folder of its pages, what the build said, its exit code."""
    folder = tmp_path_factory.mktemp("book")
    command = [sys.executable, "-c", BUILD, "build", str(ROOT), "-n", "-W"]
    done = subprocess.run(
        [*command, "--keep-going", "--path-output", str(folder)],
        cwd=ROOT,
        env={**os.environ, "COMPANION_QUIET": "1", "NO_COLOR": "1", "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=540,
        check=False,
    )
    said = re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)
    pages = folder / "_build" / "html"
    if not (pages / "index.html").exists():
        pytest.fail("the book does not build:\n" + said[-4000:])
    return pages, said, done.returncode


@pytest.fixture(scope="module")
def folder(build: tuple[Path, str, int]) -> Path:
    return build[0]


@pytest.fixture(scope="module")
def pages(folder: Path) -> Pages:
    paths = [path for path in folder.rglob("*.html") if "_static" not in path.parts]
    return {
        path.relative_to(folder).as_posix(): _pages.parse(path.read_text(encoding="utf-8"))
        for path in sorted(paths)
    }


def complaints(pages: Pages, check: Callable[[BeautifulSoup], list[str]]) -> list[str]:
    return [f"{name}: {fault}" for name, page in pages.items() for fault in check(page)]


def test_the_build_gives_no_warning(build: tuple[Path, str, int]) -> None:
    assert not re.findall(r"^.*\b(?:WARNING|ERROR):.*$", build[1], re.M)


def test_the_build_succeeds(build: tuple[Path, str, int]) -> None:
    assert build[2] == 0, build[1][-2000:]


def test_every_page_of_the_table_of_contents_is_built_and_no_other(pages: Pages) -> None:
    assert not _pages.missing_or_extra(TOC, pages)


def test_no_page_names_another_host_as_a_source(pages: Pages) -> None:
    assert not complaints(pages, _pages.remote_loads)


def test_no_style_sheet_loads_from_another_host(folder: Path) -> None:
    sheets = {path.name: path.read_text(encoding="utf-8") for path in folder.rglob("*.css")}
    assert not [(name, one) for name, css in sheets.items() for one in _pages.remote_styles(css)]


def test_no_reader_sees_raw_tex(pages: Pages) -> None:
    assert not complaints(pages, _pages.raw_tex)


def test_every_picture_has_words_that_stand_for_it(pages: Pages) -> None:
    assert not complaints(pages, _pages.silent_pictures)


def test_no_id_stands_twice_on_a_page(pages: Pages) -> None:
    assert not complaints(pages, _pages.repeated_ids)


def test_every_link_inside_the_book_arrives(pages: Pages, folder: Path) -> None:
    assert not [fault for name in pages for fault in _pages.broken_links(name, pages, folder)]


@pytest.mark.parametrize("name", [one for one in _pages.planned(TOC) if "notebooks/" in one])
def test_the_page_of_a_notebook_shows_each_of_its_cells(pages: Pages, name: str) -> None:
    notebook = (ROOT / f"{name}.ipynb").read_text(encoding="utf-8")
    assert not _pages.hidden_cells(pages[f"{name}.html"], notebook)


@pytest.mark.parametrize("name", [one for one in _pages.planned(TOC) if "notebooks/" in one])
def test_the_page_of_a_notebook_opens_that_notebook(pages: Pages, name: str) -> None:
    assert _pages.launches(pages[f"{name}.html"]) == [f"{name}.ipynb"] * 2


def test_launch_buttons_open_notebooks_that_exist(pages: Pages) -> None:
    assert not complaints(pages, partial(_pages.wrong_launches, root=ROOT))


def test_every_page_has_one_search_box(pages: Pages) -> None:
    counts = {name: len(_pages.search_boxes(pages[f"{name}.html"])) for name in _pages.planned(TOC)}
    assert set(counts.values()) == {1}, counts


class Quiet(SimpleHTTPRequestHandler):
    """A server that writes no log."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as httpd:
        httpd.daemon_threads = True
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


Tour = tuple[list[_browser.Visit], str]


def travel(base: str, pages: Pages, log: Path, width: int) -> Tour:
    """Open every page once; give what happened, and the browser's network log."""
    visits = _browser.visit([f"{base}/{name}" for name in pages], log, width=width)
    return visits, log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def phone(server: str, pages: Pages, tmp_path_factory: pytest.TempPathFactory) -> Tour:
    """Read the book from a server, on a phone's width."""
    return travel(server, pages, tmp_path_factory.mktemp("log") / "net.json", 360)


@pytest.fixture(scope="module")
def desk(folder: Path, pages: Pages, tmp_path_factory: pytest.TempPathFactory) -> Tour:
    """Read the book from files, in the narrowest window that shows both sidebars."""
    return travel(folder.as_uri(), pages, tmp_path_factory.mktemp("log") / "net.json", 1200)


@pytest.fixture(params=["phone", "desk"])
def tour(request: pytest.FixtureRequest) -> Tour:
    found: Tour = request.getfixturevalue(request.param)
    return found


@BROWSER
def test_a_browser_asks_no_other_host(tour: Tour) -> None:
    assert not _pages.other_hosts(address for visit in tour[0] for address in visit.requests)


@BROWSER
def test_the_network_log_of_the_browser_names_no_other_host(tour: Tour) -> None:
    assert not _pages.other_hosts(_pages.logged_requests(tour[1]))


@BROWSER
def test_a_browser_finds_every_file_that_a_page_asks_for(tour: Tour) -> None:
    assert not {visit.address: visit.failed for visit in tour[0] if visit.failed}


@BROWSER
def test_no_page_writes_an_error_to_the_console(tour: Tour) -> None:
    # The page that forwards to the book names no icon, so a browser may look for one.
    errors = {
        visit.address: [e for e in visit.errors if not e.endswith("/favicon.ico")]
        for visit in tour[0]
    }
    assert not {address: found for address, found in errors.items() if found}


@BROWSER
def test_no_page_scrolls_sideways_on_a_phone(phone: Tour) -> None:
    assert not {visit.address: visit.width for visit in phone[0] if visit.width > 360}


@BROWSER
def test_no_page_scrolls_sideways_on_a_desk(desk: Tour) -> None:
    assert not {visit.address: visit.width for visit in desk[0] if visit.width > 1200}


@BROWSER
def test_code_of_76_characters_needs_no_scrolling_on_a_desk(desk: Tour) -> None:
    cut = [
        (visit.address, line)
        for visit in desk[0]
        for line in (max(text.splitlines(), key=len) for text in visit.scrolling)
        if len(line) <= 76
    ]
    assert not cut

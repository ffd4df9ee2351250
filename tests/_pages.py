"""What must hold for a built page: each check takes a page and returns its complaints."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup
from bs4.element import Tag

LOADING = {  # the attributes by which a page makes a browser load something
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
REMOTE = re.compile(r"^\s*(?:[a-z]+:)?//", re.I)
CSS_ADDRESS = re.compile(r"(?:url\(\s*|@import\s+)[\"']?((?:[a-z]+:)?//[^\"')\s;]+)", re.I)
SCRIPT_ADDRESS = re.compile(r"[\"'`]((?:https?:)?//[\w-]+\.[\w./-]+)", re.I)
TEX = re.compile(r"\\[a-zA-Z]{2,}|\\[()\[\]]|\$\$|(?<![\w$])\$[^$\s][^$\n]*[\\^_{][^$\n]*\$")
FILE_NAME = re.compile(r"\.(?:gif|jpe?g|png|svg|webp)$", re.I)
BUILDERS = ("colab.research.google.com", "mybinder.org")


def parse(text: str) -> BeautifulSoup:
    """Return a page as a tree."""
    return BeautifulSoup(text, "html.parser")


def remote_loads(page: BeautifulSoup) -> list[str]:
    """Name what a page would load from another host."""
    found = []
    for name, attributes in LOADING.items():
        for element in page.find_all(name):
            if name == "link" and "canonical" in element.get("rel", []):
                continue
            found += [
                f"<{name} {attribute}={element[attribute]!r}>"
                for attribute in attributes
                if REMOTE.search(str(element.get(attribute, "")))
            ]
    for element in page.find_all("script", src=False):
        found += [f"script holds {one}" for one in SCRIPT_ADDRESS.findall(element.get_text())]
    for element in page.find_all("style"):
        found += remote_styles(element.get_text())
    for element in page.find_all(style=True):
        found += remote_styles(str(element["style"]))
    return found


def remote_styles(css: str) -> list[str]:
    """Name what a style sheet would load from another host."""
    return [f"style sheet loads {address}" for address in CSS_ADDRESS.findall(css)]


def raw_tex(page: BeautifulSoup) -> list[str]:
    """Name the TeX that a reader would see outside of code."""
    text = "".join(
        part
        for part in page.find_all(string=True)
        if type(part).__name__ == "NavigableString"
        and not part.find_parents(["code", "pre", "script", "style", "kbd"])
    )
    return [f"raw TeX {found}" for found in TEX.findall(text)]


def silent_pictures(page: BeautifulSoup) -> list[str]:
    """Name the pictures without words that stand for them."""
    faults = []
    for image in page.find_all("img"):
        alt = str(image.get("alt", "")).strip()
        if not alt or FILE_NAME.search(alt):
            faults.append(f"the image {image.get('src')} has the alt text {alt!r}")
    for svg in page.find_all("svg", role="img"):
        named = page.find(id=svg.get("aria-labelledby", "?"))
        words = str(svg.get("aria-label", "")) or (named.get_text() if named else "")
        if len(words.strip()) < 20 or FILE_NAME.search(words):
            faults.append(f"a figure has the text alternative {words!r}")
    faults += [
        "a figure's SVG is not marked as an image"
        for figure in page.select("figure.nb-figure")
        if not figure.select('svg[role="img"]')
    ]
    return faults


def repeated_ids(page: BeautifulSoup) -> list[str]:
    """Name the ids that stand on a page more than once."""
    ids = [str(element["id"]) for element in page.find_all(id=True)]
    return [f"the id {one} stands twice" for one in sorted({i for i in ids if ids.count(i) > 1})]


def broken_links(name: str, pages: Mapping[str, BeautifulSoup], folder: Path) -> list[str]:
    """Name the links of a page that lead to no file or to no place in one."""
    faults = []
    for link in pages[name].find_all("a", href=True):
        parts = urlsplit(str(link["href"]))
        if parts.scheme or parts.netloc:
            continue
        target = (folder / name).parent / unquote(parts.path) if parts.path else folder / name
        target = target.resolve()
        place = target.relative_to(folder.resolve()).as_posix()
        known = pages.get(place)
        if known is None and not target.is_file():
            faults.append(f"{name} links to {link['href']}, which is not there")
        elif known is not None and parts.fragment not in ("", "top"):
            anchor = unquote(parts.fragment)
            if not (known.find(id=anchor) or known.find(attrs={"name": anchor})):
                faults.append(f"{name} links to {link['href']}, a place that is not there")
    return faults


def planned(toc: str) -> list[str]:
    """Return the pages that a table of contents names."""
    plan = yaml.safe_load(toc)
    chapters = [chapter for part in plan["parts"] for chapter in part["chapters"]]
    return [plan["root"], *(chapter["file"] for chapter in chapters)]


def missing_or_extra(toc: str, built: Iterable[str]) -> list[str]:
    """Compare the pages that were built with the table of contents."""
    made_by_theme = {"genindex", "index", "py-modindex", "search"}
    want = set(planned(toc))
    have = {name.removesuffix(".html") for name in built} - made_by_theme
    return [f"{name} was not built" for name in sorted(want - have)] + [
        f"{name} was built and is not in the table of contents" for name in sorted(have - want)
    ]


def hidden_cells(page: BeautifulSoup, notebook: str) -> list[str]:
    """Name the code cells of a notebook that its page does not show."""
    shown = [_squeezed(block.get_text()) for block in page.select("div.cell_input pre")]
    faults = []
    for cell in json.loads(notebook)["cells"]:
        kept_out = {"remove-cell", "remove-input"} & set(cell["metadata"].get("tags", []))
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and source.strip() and not kept_out:
            if _squeezed(source) in shown:
                shown.remove(_squeezed(source))
            else:
                faults.append(f"the page lacks the cell {source[:60]!r}")
    return faults


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def launches(page: BeautifulSoup) -> list[str]:
    """Return the paths in the repository that a page's launch buttons open."""
    paths = []
    for link in page.find_all("a", href=True):
        parts = urlsplit(str(link["href"]))
        if parts.netloc in BUILDERS:
            found = re.search(r"(?:/blob/[^/]+/|urlpath=(?:lab/)?tree/)([^&#]+)", link["href"])
            paths.append(unquote(found[1]) if found else str(link["href"]))
    return paths


def wrong_launches(page: BeautifulSoup, root: Path) -> list[str]:
    """Name the launch buttons that open no notebook of the repository."""
    return [
        f"a launch button opens {path}"
        for path in launches(page)
        if not path.endswith(".ipynb") or not (root / path).is_file()
    ]


def search_boxes(page: BeautifulSoup) -> list[Tag]:
    """Return the places where a reader can type a search."""
    return page.select('input[type="search"]')


def other_hosts(addresses: Iterable[str], own: str = "127.0.0.1") -> list[str]:
    """Return the addresses on the network that are not on this machine."""
    return [
        address
        for address in addresses
        if urlsplit(address).scheme in ("http", "https", "ws", "wss")
        and urlsplit(address).hostname not in (own, "localhost")
    ]


def logged_requests(netlog: str) -> list[str]:
    """Return the addresses that pages asked for, from a browser's log of its network.

    What the browser asks for on its own behalf has no page as its origin, and opens no frame.
    """
    log = json.loads(netlog)
    start = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    events = [event.get("params", {}) for event in log["events"] if event["type"] == start]
    return [
        event["url"]
        for event in events
        if "url" in event
        and (event.get("initiator") != "not an origin" or "frame" in event.get("request_type", ""))
    ]

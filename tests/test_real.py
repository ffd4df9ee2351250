"""Real data from folders, caches and a hub of the test's own, and what is said without them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import datasets
import huggingface_hub
import pyarrow
import pyarrow.parquet
import pytest

from companion.data import real

ROOT = Path(__file__).parents[1]
FILMS = [{"text": "good", "label": 1}, {"text": "bad", "label": 0}, {"text": "long", "label": 0}]
MIRROR = Path(os.environ.get("COMPANION_MIRROR") or "none").absolute()
TEXTS = Path(os.environ.get("COMPANION_TEXTS") or "none").absolute()
SONNET = "From fairest creatures\nwe desire increase, «naïve».\r\n\tThat\n"


def put(root, name="owner/films", *, file="test.parquet", rows=FILMS, configs=("default",)):
    """Write a data set in the hub's layout: one file for each configuration."""
    folder = root / name
    header = "".join(
        f"- config_name: {config}\n  data_files:\n  - split: {file.partition('.')[0]}\n"
        f"    path: {config}/{file}\n"
        for config in configs
    )
    for config in configs:
        (folder / config).mkdir(parents=True, exist_ok=True)
        if file.endswith(".parquet"):
            table = pyarrow.Table.from_pylist(rows)
            pyarrow.parquet.write_table(table, folder / config / file)
        else:
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / config / file).write_text(lines, encoding="utf-8")
    (folder / "README.md").write_text(f"---\nconfigs:\n{header}---\nFilms.\n", encoding="utf-8")
    return folder


def reason(*args, loader=real.load, **options):
    """Return the one line with which the data are refused."""
    with pytest.raises(real.NotThere) as caught:
        loader(*args, **options)
    error = caught.value  # a reader sees no wall of the library's own errors with it:
    assert error.__context__ is None or error.__suppress_context__
    line = str(error)
    assert "\n" not in line
    return line


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """A hub that refuses every connection, empty caches, no folder, and libraries that talk."""
    monkeypatch.delenv("COMPANION_MIRROR", raising=False)
    monkeypatch.delenv("COMPANION_TEXTS", raising=False)
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.enable_progress_bars()
    huggingface_hub.utils.enable_progress_bars()
    for name in ("datasets", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.WARNING)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """An empty mirror."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("COMPANION_MIRROR", str(folder))
    return folder


@pytest.fixture
def cached(tmp_path):
    """The folder of the data set owner/films in the cache, as if it came from the hub."""
    cache = tmp_path / "cache"
    source = put(tmp_path / "source")
    datasets.load_dataset(str(source), cache_dir=cache)
    (cache / "films").rename(cache / "owner___films")
    return next((cache / "owner___films").glob("default/*/*/"))


@pytest.mark.parametrize("file", ["test.parquet", "test.jsonl"])
def test_a_mirror_gives_its_rows(mirror, file):
    put(mirror, file=file)
    assert real.load("owner/films", "test").to_list() == FILMS


def test_a_part_of_a_split_can_be_asked_for(mirror):
    put(mirror)
    assert real.load("owner/films", "test[:2]").to_list() == FILMS[:2]


def test_one_of_several_configurations_is_chosen_by_its_name(mirror):
    put(mirror, configs=["en", "de"])
    (mirror / "owner/films/de/test.parquet").write_bytes(b"")
    assert real.load("owner/films", "test", config="en").to_list() == FILMS


def test_without_a_choice_the_configurations_are_named(mirror):
    put(mirror, configs=["en", "de"])
    assert "['en', 'de']" in reason("owner/films", "test")


def test_a_mirror_is_read_as_it_is_now(mirror):
    put(mirror)
    real.load("owner/films", "test")
    put(mirror, rows=FILMS[:1])
    assert real.load("owner/films", "test").to_list() == FILMS[:1]


def test_two_mirrors_are_not_taken_for_each_other(mirror, tmp_path, monkeypatch):
    put(mirror)
    real.load("owner/films", "test")
    put(tmp_path / "other", rows=FILMS[::-1])
    monkeypatch.setenv("COMPANION_MIRROR", str(tmp_path / "other"))
    assert real.load("owner/films", "test").to_list() == FILMS[::-1]


def test_reading_a_mirror_leaves_no_file_behind(mirror, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    put(mirror)
    before = set(tmp_path.rglob("*"))
    rows = real.load("owner/films", "test")
    assert set(tmp_path.rglob("*")) == before
    assert rows.map(lambda row: {"letters": len(row["text"])})["letters"][:] == [4, 3, 4]
    assert set(tmp_path.rglob("*")) == before


def settings():
    """What the libraries could leave changed."""
    return (
        [logging.getLogger(name).level for name in ("datasets", "huggingface_hub")],
        datasets.are_progress_bars_disabled(),
        huggingface_hub.utils.are_progress_bars_disabled(),
        datasets.config.HF_HUB_OFFLINE,
        list(warnings.filters),
    )


@pytest.mark.parametrize("split", ["test", "nowhere"])
def test_a_mirror_is_read_without_a_word_and_settings_stay(mirror, capfd, split):
    put(mirror)
    before = settings()
    try:
        real.load("owner/films", split)
    except real.NotThere:
        assert split == "nowhere"
    assert capfd.readouterr() == ("", "")
    assert settings() == before


def test_the_cache_is_read_without_a_word_and_settings_stay(cached, capfd):
    before = settings()
    capfd.readouterr()
    assert real.load("owner/films", "test").to_list() == FILMS
    assert capfd.readouterr() == ("", "")
    assert settings() == before


def test_what_the_library_warns_of_is_not_passed_on(monkeypatch):
    monkeypatch.setattr(
        datasets, "load_dataset", lambda **wanted: warnings.warn("old", stacklevel=1)
    )
    assert real.load("owner/films", "test") is None  # and no error, which a warning here is


def test_what_the_mirror_lacks_comes_from_the_cache(mirror, cached):
    put(mirror, "owner/books", rows=FILMS[:1])
    assert real.load("owner/films", "test").to_list() == FILMS


def test_the_mirror_goes_before_the_cache(mirror, cached):
    put(mirror, rows=FILMS[:1])
    assert real.load("owner/films", "test").to_list() == FILMS[:1]


def test_without_a_network_it_gives_up_within_seconds():
    start = time.monotonic()
    line = reason("owner/films", "test")
    assert time.monotonic() - start < 7
    assert "Connection refused" in line or "refused it" in line  # as systems say it
    assert "set COMPANION_MIRROR" in line


def test_a_hub_that_is_down_is_left_alone(monkeypatch):
    down = SimpleNamespace(head=lambda hub, timeout: SimpleNamespace(status_code=503))
    monkeypatch.setattr(huggingface_hub, "get_session", lambda: down)
    assert "http://127.0.0.1:9 answers 503" in reason("owner/films", "test")


def test_offline_the_hub_is_not_even_asked(monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    assert "OfflineModeIsEnabled" in reason("owner/films", "test")


def test_without_the_library_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert 'pip install -c constraints.txt -e ".[real]"' in reason("owner/films", "test")


@pytest.mark.parametrize("place", ["nowhere", "a file"])
def test_a_mirror_that_is_no_folder_is_named(tmp_path, monkeypatch, place):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("COMPANION_MIRROR", str(tmp_path / place))
    line = reason("owner/films", "test")
    assert line.startswith("COMPANION_MIRROR must be the full path of a folder")
    assert place in line


def test_where_it_looked_is_told_in_order(mirror):
    line = reason("owner/films", "test")
    assert (
        line.index(f"the mirror {mirror}")
        < line.index("the cache (it is not")
        < line.index("the hub")
    )


def test_an_unknown_split_hears_which_there_are(mirror):
    put(mirror)
    assert "['test']" in reason("owner/films", "tset")


def test_an_unknown_split_of_the_cache_hears_which_there_are(cached):
    line = reason("owner/films", "tset")
    assert "['test']" in line
    assert "delete" not in line


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("test.parquet", b"PAR1 and then no table", "Parquet magic bytes not found"),
        ("test.parquet", b"", "0 bytes"),
        ("test.jsonl", b'{"text": "good"}\n{"text": ', "JSON parse error"),
        ("README.md", b"---\nconfigs: [\n---\n", "expected"),
    ],
    ids=["no parquet", "an empty file", "half a line", "a broken header"],
)
def test_a_broken_file_in_the_mirror_is_told(mirror, file, content, words):
    folder = put(mirror, file=file if file != "README.md" else "test.parquet")
    (folder / file if file == "README.md" else folder / "default" / file).write_bytes(content)
    line = reason("owner/films", "test")
    assert line.startswith(str(folder))
    assert words in line


def test_an_empty_folder_in_the_mirror_is_told(mirror):
    (mirror / "owner/films").mkdir(parents=True)
    assert "doesn't contain any data files" in reason("owner/films", "test")


def test_a_half_written_file_in_the_cache_is_told_and_stays(cached):
    file = cached / "films-test.arrow"
    file.write_bytes(file.read_bytes()[:100])
    assert f"delete what is broken in {cached.parents[2]}" in reason("owner/films", "test")
    assert file.stat().st_size == 100


def test_a_download_that_was_cut_off_is_told_and_stays(cached):
    cut = cached.with_name("later.incomplete")
    cut.mkdir()
    assert "later.incomplete" in reason("owner/films", "test")
    assert cut.is_dir()


def test_a_cache_that_cannot_be_written_is_told(monkeypatch):
    def refuse(*args, **options):
        raise PermissionError(13, "Permission denied", "a lock")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    assert "set HF_HOME" in reason("owner/films", "test")


def test_a_folder_of_the_same_name_is_not_taken_for_the_hubs():
    put(Path())
    assert str(Path("owner/films").absolute()) in reason("owner/films", "test")


def test_an_empty_setting_names_no_mirror(monkeypatch):
    monkeypatch.setenv("COMPANION_MIRROR", "")
    put(Path())  # where an empty path leads to
    assert "work in another folder" in reason("owner/films", "test")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "films",
        "a/b/c",
        "/etc/films",
        "../films",
        "owner/..",
        "owner/.x",
        "o\\f",
        "o/f\n",
        "ö/f",
    ],
)
def test_what_cannot_be_a_name_is_refused(mirror, name):
    with pytest.raises(ValueError, match=r"name must (be owner/name|not be empty)"):
        real.load(name, "test")


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((3, "test"), {}),
        (("o/f", None), {}),
        (("o/f", ["test"]), {}),
        (("o/f", "x"), {"config": 1}),
    ],
)
def test_what_is_no_text_is_refused(arguments, options):
    with pytest.raises(TypeError, match="must be a str"):
        real.load(*arguments, **options)


def test_importing_it_loads_nothing_heavy():
    program = (
        "import sys, companion.data.real; "
        "print({'datasets', 'huggingface_hub', 'pandas', 'pyarrow', 'torch'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as it takes to give away the films."""

    protocol_version = "HTTP/1.1"
    commit = "1" * 40

    def do_GET(self):
        path = self.path.partition("?")[0]
        file = self.server.folder / path.rpartition(f"/resolve/{self.commit}/")[2]
        if path.endswith("/resolve/main/README.md"):
            file = self.server.folder / "README.md"
        if path == "/":
            self.answer(200)
        elif not path.startswith(("/datasets/owner/films/", "/api/datasets/owner/films/")):
            self.answer(401, error="RepoNotFound")
        elif "/tree/" in path:
            inside = path.partition(f"/tree/{self.commit}")[2].strip("/")
            found = [
                {
                    "type": "directory" if child.is_dir() else "file",
                    "path": child.relative_to(self.server.folder).as_posix(),
                    "size": child.stat().st_size,
                    "oid": "0" * 40,
                }
                for child in (self.server.folder / inside).iterdir()
            ]
            self.answer(200, json.dumps(found).encode())
        elif "/revision/" in path:
            self.answer(200, json.dumps({"id": "owner/films", "sha": self.commit}).encode())
        elif file.is_file():
            self.answer(200, file.read_bytes())
        else:
            self.answer(404, error="EntryNotFound")

    do_HEAD = do_GET

    def answer(self, status, body=b"", *, error=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{abs(hash(body))}"')
        self.send_header("X-Repo-Commit", self.commit)
        if error:
            self.send_header("X-Error-Code", error)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


def ask(hub, home, *names):
    """Load by name in a fresh process, and return what each gave, or why it did not."""
    program = (
        "import sys, json\n"
        "from companion.data import real\n"
        "found = []\n"
        "for name in sys.argv[1:]:\n"
        "    try: found.append(real.load(name, 'test').to_list())\n"
        "    except real.NotThere as why: found.append(str(why))\n"
        "print(json.dumps(found))\n"
    )
    settings = {
        "HF_ENDPOINT": hub,
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "0",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
    }
    command = [sys.executable, "-c", program, *names]
    done = subprocess.run(
        command, env={**os.environ, **settings}, cwd=home, capture_output=True, text=True
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_the_hub_gives_the_rows_once_and_then_the_cache_does(tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        server.folder = put(tmp_path / "hub")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hub = f"http://127.0.0.1:{server.server_port}"
        home = tmp_path / "home"
        home.mkdir()
        rows, line = ask(hub, home, "owner/films", "owner/none")
        server.shutdown()
    assert rows == FILMS
    assert "Dataset 'owner/none' doesn't exist on the Hub" in line
    assert ask(hub, home, "owner/films") == [FILMS]


class Door(BaseHTTPRequestHandler):
    """A hub that answers every knock with one status."""

    def do_HEAD(self):
        self.server.knocks += 1
        self.send_response(self.server.status)
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *args):
        pass


@pytest.fixture
def door(monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        server.knocks, server.status = 0, 200
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        hub = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(datasets.config, "HF_ENDPOINT", hub)
        yield server
        server.shutdown()


def test_a_hub_that_is_out_of_order_is_told_and_not_asked_again(door):
    door.status = 500
    assert "answers 500" in reason("owner/films", "test")
    assert door.knocks == 1


@pytest.mark.parametrize("status", [200, 404, 499])
def test_a_hub_that_answers_at_all_counts_as_there(door, status):
    door.status = status
    real._knock(datasets.config.HF_ENDPOINT)
    assert door.knocks == 1


class Shelf(BaseHTTPRequestHandler):
    """A place that gives the sonnet, as well as it is told to."""

    def do_GET(self):
        self.server.asked += 1
        body = SONNET.encode()
        if self.server.mood == "silent":
            return self.server.closing.wait(2)
        self.send_response(404 if self.server.mood == "gone" else 200)
        if self.server.mood != "endless":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.mood == "half":
            return self.wfile.write(body[:20])
        if self.server.mood == "changed":
            return self.wfile.write(body[::-1])
        if self.server.mood == "endless":
            body *= 300_000
        with contextlib.suppress(ConnectionError):
            return self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def shelf(monkeypatch):
    """A server of the test's own, with the sonnet and nothing else."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Shelf) as server:
        server.mood, server.asked, server.closing = "kind", 0, threading.Event()
        server.daemon_threads = False  # the last answer is over when the server is closed
        address = f"http://127.0.0.1:{server.server_port}/sonnet"
        digest = hashlib.sha256(SONNET.encode()).hexdigest()
        monkeypatch.setattr(real, "TEXTS", {"sonnet": (address, digest)})
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server
        server.closing.set()
        server.shutdown()


@pytest.fixture
def kept(tmp_path):
    """Where the sonnet is kept."""
    return tmp_path / "home/texts/sonnet.txt"


def no_text():
    """Return the one line with which the sonnet is refused."""
    return reason("sonnet", loader=real.text)


def test_a_text_comes_as_it_is_to_the_byte(shelf, kept):
    assert real.text("sonnet") == SONNET
    assert kept.read_bytes() == SONNET.encode()


def test_a_text_is_fetched_once(shelf):
    real.text("sonnet")
    assert real.text("sonnet") == SONNET
    assert shelf.asked == 1


def test_a_text_in_a_readers_folder_is_not_fetched(shelf, kept, tmp_path, monkeypatch):
    (tmp_path / "sonnet.txt").write_bytes(SONNET.encode())
    monkeypatch.setenv("COMPANION_TEXTS", str(tmp_path))
    assert real.text("sonnet") == SONNET
    assert shelf.asked == 0
    assert not kept.exists()


def test_a_text_that_the_readers_folder_lacks_is_fetched_and_not_put_there(
    shelf, tmp_path, monkeypatch
):
    monkeypatch.setenv("COMPANION_TEXTS", str(tmp_path / "work"))
    assert real.text("sonnet") == SONNET
    assert not list((tmp_path / "work").iterdir())


def test_a_folder_for_texts_that_is_not_there_is_named(shelf, tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_TEXTS", str(tmp_path / "nowhere"))
    line = no_text()
    assert line.startswith("COMPANION_TEXTS must be the full path of a folder")
    assert "nowhere" in line


def test_an_empty_setting_names_no_folder_for_texts(shelf, kept, monkeypatch):
    monkeypatch.setenv("COMPANION_TEXTS", "")
    Path("sonnet.txt").write_text("where an empty path leads to")
    assert real.text("sonnet") == SONNET


def test_a_readers_folder_goes_before_what_was_kept(shelf, tmp_path, monkeypatch):
    real.text("sonnet")
    (tmp_path / "sonnet.txt").write_bytes(b"my own notes")
    monkeypatch.setenv("COMPANION_TEXTS", str(tmp_path))
    assert str(tmp_path / "sonnet.txt") in no_text()


@pytest.mark.parametrize("where", ["home/texts", "mine"])
def test_a_file_that_is_another_text_is_named_and_left_alone(shelf, tmp_path, monkeypatch, where):
    file = tmp_path / where / "sonnet.txt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"my own notes")
    if where == "mine":
        monkeypatch.setenv("COMPANION_TEXTS", str(file.parent))
    assert no_text().startswith(f"{file} is not sonnet")
    assert file.read_bytes() == b"my own notes"
    assert shelf.asked == 0


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("half", "20 bytes"),
        ("changed", f"{len(SONNET.encode())} bytes"),
        ("endless", "10000000 bytes"),
        ("gone", "404"),
        ("silent", "timed out"),
    ],
)
def test_a_fetch_that_fails_is_told_and_leaves_nothing(shelf, tmp_path, monkeypatch, mood, words):
    monkeypatch.setattr(real, "PATIENCE", 0.3)
    shelf.mood = mood
    assert words in no_text()
    assert not (tmp_path / "home").exists()


def test_without_a_network_it_says_where_to_put_the_text(shelf, kept, monkeypatch):
    monkeypatch.setitem(real.TEXTS, "sonnet", ("http://127.0.0.1:9/sonnet", ""))
    line = no_text()
    assert "refused" in line
    assert line.endswith(f"save http://127.0.0.1:9/sonnet as {kept}")


def test_a_text_put_by_hand_where_it_was_said_is_found(shelf, kept, monkeypatch):
    monkeypatch.setitem(real.TEXTS, "sonnet", ("http://127.0.0.1:9/", real.TEXTS["sonnet"][1]))
    where = Path(no_text().rpartition(" as ")[2])
    where.parent.mkdir(parents=True)
    where.write_bytes(SONNET.encode())
    assert real.text("sonnet") == SONNET


def test_what_is_kept_is_what_was_checked(shelf, kept, monkeypatch):
    def careless(path, content):
        path.parent.mkdir(parents=True)
        path.write_text(content[:-1], newline="\n")

    monkeypatch.setattr(real, "write_whole", careless)
    assert no_text().startswith(f"{kept} is not sonnet")


def test_a_disk_that_is_full_is_told_and_leaves_nothing(shelf, kept, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    line = no_text()
    assert "No space left on device" in line
    assert "COMPANION_HOME" in line
    assert not list(kept.parent.iterdir())


def test_a_home_that_cannot_be_written_is_told(shelf, tmp_path):
    (tmp_path / "home").write_text("a file, where a folder is to be made")
    line = no_text()
    assert str(tmp_path / "home") in line
    assert "set COMPANION_TEXTS to a folder with it, or COMPANION_HOME" in line


@pytest.mark.parametrize("name", ["hamlet", "", "../sonnet", 3, None, ["sonnet"]])
def test_a_text_that_nobody_knows_hears_which_there_are(shelf, name):
    with pytest.raises(ValueError, match="name must be one of sonnet, got"):
        real.text(name)


def real_data(name):
    """Skip a test where the mirror lacks a data set."""
    there = (MIRROR / name).is_dir()
    return pytest.mark.skipif(not there, reason=f"COMPANION_MIRROR names no folder with {name}")


@pytest.mark.skipif(
    not (TEXTS / "tiny_shakespeare.txt").exists(),
    reason="COMPANION_TEXTS names no folder with tiny_shakespeare.txt",
)
def test_shakespeare_is_whole(monkeypatch):
    monkeypatch.setenv("COMPANION_TEXTS", str(TEXTS))
    assert len(real.text("tiny_shakespeare")) == 1_115_394


@real_data("stanfordnlp/imdb")
def test_imdb_tests_on_as_many_good_as_bad_reviews(monkeypatch):
    monkeypatch.setenv("COMPANION_MIRROR", str(MIRROR))
    reviews = real.load("stanfordnlp/imdb", "test")
    assert Counter(reviews["label"]) == {0: 12_500, 1: 12_500}


@real_data("bentrevett/multi30k")
def test_multi30k_pairs_sentences_of_two_languages(monkeypatch):
    monkeypatch.setenv("COMPANION_MIRROR", str(MIRROR))
    pairs = real.load("bentrevett/multi30k", "validation")
    assert (pairs.num_rows, set(pairs.column_names)) == (1_014, {"en", "de"})

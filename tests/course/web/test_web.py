"""The web edition in small: captions, links, what is laid out, and what is refused."""

from __future__ import annotations

import json
import posixpath
import re
import zipfile
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urldefrag
from xml.etree import ElementTree

import nbformat
import pytest
from helpers.browsing import browser, lacking, npm_packages

from minitorch_attn.course.sources.text import ROOT, SourceError
from minitorch_attn.course.web import build, paper, prepare

NOTEBOOKS, EXERCISES = PurePosixPath("notebooks"), PurePosixPath("exercises")


@pytest.fixture(scope="module")
def site() -> prepare.Site:
    return prepare.Site(ROOT)


def test_the_caption_of_a_figure_is_read_aloud() -> None:
    assert prepare.caption("*Small $h$: it `runs`,\nsee [06](06.ipynb).*\n\nMore.") == (
        "Small h: it runs, see 06."
    )
    assert prepare.caption(r"*The terms $\mathbf w_1, \alpha_{i}$ and **all***") == (
        "The terms w_1, alpha_i and all"
    )
    assert prepare.caption(r"*$\tfrac16$, $\frac{1}{n} \times \varepsilon$.*") == "1/6, 1/n × ε."
    assert prepare.caption("**Bold** is no caption") == ""
    assert prepare.caption("*One* word is no caption.\n\n*Nor what follows.*") == ""


@pytest.mark.parametrize(
    ("folder", "link", "leads"),
    [
        (NOTEBOOKS, "05_softmax.ipynb", "05_softmax.ipynb"),
        (NOTEBOOKS, "05_softmax.ipynb#The-formula,-mended", "05_softmax.ipynb#the-formula-mended"),
        (NOTEBOOKS, "#By-hand", "#by-hand"),
        (NOTEBOOKS, "../exercises/06_one_query.ipynb", "../exercises/06_one_query.ipynb"),
        (NOTEBOOKS, "../chapters/README.md", "../index.md"),
        (NOTEBOOKS, "../chapters/glossary.md", "glossary.md"),
        (EXERCISES, "../chapters/claims.md#the-trends", "../notebooks/claims.md#the-trends"),
        (EXERCISES, "../notebooks/06_one_query.ipynb", "../notebooks/06_one_query.ipynb"),
        (NOTEBOOKS, "https://example.org/a#b", "https://example.org/a#b"),
        (NOTEBOOKS, "../solutions/06_one_query.md", ""),
        (NOTEBOOKS, "../LICENSE-DATA.md", ""),
    ],
)
def test_links_lead_to_pages_of_the_site(
    site: prepare.Site, folder: PurePosixPath, link: str, leads: str
) -> None:
    assert site.target(link, folder) == leads


def test_quoted_code_gets_a_page_but_not_on_paper() -> None:
    site = prepare.Site(ROOT, ("06",))
    link = "../minitorch_attn/ops/attention.py"
    assert site.target(link, NOTEBOOKS) == "../library/minitorch_attn/ops/attention.py.md"
    assert site.library == {"minitorch_attn/ops/attention.py"}
    assert prepare.Site(ROOT, ("06",), paper=True).target(link, NOTEBOOKS) == ""


def test_one_chapter_alone_has_no_link_to_the_others() -> None:
    site = prepare.Site(ROOT, ("06",))
    assert site.target("05_softmax.ipynb", NOTEBOOKS) == ""
    files = site.lay()
    assert [name for name in files if name.endswith(".ipynb")] == [
        "notebooks/06_one_query.ipynb",
        "exercises/06_one_query.ipynb",
    ]
    footer = nbformat.reads(files["notebooks/06_one_query.ipynb"], as_version=4).cells[-1].source
    assert (
        footer.split("\n")[-1]
        == "[exercises](../exercises/06_one_query.ipynb) · [contents](../index.md)"
    )


def test_a_chapter_as_it_is_laid_out(site: prepare.Site) -> None:
    laid = nbformat.reads(site.page("notebooks/06_one_query.ipynb"), as_version=4)
    built = nbformat.read(ROOT / "notebooks/06_one_query.ipynb", as_version=4)
    assert laid.cells[0].source.startswith("# 06 · One query\n")
    assert "←" not in laid.cells[-1].source
    assert "exercises" in laid.cells[-1].source
    clinic = next(cell for cell in laid.cells if cell.metadata.get("name") == "clinic")
    assert clinic.metadata["cell"] == {"id": "06-clinic", "kind": "code"}
    assert clinic.metadata["mystnb"]["image"]["alt"].startswith("Each dot is a patient;")
    code = [(cell.source, cell.outputs) for cell in laid.cells if cell.cell_type == "code"]
    assert code == [(c.source, c.outputs) for c in built.cells if c.cell_type == "code"]


def test_exercises_say_what_is_to_be_solved_and_what_checks(site: prepare.Site) -> None:
    laid = json.loads(site.page("exercises/06_one_query.ipynb"))
    kinds = [cell["metadata"]["cell"]["kind"] for cell in laid["cells"] if "outputs" in cell]
    assert kinds == ["code", *["solution", "check"] * 4, "code"]
    last = "".join(laid["cells"][-1]["source"])
    assert last == "---\n\n[contents](../index.md)", "no file lies here that one could hand in"


def test_in_one_page_no_two_places_share_an_id() -> None:
    page = (
        '<a href="#document-index">b</a><a href="#document-n/06#sum">s</a>'
        '<span id="document-n/05"></span><h2 id="sum">5</h2>'
        '<span id="document-n/06"></span><h2 id="sum">6</h2><a href="#document-n/05">5</a>'
    )
    assert paper.own_ids(page) == (
        '<a href="#">b</a><a href="#n/06/sum">s</a>'
        '<span id="document-n/05"></span><h2 id="n/05/sum">5</h2>'
        '<span id="document-n/06"></span><h2 id="n/06/sum">6</h2><a href="#document-n/05">5</a>'
    )


def test_what_cannot_be_built_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no chapter 99"):
        prepare.Site(ROOT, ("99",))
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(SourceError, match="no web edition"):
        build.build(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep"


@pytest.mark.slow
def test_a_warning_of_sphinx_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("myst_nb")
    npm_packages()
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "index.md").write_text("# Title\n\nSee [it](nowhere.md).\n")
    with pytest.raises(SourceError, match="nowhere"):
        build.sphinx("html", sources, tmp_path / "trees", tmp_path / "out")


@pytest.mark.slow
def test_the_words_of_the_book_can_be_taken_out_for_translation(tmp_path: Path) -> None:
    pytest.importorskip("myst_nb")
    prepare.lay_out(tmp_path / "sources")
    build.sphinx("gettext", tmp_path / "sources", tmp_path / "trees", tmp_path / "words")
    words = (tmp_path / "words" / "notebooks.pot").read_text(encoding="utf-8")
    assert 'msgid "Somebody comes to a clinic and is measured:' in words


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("myst_nb")
    npm_packages()
    return zipfile.ZipFile(build.bind(tmp_path_factory.mktemp("epub"), only=("06",)))


@pytest.mark.slow
def test_an_epub_has_its_formulas_as_mathml_and_says_so(book: zipfile.ZipFile) -> None:
    assert book.infolist()[0].filename == "mimetype"
    pages = {name: book.read(name) for name in book.namelist() if name.endswith(".xhtml")}
    for page in pages.values():
        ElementTree.fromstring(page)  # XML, without a fault
    chapter = pages["notebooks/06_one_query.xhtml"].decode()
    assert chapter.count("<math ") > 100
    assert "katex-html" not in chapter
    listed = ElementTree.fromstring(book.read("content.opf"))
    items = {item.get("href"): item.get("properties") for item in listed.iter() if item.get("href")}
    assert {items[name] for name, page in pages.items() if b"<math " in page} == {"mathml"}
    assert {items[name] for name, page in pages.items() if b"<math " not in page} == {None, "nav"}
    assert items.keys() >= pages.keys()
    assert b"notebooks/06_one_query.xhtml" in pages["nav.xhtml"]


@pytest.mark.slow
def test_nothing_in_an_epub_points_to_what_is_not_in_it(book: zipfile.ZipFile) -> None:
    dead = set()
    for name in book.namelist():
        if not name.endswith(".xhtml"):
            continue
        for element in ElementTree.fromstring(book.read(name)).iter():
            for link in (element.get("href"), element.get("src")):
                path = unquote(urldefrag(link or "").url)
                if path and not re.match("[a-z]+:", path):
                    found = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
                    dead |= set() if found in book.namelist() else {f"{name}: {link}"}
    assert dead == set()
    assert b"in your browser" not in book.read("index.xhtml")


@pytest.mark.slow
def test_a_reader_of_books_shows_all_of_a_line_and_one_word_for_a_fold(
    book: zipfile.ZipFile, tmp_path: Path
) -> None:
    book.extractall(tmp_path)
    with browser() as driven:
        page = driven.new_page(viewport={"width": 390, "height": 800})
        page.goto((tmp_path / "notebooks" / "06_one_query.xhtml").as_uri())
        lines = "[...document.querySelectorAll('pre')].filter(p => p.scrollWidth > p.clientWidth)"
        assert page.evaluate(f"{lines}.map(pre => pre.textContent)") == []
        folds = page.evaluate(
            "[...document.querySelectorAll('.hide > summary')].map(fold => fold.innerText.trim())"
        )
        assert set(folds) == {"Show the code"}


@pytest.mark.slow
def test_in_a_book_on_one_page_tables_have_their_heads_and_no_words_of_the_contents(
    tmp_path: Path,
) -> None:
    pytest.importorskip("myst_nb")
    npm_packages()
    build.write_pages("singlehtml", tmp_path, ROOT, ("06",), whole=True)
    assert "in your browser" not in (tmp_path / "index.html").read_text(encoding="utf-8")
    with browser() as driven:
        page = driven.new_page(viewport={"width": 650, "height": 900})  # of paper, in pixels
        page.emulate_media(media="print")
        page.goto((tmp_path / "index.html").as_uri())
        lost = page.evaluate(
            "[...document.querySelectorAll('thead')].filter(head => head.textContent.trim()"
            " && getComputedStyle(head).display === 'none').map(head => head.textContent)"
        )
        said = page.evaluate(
            "[...document.querySelectorAll('td p')].map(p => getComputedStyle(p, '::after'))"
            ".map(style => style.content)"
        )
    assert lost == []
    assert set(said) == {"none"}


@pytest.mark.slow
def test_a_chapter_on_paper(tmp_path: Path) -> None:
    pytest.importorskip("myst_nb")
    npm_packages()
    build.build(tmp_path / "site", only=("06",))
    try:
        (printed,) = build.print_pages(tmp_path / "site", only=("06",))
    except SourceError as error:
        lacking(error)
    content = printed.read_bytes()
    assert printed.name == "06_one_query.pdf"
    assert b"/StructTreeRoot" in content
    assert b"/Outlines" in content

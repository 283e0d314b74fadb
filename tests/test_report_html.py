"""report.html in a real browser: it opens without a network, shows everything, runs nobody's script."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import report_answers

from attribution.errors import InputError
from attribution.metrics.answer import Answer
from attribution.report.page import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = next((p for p in ("/usr/bin/chromium", "/usr/bin/google-chrome") if os.path.exists(p)), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
CHARTS = [
    "revenue", "roi", "models", "campaigns", "keywords", "top-journeys", "transitions", "time-lag",
    "path-length", "funnel", "conversion-rate", "revenue-per-lead", "mrr", "lead-value",
    "cost-per-lead", "cost-per-acquisition",
]  # fmt: skip
WARNING = f"Spend of {report_answers.HOSTILE} has no deal."


def written(path: Path, **more: Any) -> Path:
    """Write a report of the hand-made answers."""
    asked = {"from": "2026-01-01", "to": "2026-03-31", "where": ["owner=Ann", "owner=Bob"]}
    given: dict[str, Any] = {
        "title": f"Acme & Sons {report_answers.HOSTILE}",
        "overview": report_answers.report(warnings=[WARNING], asked=asked),
        "comparison": report_answers.comparison(warnings=[WARNING]),
        "campaigns": report_answers.campaigns(),
        "keywords": report_answers.keywords(),
        "paths": report_answers.paths(),
        "kpis": report_answers.judged(report_answers.kpis()),
        "kpis_by_channel": report_answers.judged(report_answers.kpis_by_channel()),
        "cohorts": report_answers.cohorts(),
        "recurring": report_answers.recurring(),
        "transitions": report_answers.transitions(),
        "notes": ["Figures made by hand."],
    }
    return write_report(path, **{**given, **more})


def empty(answer: Answer) -> Answer:
    return dataclasses.replace(answer, rows=[], totals={})


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        if os.environ.get("ATTRIBUTION_REQUIRE_BROWSER"):
            pytest.fail("no Chromium on this machine, and its tests are required here")
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    with playwright.sync_playwright() as runner:
        started = runner.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


class Visit:
    """A page opened with the network blocked, and what it tried and complained about."""

    def __init__(self, browser: Any, path: Path, **context: Any) -> None:
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.context = browser.new_context(offline=True, accept_downloads=True, **context)
        self.page = self.context.new_page()
        self.page.route(re.compile("^(?!file:)"), lambda route: route.abort())
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append("dialog"), dialog.dismiss()))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", state="attached")


@pytest.fixture(scope="module")
def desktop(browser: Any, report: Path) -> Iterator[Visit]:
    visit = Visit(browser, report, viewport={"width": 1280, "height": 900})
    yield visit
    visit.context.close()


def test_opens_offline_without_asking_or_complaining(desktop: Visit, report: Path) -> None:
    """The page asks for nothing but itself and reports no error."""
    assert desktop.asked == [report.as_uri()]
    assert desktop.complaints == []


def test_every_chart_is_drawn_with_marks(desktop: Visit) -> None:
    """Each chart lives, with marks, and its still picture waits for paper."""
    shown = desktop.page.eval_on_selector_all("figure[data-chart]", "all => all.map(f => f.dataset.chart)")
    assert shown == CHARTS
    for key in CHARTS:
        figure = desktop.page.locator(f"figure[data-chart={key}]")
        marks = figure.locator(".live svg .mark-rect path, .live svg .mark-symbol path")
        assert marks.count() >= (2 if key == "funnel" else 3), key
        assert figure.locator(".live svg").is_visible()
        assert not figure.locator(".still svg").is_visible()


def test_charts_are_named_for_screen_readers(desktop: Visit) -> None:
    """Each chart is an image with a description, and its figures are a table with headings."""
    for key in CHARTS:
        figure = desktop.page.locator(f"figure[data-chart={key}]")
        assert len(figure.locator(".live").get_attribute("aria-label") or "") > 40
        assert figure.locator("table thead th").count() >= 3
        assert figure.locator("table caption").count() == 1


def test_hostile_names_are_text(desktop: Visit) -> None:
    """A campaign named as a script is shown as written and never run."""
    page = desktop.page
    assert report_answers.HOSTILE in page.locator("h1").inner_text()
    assert WARNING in page.locator(".warnings").inner_text()
    assert report_answers.HOSTILE in page.locator("figure[data-chart=campaigns] .live svg").text_content()
    assert report_answers.HOSTILE in page.locator("figure[data-chart=campaigns] table").text_content()
    assert page.locator("script").count() == 3  # the figures, the library, the page's own


def test_tooltip_shows_exact_money_and_hostile_names_as_text(desktop: Visit) -> None:
    """Pointing at a bar shows its figures in full; a name is text there too."""
    bars = desktop.page.locator("figure[data-chart=campaigns] .live svg .mark-rect path")
    bars.last.hover()
    tooltip = desktop.page.locator("#vg-tooltip-element")
    tooltip.wait_for(state="visible")
    text = tooltip.inner_text()
    assert report_answers.HOSTILE in text
    assert "£22,940.10" in text
    assert tooltip.locator("script").count() == 0


def test_only_the_pages_own_scripts_may_run(desktop: Visit) -> None:
    """Were a name ever to slip through unescaped, the browser would still refuse to run it."""
    ran = desktop.page.evaluate(
        """() => { const s = document.createElement("script"); s.textContent = "window.hit = 1";
        document.body.append(s); s.remove(); return window.hit === 1; }"""
    )
    assert ran is False
    assert "Content Security Policy" in desktop.complaints.pop()


def test_warnings_are_said_once(desktop: Visit) -> None:
    """Two answers with the same warning warn once."""
    assert desktop.page.locator(".warnings li").count() == 1


def test_head_figures(desktop: Visit) -> None:
    """The eight figures at the top, as people write them."""
    names = desktop.page.locator(".tile dt").all_inner_texts()
    figures = desktop.page.locator(".tile .figure").all_inner_texts()
    assert dict(zip(names, figures, strict=True)) == {
        "Revenue": "£596,986.50",
        "Spend": "£135,170.45",
        "ROI": "342%",
        "Won deals": "127",
        "Leads": "1,606",
        "Lead value": "£371.72",
        "Cost per lead (CPL)": "£84.17",
        "Cost per acquisition (CPA)": "£1,064.33",
    }


def test_says_what_the_figures_are_of(desktop: Visit) -> None:
    """Period, model, window, people, currency and date stand at the top."""
    about = desktop.page.locator(".about").inner_text()
    for text in (
        "2026-01-01 to 2026-03-31",
        "owner Ann or Bob",
        "Linear",
        "up to 365 days",
        "GBP",
        "1 April 2026",
        "every contact",
    ):
        assert text in about


def test_a_zero_denominator_is_a_dash(desktop: Visit) -> None:
    """Null is shown as an em dash, never as 0."""
    row = desktop.page.locator("#kpis > .card tr", has_text="Cost per SQO")
    assert row.locator("td").first.inner_text() == "—"


@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("svg", b"<svg")])
def test_save_as_image(desktop: Visit, tmp_path: Path, kind: str, magic: bytes) -> None:
    """A chart is saved as an image, title and all, without a network."""
    for key in ("models", "campaigns"):
        with desktop.page.expect_download() as download:
            desktop.page.click(f"figure[data-chart={key}] [data-save={kind}]")
        assert download.value.suggested_filename == f"{key}.{kind}"
        target = tmp_path / f"{key}.{kind}"
        download.value.save_as(target)
        content = target.read_bytes()
        assert content.startswith(magic)
        assert len(content) > 5_000
        if kind == "svg":
            assert b"(GBP)" in content  # the title with its unit
    assert desktop.page.locator(".offstage").count() == 0


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_to_scroll_sideways(browser: Any, report: Path, width: int) -> None:
    """The page fits phone, tablet and desktop; every chart fits its card and keeps its legend."""
    visit = Visit(browser, report, viewport={"width": width, "height": 844})
    page = visit.page
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for key in CHARTS:
        figure = page.locator(f"figure[data-chart={key}]")
        card, chart = figure.bounding_box(), figure.locator(".live svg").bounding_box()
        assert card["x"] <= chart["x"]
        assert chart["x"] + chart["width"] <= card["x"] + card["width"]
        labels = figure.locator(".live svg text").evaluate_all(
            "all => all.map(t => { const b = t.getBoundingClientRect();"
            " return [t.textContent, b.left + scrollX, b.right + scrollX, b.top + scrollY]; })"
        )
        for text, left, right, top in labels:
            assert card["x"] <= left, (key, text)
            assert right <= card["x"] + card["width"], (key, text)
            assert top >= chart["y"] - 1, (key, text)
    visit.context.close()


def test_charts_follow_the_width_of_the_window(browser: Any, report: Path) -> None:
    """Turning a phone or dragging a window fits the charts anew."""
    visit = Visit(browser, report, viewport={"width": 1280, "height": 900})
    visit.page.set_viewport_size({"width": 390, "height": 900})
    for _ in range(200):  # the page's policy forbids wait_for_function, which makes scripts of text
        if 0 < visit.page.evaluate("document.querySelector('.live svg')?.clientWidth ?? 0") < 390:
            break
        visit.page.wait_for_timeout(25)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
    assert visit.complaints == []
    visit.context.close()


def test_too_few_is_a_hollow_mark_and_said_in_the_table(desktop: Visit) -> None:
    """No bar, no figure beside it; the table has the figure and why it tells nothing."""
    figure = desktop.page.locator("figure[data-chart=lead-value]")
    assert figure.locator(".live svg .mark-symbol path[stroke='#8A8F98']").count() > 0
    assert "too few" in figure.locator(".live svg").text_content()
    assert "too few to tell (3 conversions)" in figure.locator("table").text_content()


def test_without_scripts_and_on_paper_the_still_pictures_show(browser: Any, report: Path) -> None:
    """A reader without scripts and a printer see each chart too."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(report.as_uri())
    for key in CHARTS:
        figure = page.locator(f"figure[data-chart={key}]")
        assert figure.locator(".still svg").is_visible()
        assert not figure.locator("[data-save=png]").is_visible()
    context.close()
    visit = Visit(browser, report)
    visit.page.emulate_media(media="print")
    assert visit.page.locator("figure[data-chart=roi] .still svg").is_visible()
    assert not visit.page.locator("figure[data-chart=roi] .live").is_visible()
    visit.context.close()


def test_dark_mode_lightens_the_letters(browser: Any, report: Path) -> None:
    """On a dark screen labels are light; what is saved stays dark on white, fit for a document."""
    visit = Visit(browser, report, color_scheme="dark")
    fills = visit.page.eval_on_selector_all(
        "figure[data-chart=revenue] .live svg text",
        "all => [...new Set(all.map(t => t.getAttribute('fill')))]",
    )
    assert fills == ["#E4E7EB"]
    fields = visit.page.eval_on_selector_all(
        "figure[data-chart=transitions] .live svg .mark-rect path",
        "all => all.map(t => t.getAttribute('fill'))",
    )
    whiskers = visit.page.eval_on_selector_all(
        "figure[data-chart=lead-value] .live svg .mark-rule.role-mark line",
        "all => [...new Set(all.map(t => t.getAttribute('stroke')))]",
    )
    assert whiskers == ["#E4E7EB"]
    assert fields.count("#3A4654") == 4  # the channels' names are light too, and need a dark ground
    visit.context.close()


def test_nothing_to_show_gives_sentences(browser: Any, tmp_path: Path) -> None:
    """A store without deals gives a page of sentences and dashes, not of broken charts."""
    path = written(
        tmp_path / "empty.html",
        overview=empty(report_answers.report()),
        comparison=empty(report_answers.comparison()),
        campaigns=empty(report_answers.campaigns()),
        keywords=None,
        paths=empty(report_answers.paths()),
        kpis=empty(report_answers.kpis()),
        kpis_by_channel=empty(report_answers.kpis_by_channel()),
        transitions=nx.DiGraph(),
        cohorts=empty(report_answers.cohorts()),
        recurring=empty(report_answers.recurring()),
    )
    visit = Visit(browser, path)
    assert visit.page.locator("figure[data-chart]").count() == 0
    assert visit.page.locator("p.empty").count() == 13
    assert set(visit.page.locator(".tile .figure").all_inner_texts()) == {"—"}
    assert "all time" in visit.page.locator(".about").inner_text()
    assert visit.complaints == []
    visit.context.close()


def test_file_holds_no_address_to_load_and_stays_small(report: Path) -> None:
    """Nothing is referred to from outside, and the file can be mailed."""
    text = report.read_text(encoding="utf-8")
    assert len(text.encode()) < 2_500_000
    own = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.findall(r"<(?:script|img|iframe|object)[^>]*\ssrc=", own)
    assert re.findall(r"<link[^>]*href=\"([^\"]*)", text) == ["data:,"]
    assert "@import" not in text
    assert "<script>alert" not in text


def test_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """An existing report is replaced in one step and nothing is left beside it."""
    path = tmp_path / "report.html"
    path.write_text("old")
    assert written(path) == path
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(InputError, match=r"cannot write .*give a file in a folder"):
        written(tmp_path / "missing" / "report.html")


def test_what_has_no_campaign_stands_in_the_table_only(tmp_path: Path) -> None:
    """Visits without a campaign would dwarf the campaigns; their revenue is still told."""
    given = report_answers.campaigns()
    bare = {"channel": "Direct", "campaign": "(not set)", "value": "900000.00", "spend": "0.00"}
    text = written(
        tmp_path / "r.html", campaigns=dataclasses.replace(given, rows=[bare, *given.rows])
    ).read_text(encoding="utf-8")
    section = text[text.index('<section id="campaigns"') : text.index('<section id="keywords"')]
    assert "£900,000.00" in section
    assert "£900,000</text>" not in section
    assert "What came without a campaign is in the table only." in section


def test_thousands_of_campaigns_are_not_listed_one_by_one(tmp_path: Path) -> None:
    """The 400 that brought most, the 100 of the others that cost most, and where the rest are to be had."""
    rows = [
        {
            "channel": "Paid Search", "campaign": f"c{i:04}", "value": f"{max(1000 - i, 0)}.00",
            "spend": f"{i}.00", "roi": None,
        }
        for i in range(1500)
    ]  # fmt: skip
    given = report_answers.campaigns()
    text = written(tmp_path / "r.html", campaigns=dataclasses.replace(given, rows=rows)).read_text("utf-8")
    section = text[text.index('<section id="campaigns"') : text.index('<section id="keywords"')]
    listed = set(re.findall(r"<td>(c\d{4})</td>", section))
    assert listed == {f"c{i:04}" for i in (*range(400), *range(1400, 1500))}
    assert "of 1500; all: attribution report --by channel,campaign --output FILE.csv" in section

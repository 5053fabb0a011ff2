"""The pages in a real browser: Debian's Chromium, driven by Playwright."""

import os
import shutil

import numpy as np
import pytest
from pages import decode_png
from test_report_comparison import METHODS, SIZE, write_comparison
from test_report_decisions import write_decisions
from test_report_folders import write_decoding
from test_report_runs import write_run
from tiny_run import write_inputs

from keras_xai.report.report import write_report

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is missing: pip install 'keras_xai[test]'"
)
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on the path: apt-get install chromium"
)


@pytest.fixture(scope="module")
def page_path(tmp_path_factory):
    """A page with a section of every kind."""
    root = tmp_path_factory.mktemp("browser")
    inputs = write_inputs(root)
    write_comparison(root / "compared")
    folders = [
        root / "compared",
        inputs.run,
        write_run(root / "more", 1, 0.9),
        inputs.explained,
        inputs.data,
        write_decisions(root / "decided"),
        write_decoding(root / "decoded"),
    ]
    write_report(folders, root / "page.html")
    return root / "page.html"


@pytest.fixture(scope="module")
def browser():
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # it refuses root its sandbox
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def show(browser, page_path):
    """Opens the page offline; at the end, nothing must have been complained about."""
    contexts, complaints = [], []

    def show(**options):
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.goto(page_path.as_uri())
        page.wait_for_selector("html.is-ready")
        return page

    yield show
    for context in contexts:
        context.close()
    assert complaints == []


def pixels_of(page, selector):
    """Reads the RGBA pixels of a canvas."""
    uri = page.locator(selector).first.evaluate("canvas => canvas.toDataURL()")
    return decode_png(uri)


def first_column(page):
    return page.locator(".numbers-of-methods tbody:first-of-type th").all_inner_texts()


def test_clicks_and_keys_sort_the_table(show):
    page = show()
    assert first_column(page) == ["joint mask", "lrp.z", "gradient", "random"]
    header = page.locator(".numbers-of-methods th[data-sort]", has_text="mass")
    header.locator("button").click()  # higher is better: the best first
    assert header.get_attribute("aria-sort") == "descending"
    # What was not measured stays last.
    assert first_column(page) == ["lrp.z", "joint mask", "gradient", "random"]
    header.locator("button").press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert first_column(page) == ["gradient", "joint mask", "lrp.z", "random"]
    deletion = page.locator(".numbers-of-methods th[data-sort]", has_text="deletion")
    deletion.locator("button").press("Space")
    assert header.get_attribute("aria-sort") is None
    assert first_column(page) == ["lrp.z", "random", "gradient", "joint mask"]
    page.locator(".numbers-of-methods th[data-sort]", has_text="method").locator(
        "button"
    ).click()
    assert first_column(page) == ["gradient", "joint mask", "lrp.z", "random"]


def move_slider(page, section, threshold):
    """Waits without `eval`, which the page's security policy forbids."""
    page.locator(f"#threshold-{section}").fill(str(threshold))
    text = page.locator(f"#{section} .threshold").first
    playwright.expect(text).to_have_text(f"{threshold:.2f}")


def test_slider_hides_what_is_not_above_it(show, page_path):
    page = show()
    with np.load(page_path.parent / "compared" / "heatmaps" / "gradient.npz") as arrays:
        heatmap = arrays["heatmap"][2]
    canvas = "#comparison .example .analyzer:nth-of-type(2) canvas"
    whole = pixels_of(page, canvas)
    assert (whole[..., 3] == 255).all()
    move_slider(page, "comparison", 0.5)
    is_kept = heatmap / heatmap.max() > 0.5
    cut = pixels_of(page, canvas)
    assert (cut[is_kept] == whole[is_kept]).all()
    assert (cut[~is_kept][:, 3] < 255).all()


def test_explanations_are_thresholded_by_their_own_slider(show, page_path):
    page = show()
    with np.load(page_path.parent / "explained" / "masks.npz") as arrays:
        mask = dict(zip(arrays["filename"], arrays["mask"], strict=True))["000001.png"]
    for threshold in (0.75, 0.25):
        move_slider(page, "explanations", threshold)
        above = pixels_of(page, "#explanations .example canvas[data-view=above]")
        is_yellow = above[..., 0] > 128
        np.testing.assert_array_equal(is_yellow, mask > threshold)
        share = page.locator("#explanations .example .share").first.inner_text()
        assert share == f"{100 * (mask > threshold).mean():.1f}%"


def test_decisions_are_coloured_and_cut_beside_their_reconstructions(show, page_path):
    page = show()
    with np.load(page_path.parent / "decided" / "lrp.z" / "lrp.z.npz") as arrays:
        heatmap = arrays["heatmap"][0]
    canvas = "#decisions .example canvas[data-view=cut]"
    red, _, blue, _ = np.moveaxis(pixels_of(page, canvas).astype(int), -1, 0)
    relative = heatmap / np.abs(heatmap).max()
    assert (red > blue)[relative > 0.1].all() and (blue > red)[relative < -0.1].all()
    move_slider(page, "decisions", 0.5)
    cut = pixels_of(page, canvas)
    np.testing.assert_array_equal(cut[..., 3] == 255, relative > 0.5)
    assert page.locator("#decisions .example").first.locator("img").count() == 2


def test_colours_switch_between_fair_and_the_papers(show):
    page = show()
    canvas = "#comparison .example .analyzer:nth-of-type(1) canvas"
    fair = pixels_of(page, canvas)
    is_blue = fair[..., 2] > fair[..., 0]  # the heatmap is signed
    assert is_blue.any() and not is_blue.all()
    page.check("#comparison input[value=paper]")
    page.wait_for_timeout(100)
    paper = pixels_of(page, canvas)
    assert {tuple(colour) for colour in paper.reshape(-1, 4)} >= {
        (68, 1, 84, 255),  # viridis at its ends: the least value and the largest
        (253, 231, 36, 255),
    }


def middle_of(canvas, row, column):
    """Where a pixel of a map is in its canvas."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    return {
        "x": box["width"] * (column + 0.5) / SIZE,
        "y": box["height"] * (row + 0.5) / SIZE,
    }


def assert_shows_values(example, page_path, row, column):
    """Asserts that every heatmap's value at a pixel is shown."""
    values = [
        float(v.replace("−", "-")) for v in example.locator(".probe").all_inner_texts()
    ]
    for value, (method, (kind, _)) in zip(values, METHODS.items(), strict=True):
        path = page_path.parent / "compared" / "heatmaps" / f"{method}.npz"
        with np.load(path) as arrays:
            heatmap = arrays["heatmap"][2]
        scale = 1 if kind == "joint" else np.abs(heatmap).max()
        assert value == pytest.approx(heatmap[row, column] / scale, abs=0.01)


def test_pointing_at_a_map_shows_all_values_there(show, page_path):
    page = show()
    example = page.locator("#comparison .example").first
    canvas = example.locator("canvas").nth(1)
    canvas.hover(position=middle_of(canvas, 2, 5))
    assert_shows_values(example, page_path, 2, 5)
    page.mouse.move(0, 0)
    assert set(example.locator(".probe").all_inner_texts()) == {""}


def test_touching_a_map_shows_all_values_there_until_another_touch(show, page_path):
    page = show(has_touch=True)
    example, other = page.locator("#comparison .example").all()
    canvas = example.locator("canvas").nth(1)
    canvas.tap(position=middle_of(canvas, 2, 5))
    assert_shows_values(example, page_path, 2, 5)
    other.locator("header").tap()
    assert set(example.locator(".probe").all_inner_texts()) == {""}


def test_arrow_keys_go_over_a_map(show, page_path):
    page = show()
    example = page.locator("#comparison .example").first
    [canvas] = example.locator("canvas[tabindex]").all()
    canvas.press("ArrowRight")  # from the middle
    canvas.press("ArrowUp")
    assert_shows_values(example, page_path, SIZE // 2 - 1, SIZE // 2 + 1)
    canvas.press("Shift+ArrowLeft")
    assert_shows_values(example, page_path, SIZE // 2 - 1, 0)
    canvas.press("Tab")
    assert set(example.locator(".probe").all_inner_texts()) == {""}


def test_filter_shows_one_kind_of_image(show):
    page = show()
    examples = page.locator("#comparison .example")
    page.check("#comparison input[value=misclassified]")
    assert [e.is_visible() for e in examples.all()] == [False, True]
    page.check("#comparison input[value=positives]")
    assert [e.is_visible() for e in examples.all()] == [True, False]
    page.check("#comparison input[value=all]")
    assert [e.is_visible() for e in examples.all()] == [True, True]


def test_target_can_be_outlined(show):
    page = show()
    canvas = "#comparison .example canvas"  # of the image
    before = pixels_of(page, canvas)
    page.check("#comparison .outline")
    page.wait_for_timeout(100)
    after = pixels_of(page, canvas)
    is_target = np.eye(SIZE, dtype=bool)
    assert (after[is_target] == before[is_target]).all()
    is_beside = np.eye(SIZE, k=1, dtype=bool) | np.eye(SIZE, k=-1, dtype=bool)
    assert (after[is_beside] == (209, 0, 255, 255)).all()


def test_curves_follow_the_pointer(show):
    page = show()
    chart = page.locator(".chart").first
    chart.locator(".plot").hover(position={"x": 5, "y": 5})
    assert chart.locator(".when").inner_text() == "epoch 1"
    assert chart.locator("b").first.inner_text() == "66.6%"
    page.mouse.move(0, 0)
    assert chart.locator(".when").inner_text() == "last value"


@pytest.mark.parametrize(
    ("width", "scheme"), [(320, "dark"), (390, "light"), (1280, "dark")]
)
def test_page_never_scrolls_sideways(show, width, scheme):
    page = show(viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}[scheme]


def test_page_is_readable_without_its_script(show, browser, page_path):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(page_path.as_uri())
    assert page.locator("noscript").first.is_visible()
    assert not page.locator(".control").first.is_visible()
    assert page.locator("#comparison .map").first.is_visible()
    context.close()

"""The ROI editor in a real browser: what is drawn is what the server has, pixel for pixel."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from waiting import go_to, settle

from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.imaging.ultrasound_panels import find_panels
from hccsurv_core.io.ultrasound_clip import read_clip
from hccsurv_core.roi.editing import polygon_mask
from hccsurv_core.roi.regions import Region
from hccsurv_core.simulate.ceus.clip import write_clip
from hccsurv_core.volume import Volume

WAIT_MS = 120_000
SHAPE = (24, 96, 120)
SPACING = (2.5, 1.0, 1.5)  # slice, row, column, mm


@pytest.fixture
def data(tmp_path):
    """The server's own data folder, with one CT: a bright ball of 20 mm in gray noise."""
    z, y, x = np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]].astype(float)
    ball = ((z - 12) * SPACING[0]) ** 2 + ((y - 40) * SPACING[1]) ** 2
    ball += ((x - 60) * SPACING[2]) ** 2
    noise = np.random.default_rng(3).normal(0, 6, SHAPE)
    voxels = np.where(ball < 20.0**2, 140, 60) + noise
    affine = np.diag([SPACING[2], SPACING[1], SPACING[0], 1.0])
    with PatientStore(tmp_path / "data") as store:
        study = store.add_study(
            store.add_patient("BALL").id, Volume(voxels.astype(np.int16), affine), modality="CT"
        )
        yield store, study, ball < 20.0**2


def open_editor(page, study, place="scan"):
    page.goto(page.url.split("?")[0].rstrip("/") + f"/{place}?study={study.id}")
    editor_there(page)


def editor_there(page):
    """Wait until the editor is drawn, alone, and holds what the server has."""
    page.locator("canvas.main").first.wait_for(timeout=WAIT_MS)
    settle(page, WAIT_MS)
    saved(page)


def saved(page):
    """Wait until the server has everything; the words on the screen come a frame later."""
    page.locator("canvas.main").evaluate(
        "async c => { const rest = () => new Promise(done => setTimeout(done, 40)); await rest();"
        " while (!c.editor.ready || c.editor.sync.pending) await rest(); await rest() }"
    )
    page.locator(".status[data-state=good]", has_text="Saved").wait_for(timeout=WAIT_MS)


def act(page, name):
    page.locator(f"[data-action={name}]").click()


def tool(page, name):
    page.locator(f"[data-tool={name}]").click()


def screen(page, u, v):
    """Where a pixel's center lies on the page."""
    x, y = page.locator("canvas.main").evaluate(
        "(canvas, [u, v]) => canvas.editor.toScreen(u, v)", [u, v]
    )
    return x, y


def cursor(page):
    """The pixel position that the editor took the pointer's last place for."""
    return page.locator("canvas.main").evaluate("canvas => canvas.editor.cursor")


def dab(page, u, v):
    """Click with the tool in hand; where exactly it fell (the mouse is on whole screen pixels)."""
    page.mouse.move(*screen(page, u, v))
    page.mouse.down()
    page.mouse.up()
    found = cursor(page)
    assert abs(found[0] - u) < 0.25 and abs(found[1] - v) < 0.25
    return found


def drag(page, points, steps=1):
    """Drag over points; where exactly they fell."""
    page.mouse.move(*screen(page, *points[0]))
    page.mouse.down()
    found = [cursor(page)]
    for point in points[1:]:
        page.mouse.move(*screen(page, *point), steps=steps)
        found.append(cursor(page))
    page.mouse.up()
    return found


def add_region(page):
    before = page.locator("[data-label]").count()
    act(page, "add")
    page.locator("[data-label]").nth(before).wait_for(timeout=WAIT_MS)
    saved(page)


def stored(store, study, number=0) -> np.ndarray:
    region: Region = store.load_regions(study.id).regions[number]
    return region.whole(SHAPE)


def shown(page, z) -> np.ndarray:
    """The active label's mask as the browser has it."""
    flat = page.locator("canvas.main").evaluate(
        "(canvas, z) => [...(canvas.editor.masks.at(canvas.editor.active, z) || [])]", z
    )
    return np.array(flat or np.zeros(SHAPE[1] * SHAPE[2]), bool).reshape(SHAPE[1:])


def disc(u, v, diameter_mm) -> np.ndarray:
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    d2 = ((columns - u) * SPACING[2]) ** 2 + ((rows - v) * SPACING[1]) ** 2
    return d2 <= (diameter_mm / 2) ** 2 + 1e-9


def where(page):
    return page.locator("canvas.main").evaluate("canvas => canvas.editor.places.axial")


def test_draw_erase_undo_scroll_reload(page, data):
    store, study, _ = data
    open_editor(page, study)
    add_region(page)
    z = where(page)

    # A brush that goes down and up: the disc round the pixel, on the screen and on the server.
    tool(page, "brush")
    page.locator("canvas.main").evaluate("canvas => canvas.editor.act('size', 21)")
    expected = disc(*dab(page, 50, 40), 21)
    saved(page)
    np.testing.assert_array_equal(stored(store, study)[z], expected)
    np.testing.assert_array_equal(shown(page, z), expected)
    assert f"{expected.sum() * 0.015:.2f} cm²" in page.locator(".pick").inner_text()

    # The eraser along a line takes away what lies within its radius of the line.
    tool(page, "erase")
    page.locator("canvas.main").evaluate("canvas => canvas.editor.act('size', 6)")
    ends = np.array(drag(page, [(40, 40), (60, 40)])) * (1.5, 1.0)
    saved(page)
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    pixels = np.stack([columns * 1.5, rows * 1.0], axis=-1)
    line = ends[1] - ends[0]
    along = np.clip((pixels - ends[0]) @ line / (line @ line), 0, 1)
    apart = pixels - ends[0] - along[..., None] * line
    after = expected & ~((apart**2).sum(axis=-1) <= 9 + 1e-9)
    np.testing.assert_array_equal(stored(store, study)[z], after)

    # Undo and redo, by button and by key.
    act(page, "undo")
    saved(page)
    np.testing.assert_array_equal(stored(store, study)[z], expected)
    np.testing.assert_array_equal(shown(page, z), expected)
    page.keyboard.press("Control+y")
    saved(page)
    np.testing.assert_array_equal(shown(page, z), after)

    # Another slice by wheel and key; it is empty, and what was drawn stays on its own.
    page.mouse.move(*screen(page, 50, 40))
    page.mouse.wheel(0, -100)
    page.locator(".on.slice", has_text=f"slice {z + 2} of 24").wait_for()
    page.keyboard.press("ArrowUp")
    page.locator(".on.slice", has_text=f"slice {z + 3} of 24").wait_for()
    assert not shown(page, z + 2).any()

    # A reload brings slice and masks back.
    page.wait_for_timeout(900)
    page.reload()
    editor_there(page)
    page.locator(".on.slice", has_text=f"slice {z + 3} of 24").wait_for()
    np.testing.assert_array_equal(shown(page, z), after)
    assert "Regions, revision" in json.dumps([e.detail for e in store.history(study.patient_id)])


def test_polygon_lasso_fill_copy_and_clear(page, data):
    store, study, _ = data
    open_editor(page, study)
    add_region(page)
    z = where(page)
    tool(page, "polygon")
    corners = [(20, 20), (60, 22), (64, 60), (22, 58)]
    points = [dab(page, *corner) for corner in corners]
    page.keyboard.press("Enter")
    saved(page)
    points = np.array(points)
    expected = polygon_mask(points[:, 1], points[:, 0], SHAPE[1:])
    found = stored(store, study)[z]
    np.testing.assert_array_equal(found, expected)

    # With Shift a lasso takes away; what it leaves open is filled again.
    tool(page, "lasso")
    page.keyboard.down("Shift")
    drag(page, [(35, 35), (48, 35), (48, 46), (35, 46)])
    page.keyboard.up("Shift")
    saved(page)
    assert not stored(store, study)[z][38:44, 38:46].any()
    tool(page, "fill")
    page.mouse.click(*screen(page, 41, 41))
    saved(page)
    np.testing.assert_array_equal(stored(store, study)[z], found)

    page.keyboard.press("c")
    saved(page)
    page.locator(".on.slice", has_text=f"slice {z + 2} of 24").wait_for()
    np.testing.assert_array_equal(stored(store, study)[z + 1], found)
    page.keyboard.press("x")
    saved(page)
    assert not stored(store, study)[z + 1].any() and stored(store, study)[z].any()


def test_a_click_grows_and_slices_between_are_filled(page, data):
    store, study, ball = data
    open_editor(page, study)
    add_region(page)
    tool(page, "grow")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    page.mouse.click(*screen(page, 60, 40))
    page.locator(".pick .value", has_text="ml").wait_for(timeout=WAIT_MS)
    saved(page)
    found = stored(store, study)
    assert 2 * (found & ball).sum() / (found.sum() + ball.sum()) > 0.85
    ml = float(page.locator(".pick .value").inner_text().split("·")[-1].split("ml")[0])
    assert math.isclose(ml, found.sum() * math.prod(SPACING) / 1000, rel_tol=0.01)

    add_region(page)
    tool(page, "brush")
    page.locator("canvas.main").evaluate("canvas => canvas.editor.act('size', 30)")
    for key in ("PageUp", "PageDown"):
        page.keyboard.press(key)
        page.mouse.click(*screen(page, 60, 40))
        saved(page)
    act(page, "interpolate")
    saved(page)
    drawn = stored(store, study, 1)
    assert drawn.any(axis=(1, 2)).sum() == 6


def test_other_planes_and_a_limit_of_attenuation(page, data):
    store, study, ball = data
    open_editor(page, study)
    add_region(page)
    page.keyboard.press("8")
    page.locator(".on.top", has_text="H").wait_for()
    page.locator("canvas.main").evaluate(
        "c => { c.editor.act('limit', true); c.editor.act('lowest', 100); c.editor.act('highest', 300);"
        " c.editor.act('size', 60); c.editor.act('slice', 40) }"
    )
    tool(page, "brush")
    page.mouse.click(*screen(page, 60, SHAPE[0] - 1 - 12))
    saved(page)
    found = stored(store, study)
    voxels = store.load_volume(study.id).voxels
    assert found.any() and not found[:, :40].any() and not found[:, 41:].any()
    assert (voxels[found] >= 100).all()
    assert 2 * (found[:, 40] & ball[:, 40]).sum() / (found[:, 40].sum() + ball[:, 40].sum()) > 0.97


def test_a_dropped_connection_loses_nothing(page, data):
    store, study, _ = data
    open_editor(page, study)
    add_region(page)
    z = where(page)
    tool(page, "brush")
    page.context.set_offline(True)
    places = [dab(page, u, 60) for u in (30, 60, 90)]
    page.locator(".status[data-state=bad]", has_text="3 changes kept here").wait_for()
    assert not stored(store, study).any()
    page.context.set_offline(False)
    saved(page)
    expected = np.logical_or.reduce([disc(*place, 8) for place in places])
    np.testing.assert_array_equal(stored(store, study)[z], expected)


def test_a_page_that_closed_offline_sends_its_work_the_next_time(page, data):
    store, study, _ = data
    open_editor(page, study)
    add_region(page)
    z = where(page)
    tool(page, "brush")
    page.route("**/api/roi/**/command", lambda route: route.abort())
    place = dab(page, 50, 50)
    page.locator(".status[data-state=bad]").wait_for()
    page.unroute("**/api/roi/**/command")
    page.reload()
    editor_there(page)
    np.testing.assert_array_equal(stored(store, study)[z], disc(*place, 8))


def test_two_tabs_on_one_study_keep_both_ones_work(page, data):
    store, study, _ = data
    open_editor(page, study)
    add_region(page)
    z = where(page)
    other = page.context.new_page()
    other.goto(page.url)
    editor_there(other)
    places = []
    for tab, u in ((page, 30), (other, 60), (page, 90)):
        tab.bring_to_front()
        tool(tab, "brush")
        places.append(dab(tab, u, 60))
        saved(tab)
    expected = np.logical_or.reduce([disc(*place, 8) for place in places])
    np.testing.assert_array_equal(stored(store, study)[z], expected)
    np.testing.assert_array_equal(shown(page, z), expected)


def test_fingers_draw_and_pinch(browser, server, data):
    store, study, _ = data
    context = browser.new_context(viewport={"width": 1024, "height": 768}, has_touch=True)
    context.set_default_timeout(60_000)
    tab = context.new_page()
    tab.goto(f"{server}/scan?study={study.id}")
    editor_there(tab)
    add_region(tab)
    z = where(tab)
    tool(tab, "brush")
    tab.touchscreen.tap(*screen(tab, 50, 40))
    saved(tab)
    # Fingers land on whole pixels of the screen.
    found, expected = stored(store, study)[z], disc(50, 40, 8)
    assert np.count_nonzero(found != expected) <= 6 and found.any()
    client = context.new_cdp_session(tab)
    x, y = screen(tab, 60, 40)
    zoom = "canvas => canvas.editor.cameras.axial.zoom"
    before = tab.locator("canvas.main").evaluate(zoom)

    def touch(kind, apart):
        points = [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]
        points = [] if kind == "touchEnd" else points
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 40)
    for apart in (50, 60, 70, 80):
        touch("touchMove", apart)
    touch("touchEnd", 80)
    tab.wait_for_timeout(300)
    assert tab.locator("canvas.main").evaluate(zoom) == pytest.approx(2 * before, rel=0.1)
    saved(tab)
    np.testing.assert_array_equal(stored(store, study)[z], found)  # the pinch drew nothing
    context.close()


def test_the_outline_at_l3_changes_every_number(page):
    page.locator(".st-key-open_demo_streaky_muscle button").first.click()
    page.locator(".hcc-headline, .st-key-level_row").first.wait_for(timeout=WAIT_MS)
    settle(page)
    go_to(page, "Scan & ROIs")
    editor_there(page)
    numbers = page.locator(".numbers")
    before = numbers.inner_text()
    assert "from the automatic outline" in before
    page.locator("[data-label=psoas_left]").click()
    tool(page, "erase")
    page.locator("canvas.main").evaluate("canvas => canvas.editor.act('size', 60)")
    inside = page.locator("canvas.main").evaluate(
        "c => { const e = c.editor, m = e.masks.at('psoas_left', e.places.axial); let n = 0, u = 0, v = 0;"
        " m.forEach((p, i) => { if (p) { n++; u += i % e.geometry.nx; v += Math.floor(i / e.geometry.nx) } });"
        " return [u / n, v / n] }"
    )
    page.mouse.click(*screen(page, *inside))
    page.locator(".numbers", has_text="from the edited outline").wait_for(timeout=WAIT_MS)
    saved(page)
    assert numbers.inner_text() != before
    page.locator(".st-key-patient_bar", has_text="edited by").wait_for(timeout=WAIT_MS)
    act(page, "reset")
    page.locator(".numbers", has_text="from the automatic outline").wait_for(timeout=WAIT_MS)
    assert numbers.inner_text() == before
    # A brush on the outline adds only what has the attenuation of muscle.
    page.locator("[data-label=muscle]").click()
    assert page.locator(".limit input[type=checkbox]").is_disabled()
    # On a slice without an outline the editor says where there is one.
    page.keyboard.press("PageUp")
    page.keyboard.press("PageUp")
    page.keyboard.press("PageUp")
    tool(page, "brush")
    page.mouse.click(*screen(page, 100, 100))
    page.locator(".note", has_text="is outlined on slices").wait_for()


def test_a_clip_plays_and_its_frames_are_drawn_on(page, tmp_path):
    write_clip(tmp_path / "drawn", 5, 3, times_s=np.arange(0, 50, 5.0))
    loaded = read_clip([next((tmp_path / "drawn").glob("images/*/clip"))])
    with PatientStore(tmp_path / "data") as store:
        patient = store.add_patient("CLIP")
        study = store.add_clip(patient.id, loaded, panels=find_panels(loaded.clip))
        open_editor(page, study, "ceus")
        page.locator(".on.slice", has_text="frame 5 (0–9) · 25.0 s").wait_for()
        page.keyboard.press("Space")
        page.locator(".under button", has_text="Pause").wait_for()
        page.locator(".on.slice:not(:has-text('frame 5 (0'))").wait_for()
        page.locator(".under button", has_text="Pause").click()
        page.locator(".under button", has_text="Play").wait_for()
        add_region(page)
        z = where(page)
        tool(page, "brush")
        place = dab(page, 150, 200)
        saved(page)
        (region,) = store.load_regions(study.id).regions
        assert region.name == "Lesion"
        rows, columns = np.mgrid[: study.shape[1], : study.shape[2]]
        across = (columns - place[0]) * study.spacing_mm[2]
        down = (rows - place[1]) * study.spacing_mm[1]
        expected = across**2 + down**2 <= 16 + 1e-9
        np.testing.assert_array_equal(region.whole(study.shape)[z], expected)

"""Where the network looked, on the page Treatment: the map, its shares, and whether to rely on it."""

from __future__ import annotations

import re

import pytest
from page_helpers import page_text
from small_treatment_model import train_small
from treatment_pages import element, library_of_tests, publish

from pages._shared import routes
from pages._shared.treatment_demo import open_treatment_demo

HEAD = "Where the network looked"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """A model with a network, and the same without."""
    folder = tmp_path_factory.mktemp("model")
    return {
        network: train_small(folder / str(network), signs=True, network=network)
        for network in (True, False)
    }


@pytest.fixture
def opened(store):
    """A demo patient with both phases outlined."""
    return open_treatment_demo("tace_better", actor="local", progress=lambda *_: None)


@pytest.fixture
def at(bundles, tmp_path, monkeypatch, opened, open_page):
    """The page with the network's model active."""
    publish(library_of_tests(tmp_path, monkeypatch), bundles[True], "With a network")
    return open_page(routes.TREATMENT, opened.study_id)


def test_a_map_stands_with_its_shares_and_a_test_of_it(at):
    text = page_text(at)
    assert HEAD in text
    shares = [float(v) for v in re.findall(r"(\d+) %", element(at, "heat_shares"))]
    # Lesion, rest of the liver, outside: of the heat, and of the area.
    assert len(shares) == 6
    assert sum(shares[0::2]) == pytest.approx(100, abs=1.5)
    assert sum(shares[1::2]) == pytest.approx(100, abs=1.5)
    assert re.search(r"random areas|explains nothing|Not tested", element(at, "faithfulness"))
    # It is told beside every map that the outline was an input.
    assert "the network is given the outline of the lesion" in text


def test_method_layer_direction_and_opacity_can_be_chosen(at):
    before = element(at, "heat_shares")
    at.selectbox(key="heat_layer").select_index(0).run()
    assert not at.exception
    assert element(at, "heat_shares") != before
    at.selectbox(key="heat_method").set_value("eigen-cam").run()
    assert "whatever the answer" in page_text(at)
    at.slider(key="heat_opacity").set_value(0).run()
    assert not at.exception


def test_without_a_network_or_outlines_there_is_no_such_block(
    bundles, tmp_path, monkeypatch, opened, open_page, store
):
    library = library_of_tests(tmp_path, monkeypatch)
    publish(library, bundles[False], "Without")
    assert HEAD not in page_text(open_page(routes.TREATMENT, opened.study_id))
    publish(library, bundles[True], "With")
    store.undo_regions(opened.study_id)
    assert HEAD not in page_text(open_page(routes.TREATMENT, opened.study_id))

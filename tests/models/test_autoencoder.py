"""Representations: what they keep of the features, and what they must not touch."""

import numpy as np
import pytest

from hccsurv_core.errors import CancelledError, InputError, StatisticsError
from hccsurv_core.models.autoencoder import FittedAutoencoder, fit_autoencoder
from hccsurv_core.models.autoencoder_settings import AutoencoderSettings
from hccsurv_core.models.representation import Representation, fit_pca, no_representation

SHORT = AutoencoderSettings(n_codes=3, hidden=(16,), max_epochs=30)


def features(n=120, p=20, seed=0, bend=False):
    """Three causes behind all features, and a little noise."""
    rng = np.random.default_rng(7)
    loadings = rng.normal(size=(3, p))
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(n, 3)) @ loadings
    x = np.tanh(causes) if bend else causes / 2
    return x + 0.1 * rng.normal(size=(n, p))


ALL = np.ones(20, dtype=bool)


def test_three_causes_come_back_through_three_codes():
    fitted = fit_autoencoder(features(), ALL, SHORT)
    assert fitted.explained > 0.95
    code = fitted.representation.apply(features())
    assert code.shape == (120, 3)
    np.testing.assert_allclose(code.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(code.std(0), 1, atol=1e-5)


def test_new_patients_come_back_at_least_as_well_as_by_principal_components():
    new = features(seed=1, bend=True)
    fitted = fit_autoencoder(features(bend=True), ALL, SHORT)
    code = fitted.representation.apply(new) * fitted.representation.scale
    code = code + fitted.representation.center
    hidden, back = code, code @ fitted.decoder.direct
    for weight, bias in zip(fitted.decoder.weights, fitted.decoder.biases, strict=True):
        hidden = hidden @ weight + bias
        if weight is not fitted.decoder.weights[-1]:
            hidden = 1.0507009873554805 * np.where(
                hidden > 0, hidden, 1.6732632423543772 * np.expm1(np.minimum(hidden, 0))
            )
    error = ((back + hidden - new) ** 2).mean()
    axes = fit_pca(features(bend=True), 3, ALL).direct
    assert error < ((new @ axes @ axes.T - new) ** 2).mean()


def test_the_same_seed_gives_the_same_and_epochs_are_told():
    seen = []
    first = fit_autoencoder(features(), ALL, SHORT, seed=5, watch=lambda *epoch: seen.append(epoch))
    again = fit_autoencoder(features(), ALL, SHORT, seed=5)
    np.testing.assert_array_equal(
        first.representation.apply(features()), again.representation.apply(features())
    )
    other = fit_autoencoder(features(), ALL, SHORT, seed=6)
    assert not np.array_equal(first.train_loss, other.train_loss)
    assert [epoch for epoch, _, _ in seen] == list(range(1, len(first.train_loss) + 1))
    assert [stop for _, _, stop in seen] == first.stop_loss.tolist()


def test_it_is_kept_at_its_best_epoch():
    fitted = fit_autoencoder(features(bend=True), ALL, SHORT)
    assert fitted.best_epoch == 1 + int(np.argmin(fitted.stop_loss))


@pytest.mark.parametrize("kind", ["pca", "autoencoder"])
def test_columns_that_pass_by_stand_behind_the_code_untouched(kind):
    x = features()
    encoded = ALL.copy()
    encoded[[2, 11]] = False
    if kind == "pca":
        found = fit_pca(x, 3, encoded)
    else:
        found = fit_autoencoder(x, encoded, SHORT).representation
    before = found.apply(x)
    assert before.shape == (120, 5)
    np.testing.assert_array_equal(before[:, 3:], x[:, [2, 11]])
    changed = x.copy()
    changed[:, [2, 11]] += 100
    np.testing.assert_array_equal(found.apply(changed)[:, :3], before[:, :3])


def test_principal_components_are_uncorrelated_and_no_more_than_vary():
    x = features()
    code = fit_pca(x, 5, ALL).apply(x)
    np.testing.assert_allclose(np.corrcoef(code.T), np.eye(5), atol=1e-10)
    flat = np.outer(np.arange(10.0), np.ones(4))
    assert fit_pca(flat, 3, np.ones(4, bool)).n_codes == 1
    with pytest.raises(StatisticsError, match="do not vary"):
        fit_pca(np.ones((10, 4)), 3, np.ones(4, bool))


def test_without_a_representation_features_stay_what_they_are():
    x = features()
    np.testing.assert_array_equal(no_representation(20).apply(x), x)
    with pytest.raises(InputError, match="20 scaled features are needed, got shape"):
        no_representation(20).apply(x[:, :5])


@pytest.mark.parametrize("kind", ["none", "pca", "autoencoder"])
def test_what_is_stored_represents_alike(kind):
    x = features()
    if kind == "autoencoder":
        fitted = fit_autoencoder(x, ALL, SHORT)
        found = fitted.representation
        kept = FittedAutoencoder.from_tensors(fitted.tensors())
        np.testing.assert_array_equal(kept.decoder.direct, fitted.decoder.direct)
        assert (kept.best_epoch, kept.explained) == (fitted.best_epoch, fitted.explained)
    else:
        found = fit_pca(x, 3, ALL) if kind == "pca" else no_representation(20)
    again = Representation.from_tensors(kind, found.tensors(), "selu")
    np.testing.assert_allclose(again.apply(x), found.apply(x), atol=1e-5)
    assert again.n_codes == found.n_codes


def test_it_can_be_cancelled():
    def cancel(fraction, message):
        if fraction > 0:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        fit_autoencoder(features(), ALL, SHORT, progress=cancel)


@pytest.mark.parametrize(
    "changes", [{"n_codes": 0}, {"hidden": (0,)}, {"noise": -1}, {"stop_share": 1.0}]
)
def test_impossible_settings_are_refused(changes):
    with pytest.raises(InputError, match="autoencoder settings"):
        AutoencoderSettings(**changes)

"""What is varied in a training picture, and what is not."""

import numpy as np
import pytest
import torch

from hccsurv_core.errors import InputError
from hccsurv_core.models.cnn.augmentation import augment, draw_augmentations
from hccsurv_core.models.cnn.settings import Augmentation, CnnSettings, cnn_settings_from_json

NOTHING = Augmentation(flip=False, rotate_deg=0, shift=0, gain=0, offset=0)


def pictures(n=6, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, 3, 16, 16)).astype("f4"))


def applied(chosen, rows=None, seed=0, epoch=0, n=6):
    rows = np.arange(n) if rows is None else np.asarray(rows)
    draws = draw_augmentations(n, chosen, seed=seed, epoch=epoch)
    return augment(pictures(n)[torch.from_numpy(rows)], draws, rows, [0, 1])


def test_nothing_asked_for_changes_nothing():
    torch.testing.assert_close(applied(NOTHING), pictures(), atol=1e-5, rtol=0)


def test_a_picture_is_varied_by_seed_epoch_and_its_own_number_alone():
    everything = applied(Augmentation())
    torch.testing.assert_close(applied(Augmentation(), [4, 1]), everything[[4, 1]])
    torch.testing.assert_close(applied(Augmentation()), everything)
    for change in ({"seed": 1}, {"epoch": 1}):
        assert not torch.allclose(applied(Augmentation(), **change), everything, atol=0.1)
    assert not torch.allclose(everything[0] - pictures()[0], everything[1] - pictures()[1])


def test_flips_only_turn_over():
    flipped = applied(Augmentation(flip=True, rotate_deg=0, shift=0, gain=0, offset=0), n=40)
    kinds = set()
    for new, old in zip(flipped, pictures(40), strict=True):
        options = {
            "same": old, "left-right": old.flip(-1), "front-back": old.flip(-2),
            "both": old.flip(-1, -2),
        }  # fmt: skip
        kinds.add(next(k for k, v in options.items() if torch.allclose(new, v, atol=1e-5)))
    assert kinds == {"same", "left-right", "front-back", "both"}


def test_a_mask_keeps_its_values_while_tissue_changes_brightness():
    found = applied(Augmentation(flip=False, rotate_deg=0, shift=0, gain=0.3, offset=0.2))
    torch.testing.assert_close(found[:, 2], pictures()[:, 2], atol=1e-5, rtol=0)
    draws = draw_augmentations(
        6, Augmentation(flip=False, rotate_deg=0, shift=0, gain=0.3, offset=0.2), seed=0, epoch=0
    )
    assert np.abs(draws.gain - 1).max() <= 0.3
    assert np.abs(draws.offset).max() <= 0.2
    expected = pictures()[3, 1] * float(draws.gain[3]) + float(draws.offset[3])
    torch.testing.assert_close(found[3, 1], expected, atol=1e-5, rtol=1e-5)


def test_turns_and_shifts_keep_a_square_picture_square():
    """A ring about the middle is still one after any turn, and moves as far as it is shifted."""
    y, x = np.indices((64, 64)) - 31.5
    ring = np.exp(-((np.hypot(x, y) - 14) ** 2) / 8).astype("f4")
    stack = torch.from_numpy(np.broadcast_to(ring, (20, 1, 64, 64)).copy())
    chosen = Augmentation(flip=True, rotate_deg=180, shift=0, gain=0, offset=0)
    turned = augment(stack, draw_augmentations(20, chosen, seed=0, epoch=0), np.arange(20), [0])
    assert (turned - stack).abs().max() < 0.06
    chosen = Augmentation(flip=False, rotate_deg=0, shift=0.1, gain=0, offset=0)
    moved = augment(stack, draw_augmentations(20, chosen, seed=0, epoch=0), np.arange(20), [0])
    weight = moved[:, 0] / moved[:, 0].sum((1, 2), keepdim=True)
    middle = np.stack([(weight * torch.from_numpy(v)).sum((1, 2)) for v in (x, y)])
    assert 4 < np.abs(middle).max() <= 6.41
    assert (np.abs(middle).max(1) > 3).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"shift": 1.0}, "lie from 0 to below 1"),
        ({"rotate_deg": 200}, "0 to 180 degrees"),
        ({"offset": -1}, "offset is 0 or more"),
    ],
)
def test_impossible_variations_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        Augmentation(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"architecture": "vgg16"}, "no network is called 'vgg16'"),
        ({"learning_rate": 0.0}, "learning rate lies between 0 and 1"),
        ({"weight_decay": -1.0}, "weight decay is 0 or more"),
        ({"dropout": 1.0}, "dropout lies from 0 to below 1"),
        ({"validation_share": 0.6}, "validation share from 0 to 0.5"),
        ({"max_epochs": 0}, "at least 1"),
        ({"batch_size": 1}, "a batch has 2 patients or more"),
    ],
)
def test_impossible_trainings_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        CnnSettings(**values)


def test_settings_come_back_from_json():
    made = CnnSettings("densenet121", dropout=0.1, augmentation=Augmentation(rotate_deg=5))
    assert cnn_settings_from_json(made.to_json()) == made
    with pytest.raises(InputError, match="CNN settings: cannot be read"):
        cnn_settings_from_json({"layers": 3})

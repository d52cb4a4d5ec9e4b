"""SpecAugment: what is hidden, when, and that a step's numbers are its own."""

import pytest
import torch

from plusx.data.image import ImageSpec
from plusx.data.sound import SoundSpec
from plusx.errors import WrongUse
from plusx.training.recipe import Recipe
from plusx.training.spec_mask import Masked, SpecMask, refuse_unless_spectrograms
from plusx.training.state import State


@pytest.mark.parametrize("shape", [(200, 1, 40, 101), (200, 40, 101)])
def test_whole_bands_and_frames_are_hidden_and_no_more_than_asked_for(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    hidden = (Masked(SpecMask(bands=8, frames=20))(torch.ones(shape)) == 0).reshape(200, 40, 101)
    bands, frames = hidden.all(dim=2).sum(dim=1), hidden.all(dim=1).sum(dim=1)
    assert (bands.min(), bands.max(), frames.min(), frames.max()) == (0, 8, 0, 20)
    # All that is hidden lies in a hidden band or a hidden frame.
    assert torch.equal(hidden, hidden.all(dim=2)[:, :, None] | hidden.all(dim=1)[:, None])
    assert len({tuple(row) for row in hidden.all(dim=1).int().tolist()}) > 100


def test_masks_may_be_wider_than_the_spectrogram_and_many() -> None:
    torch.manual_seed(0)
    masked = Masked(SpecMask(bands=99, frames=0, band_masks=3))(torch.ones(50, 1, 4, 5))
    assert masked.min() == 0
    assert Masked(SpecMask(bands=0, frames=0))(torch.ones(5, 1, 4, 5)).all()


def test_it_is_there_in_training_only_and_leaves_the_weights_their_names() -> None:
    plain = Recipe(model="resnet8", preprocessing=SoundSpec(samples=1600))
    with_mask = plain.model_copy(update={"spec_mask": SpecMask()})
    states = [State(recipe, {"num_classes": 2}, torch.device("cpu")) for recipe in (plain, with_mask)]
    assert states[0].network.state_dict().keys() == states[1].network.state_dict().keys()
    sounds = torch.randint(-3000, 3000, (4, 1, 1600), dtype=torch.int16)
    assert torch.equal(states[0].evaluated()(sounds), states[1].evaluated()(sounds))
    states[1].train()
    front = states[1].network.front
    torch.manual_seed(1)
    first = front(sounds)
    torch.manual_seed(1)
    assert torch.equal(first, front(sounds))
    assert not torch.equal(first, front(sounds))


@pytest.mark.parametrize("spec", [ImageSpec(height=8, width=8, channels=1), SoundSpec(samples=800, front="waveform")])
def test_what_is_no_spectrogram_is_refused(spec: ImageSpec | SoundSpec) -> None:
    with pytest.raises(WrongUse, match="only the log-mel spectrograms of sounds"):
        refuse_unless_spectrograms(spec)

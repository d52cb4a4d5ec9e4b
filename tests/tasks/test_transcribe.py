"""Transcripts: what every task promises, and what is its own."""

import json

import numpy as np
import pytest
import torch

from plusx.data.sources import ArraySource, Samples
from plusx.errors import PlusxError, WrongUse
from plusx.model.resnet import ResNet
from plusx.tasks import task_for, task_from_json
from plusx.tasks import transcribe as transcribe_module
from plusx.tasks.decoder import Decoder
from plusx.tasks.transcribe import Transcribe, error_rates

CLASSES = (" ", "a", "b", "c")
TEXTS = ("ab c", "a", "bb", "cab", "c c", "abc")


def targets_of(texts: tuple[str, ...]) -> np.ndarray:
    targets = np.full((len(texts), max(map(len, texts))), -1, np.int16)
    for row, text in zip(targets, texts, strict=True):
        row[: len(text)] = [CLASSES.index(character) for character in text]
    return targets


def saying(texts: tuple[str, ...], frames: int = 9) -> np.ndarray:
    """Outputs that are sure: a character, a blank, a character, ..."""
    outputs = np.zeros((len(texts), len(CLASSES) + 1, frames), np.float32)
    outputs[:, -1] = 50
    for own, text in zip(outputs, texts, strict=True):
        for place, character in enumerate(text):
            own[CLASSES.index(character), 2 * place] = 100
    return outputs


def drawn(frames: int = 9, scale: float = 2.0) -> np.ndarray:
    return np.random.default_rng(1).normal(0, scale, (6, len(CLASSES) + 1, frames)).astype(np.float32)


TARGETS = targets_of(TEXTS)
TASK = Transcribe()


def samples(targets: np.ndarray = TARGETS) -> Samples:
    source = ArraySource(np.zeros((len(targets), 8, 1), np.int16), "made")
    return Samples(source, targets, CLASSES, modality="sound", task="transcribe")


class TestContract:
    def test_it_is_found_by_its_description_and_by_its_examples(self) -> None:
        assert task_for(samples()) == TASK
        assert task_from_json(json.loads(TASK.model_dump_json())) == TASK
        assert TASK.reading_with(Decoder(beam=4), 1.0).model_dump() == TASK.model_dump()

    def test_its_networks_give_such_outputs_exported_too(self) -> None:
        options = TASK.network_options(CLASSES)
        net = ResNet([1, 1], 4, dims=1, in_channels=2, block="separable", strides=(1, 1), **options).eval()
        x = torch.randn(6, 2, 9)
        assert net(x).shape == drawn().shape
        exported = torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},)).module()
        torch.testing.assert_close(exported(x[:3]), net(x[:3]))

    def test_made_up_targets_are_such_as_it_learns_from(self) -> None:
        made_up = TASK.made_up(6, CLASSES)
        assert (made_up.dtype, made_up.shape) == (TARGETS.dtype, TARGETS.shape)
        assert TASK.losses(torch.from_numpy(drawn()), torch.from_numpy(made_up)).isfinite().all()

    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    def test_an_examples_loss_depends_on_no_batch_mate(self, smoothing: float) -> None:
        outputs, batch = torch.from_numpy(drawn()), torch.from_numpy(TARGETS)
        losses = TASK.losses(outputs, batch, smoothing)
        assert losses.shape == (6,)
        alone = [TASK.losses(outputs[row : row + 1], batch[row : row + 1], smoothing) for row in range(6)]
        torch.testing.assert_close(losses, torch.cat(alone))

    def test_losses_lead_to_the_targets(self) -> None:
        outputs, batch = torch.from_numpy(drawn()).requires_grad_(), torch.from_numpy(TARGETS)
        descent = torch.optim.Adam([outputs], lr=0.1)
        for _ in range(200):
            descent.zero_grad()
            TASK.losses(outputs, batch).sum().backward()
            descent.step()
        assert TASK.hits(outputs, batch) == 6

    def test_perfect_outputs_have_perfect_scores(self) -> None:
        scores = TASK.scores(saying(TEXTS), TARGETS, CLASSES)
        assert {**scores, "loss": round(scores["loss"], 6)} == {
            "count": 6,
            "accuracy": 1.0,
            "wer": 0.0,
            "cer": 0.0,
            "loss": 0.0,
        }

    def test_training_and_evaluation_count_alike(self) -> None:
        outputs = np.where(np.arange(6)[:, None, None] < 3, saying(TEXTS), drawn())
        scores = TASK.scores(outputs, TARGETS, CLASSES)
        batch = torch.from_numpy(outputs), torch.from_numpy(TARGETS)
        assert scores["accuracy"] == int(TASK.hits(*batch)) / 6 == 0.5
        assert scores["loss"] == pytest.approx(float(TASK.losses(*batch).mean()), rel=1e-5)

    def test_too_few_frames_count_alike_too(self) -> None:
        outputs = drawn(frames=3)
        losses = TASK.losses(torch.from_numpy(outputs), torch.from_numpy(TARGETS))
        assert (losses == 0).tolist() == [True, False, False, False, False, False]
        assert TASK.scores(outputs, TARGETS, CLASSES)["loss"] == pytest.approx(float(losses.mean()), rel=1e-5)

    @pytest.mark.parametrize("beam", [1, 8])
    def test_answers_and_scores_are_well_formed_json(self, beam: int) -> None:
        task = TASK.reading_with(Decoder(beam=beam))
        answers, scores = task.answers(drawn(), CLASSES), task.scores(drawn(), TARGETS, CLASSES)
        assert json.loads(json.dumps([answers, scores], allow_nan=False)) == [answers, scores]
        for answer in answers:
            assert tuple(answer) == tuple(TASK.ANSWER)
            assert answer["label"] == answer["text"]
            assert answer["label"] in TASK.words(answer)
            assert 0 <= answer["probability"] <= 1
            assert answer["text"].split() == answer["words"]
            assert answer["starts_s"] == sorted(answer["starts_s"])
            assert len(answer["starts_s"]) == len(answer["words"])

    def test_equal_views_are_their_own_mean(self) -> None:
        alone = TASK.scores(drawn(), TARGETS, CLASSES)
        for views in (1, 3):
            averaged = TASK.averaged([drawn()] * views)
            assert TASK.scores(averaged, TARGETS, CLASSES) == pytest.approx(alone)

    def test_no_outputs_have_no_answers_and_no_scores(self) -> None:
        assert TASK.answers(np.empty((0, 5)), CLASSES) == []
        with pytest.raises(ValueError, match="no example"):
            TASK.scores(np.empty((0, 5, 9)), TARGETS[:0], CLASSES)


def test_words_begin_where_their_first_character_does() -> None:
    [answer] = TASK.reading_with(Decoder(), duration_s=1.8).answers(saying(("ab c",)), CLASSES)
    assert (answer["text"], answer["words"]) == ("ab c", ["ab", "c"])
    # Nine frames of 0.2 s; the characters are in the frames 0, 2, 4 and 6.
    assert answer["starts_s"] == [0.0, 1.2]


def test_smoothing_is_a_share_of_each_frames_cross_entropy_with_equal_classes() -> None:
    outputs, batch = torch.from_numpy(drawn()), torch.from_numpy(TARGETS)
    even = -outputs.log_softmax(1).mean(1).sum(1)
    torch.testing.assert_close(
        TASK.losses(outputs, batch, 0.2), 0.8 * TASK.losses(outputs, batch) + 0.2 * even, rtol=1e-5, atol=1e-5
    )


def test_error_rates_count_all_words_together() -> None:
    # One of four words wrong and one missing; five of 19 characters, spaces among them.
    rates = error_rates(["call home", "turn left"], ["call dome", "turn"])
    assert rates == {"wer": 0.5, "cer": pytest.approx(6 / 18)}


def test_a_transcript_that_the_frames_cannot_spell_is_refused() -> None:
    TASK.check_frames(samples(), 4)
    with pytest.raises(WrongUse, match=r"made/0: its transcript of 4 characters needs 4 frames, the network gives 3"):
        TASK.check_frames(samples(), 3)


def test_without_jiwer_it_says_so_before_anything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcribe_module, "find_spec", lambda name: None)
    with pytest.raises(PlusxError, match=r"pip install 'plusx\[audio\]'"):
        task_for(samples())

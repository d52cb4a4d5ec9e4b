"""Speech to text: the characters that were said, without being told when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from jaxtyping import Float, Int, Int16
from pydantic import PrivateAttr

from plusx.data.sources import Samples
from plusx.errors import PlusxError, WrongUse
from plusx.tasks.asked import Asked, no_choice
from plusx.tasks.base import AnswerType, TaskBase
from plusx.tasks.ctc import Read, ctc_losses, frames_needed, greedy
from plusx.tasks.decoder import Decoder
from plusx.tasks.softmax import averaged, log_softmax
from plusx.words import percent

if TYPE_CHECKING:
    from torch import Tensor

MADE_UP_LENGTH = 4
Transcripts = Int16[np.ndarray, "count longest"]
"""Each example's characters, as their places in the alphabet; filled up with -1."""


class Transcribe(TaskBase):
    """The task of writing down what was said, by connectionist temporal classification (Graves et al., ICML 2006).

    Classes are the characters of the alphabet; outputs `(batch, classes + 1, frames)` are the logits of each frame, the
    blank's last.

    >>> path = np.array([1, 1, 2, 0])
    >>> Transcribe().answers(9 * np.eye(3)[None, :, path], ["a", "b"])[0]["text"]
    'ba'
    """

    name: Literal["transcribe"] = "transcribe"

    ANSWER: ClassVar[Mapping[str, AnswerType]] = {
        "label": "text",
        "text": "text",
        "probability": "number",
        "words": "texts",
        "starts_s": "numbers",
    }
    CLASSES: ClassVar[bool] = False
    JUDGED_BY: ClassVar[tuple[str, ...]] = ("wer", "cer", "accuracy")
    FALLS: ClassVar[bool] = True

    _decoder: Decoder = PrivateAttr(default=Decoder())
    _duration_s: float | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, samples: Samples) -> Self:
        """The task; nothing about the examples changes it.

        Raises:
            PlusxError: what counts the errors is not installed.
        """
        if find_spec("jiwer") is None:
            raise PlusxError("transcripts are scored by jiwer, which is not installed: pip install 'plusx[audio]'")
        return cls()

    def reading_with(self, decoder: Decoder, duration_s: float | None = None) -> Self:
        """The same task whose answers are read so, from outputs over so many seconds."""
        changed = self.model_copy()
        changed._decoder, changed._duration_s = decoder, duration_s or self._duration_s
        return changed

    def network_options(self, classes: Sequence[str]) -> dict[str, Any]:
        """What the task asks of a network: in each frame an output a character, and one for the blank."""
        return {"head": "frames", "num_classes": len(classes) + 1}

    def made_up(self, count: int, classes: Sequence[str]) -> Transcripts:
        """Four characters an example, every one in turn."""
        return ((np.arange(count)[:, None] + np.arange(MADE_UP_LENGTH)) % len(classes)).astype(np.int16)

    def losses(
        self,
        outputs: Float[Tensor, "batch classes frames"],
        targets: Int[Tensor, "batch longest"],
        smoothing: float = 0.0,
    ) -> Float[Tensor, " batch"]:
        """Each example's -log p(transcript) in nats, over all its paths; 0, without gradient, where the frames are too
        few to spell it. `smoothing` is the share of the loss that is each frame's cross-entropy with equal classes.
        """
        import torch
        from torch.nn.functional import ctc_loss

        log_probs = outputs.log_softmax(1)
        batch, classes, frames = outputs.shape
        losses = ctc_loss(
            log_probs.permute(2, 0, 1),
            targets.clamp(min=0).long(),
            torch.full((batch,), frames),
            (targets >= 0).sum(1).cpu(),
            blank=classes - 1,
            reduction="none",
            zero_infinity=True,
        )
        if smoothing == 0:
            return losses
        return (1 - smoothing) * losses - smoothing * log_probs.mean(1).sum(1)

    def hits(self, outputs: Float[Tensor, "batch classes frames"], targets: Int[Tensor, "batch longest"]) -> Tensor:
        """How many transcripts of a batch are exactly right, read by the likeliest path."""
        import torch

        read = greedy(outputs.detach().float().cpu().numpy())
        return torch.tensor(_right(read, targets.cpu().numpy()), device=outputs.device)

    def readable(self, outputs: Float[Tensor, "batch classes frames"]) -> dict[str, Tensor]:
        """`probabilities` `(batch, classes, frames)` of each letter in each frame, the blank's last."""
        return {"probabilities": outputs.softmax(1)}

    def averaged(self, outputs: Sequence[Float[np.ndarray, "batch classes frames"]]) -> np.ndarray:
        """The outputs whose probabilities in each frame are the mean of these outputs' probabilities, in float64."""
        return averaged(outputs)

    def answers(
        self, outputs: Float[np.ndarray, "count classes frames"], classes: Sequence[str], top: int = 5
    ) -> list[dict[str, Any]]:
        """For each example its text (`label` is the same), how probable it is, and its words with their starts.

        The probability is that of the likeliest path, or, where a beam was searched, of all that were followed. Starts
        are seconds from the beginning of what the network saw; frames, where its length is not known.
        """
        if len(outputs) == 0:
            return []
        frame_s = 1.0 if self._duration_s is None else self._duration_s / outputs.shape[2]
        return [_answer(read, classes, frame_s) for read in self._decoder.read(log_softmax(outputs), classes)]

    def truth(self, target: Int[np.ndarray, " longest"], classes: Sequence[str]) -> str:
        """What was said."""
        return _text(target[target >= 0].tolist(), classes)

    def asked(
        self, outputs: Float[np.ndarray, "count classes frames"], classes: Sequence[str], label: str | None = None
    ) -> list[Asked]:
        """The text that the likeliest path reads.

        Raises:
            WrongUse: a label was named.
        """
        no_choice(label, "a transcript")
        every = greedy(log_softmax(outputs))
        return [Asked(0, _text(read.labels, classes), float(np.exp(min(read.log_probability, 0.0)))) for read in every]

    def explained(
        self, outputs: Float[Tensor, "batch classes frames"], unchanged: Tensor, places: Int[Tensor, " batch"]
    ) -> Float[Tensor, " batch"]:
        """The logarithm of the likeliest path's probability, summed over its frames with a character; where it has
        none, over all."""
        path = unchanged.argmax(1)
        said = path != outputs.shape[1] - 1
        said = said | ~said.any(1, keepdim=True)
        return (outputs.log_softmax(1).gather(1, path[:, None])[:, 0] * said).sum(1)

    def words(self, answer: Mapping[str, Any]) -> str:
        """The text, and how probable it is.

        >>> Transcribe().words({"label": "seven two", "probability": 0.9})
        'seven two (90.00 %)'
        """
        return f"{answer['label']} ({percent(answer['probability'])})"

    def verdict(self, scores: Mapping[str, Any]) -> str:
        """What the scores come to, in a few words for a person."""
        return f"{super().verdict(scores)}; word error rate {percent(scores['wer'])}"

    def scores(
        self, outputs: Float[np.ndarray, "count classes frames"], targets: Transcripts, classes: Sequence[str]
    ) -> dict[str, Any]:
        """Word and character error rate (errors of all transcripts as shares of all that was said), the share of
        transcripts that are exactly right (`accuracy`), and the loss; those too long for the frames count as 0 in it.

        Raises:
            ValueError: there is no example.
        """
        if len(targets) == 0:
            raise ValueError("no example to score")
        log_probs = log_softmax(outputs)
        read = self._decoder.read(log_probs, classes)
        losses = ctc_losses(log_probs, targets)
        said = [_text(row[row >= 0].tolist(), classes) for row in targets]
        return {
            "count": len(targets),
            "accuracy": _right(read, targets) / len(targets),
            **error_rates(said, [_text(one.labels, classes) for one in read]),
            "loss": float(np.where(np.isfinite(losses), losses, 0.0).mean()),
        }

    def check_frames(self, samples: Samples, frames: int) -> None:
        """Nothing, if each transcript can be spelled in so many frames.

        Raises:
            WrongUse: one cannot.
        """
        needed = frames_needed(samples.targets)
        longest = int(needed.argmax())
        if needed[longest] > frames:
            raise WrongUse(
                f"{samples.source.name(longest)}: its transcript of {len(samples.label(longest)):,} characters needs "
                f"{needed[longest]:,} frames, the network gives {frames:,}; mend it, or leave the example out"
            )


def reading(task: TaskBase, spec: object, decoder: Decoder | None) -> Any:
    """The task as its answers are to be read from examples of this spec; one without transcripts as it is.

    Raises:
        WrongUse: there is a decoder, but no transcript to read.
    """
    if isinstance(task, Transcribe):
        return task.reading_with(decoder or Decoder(), getattr(spec, "duration_s", None))
    if decoder is not None:
        raise WrongUse("--beam, --lm: they are for models that write transcripts; leave them out")
    return task


def error_rates(said: Sequence[str], read: Sequence[str]) -> dict[str, float]:
    """`wer` and `cer`: words and characters that are wrong, missing or too many, as shares of what was said.

    >>> error_rates(["one two"], ["one too"])
    {'wer': 0.5, 'cer': 0.14285714285714285}
    """
    jiwer = import_module("jiwer")
    return {"wer": float(jiwer.wer(list(said), list(read))), "cer": float(jiwer.cer(list(said), list(read)))}


def _right(read: Sequence[Read], targets: Int[np.ndarray, "count longest"]) -> int:
    return sum(one.labels == tuple(row[row >= 0].tolist()) for one, row in zip(read, targets, strict=True))


def _text(labels: Sequence[int], classes: Sequence[str]) -> str:
    return "".join(classes[label] for label in labels)


def _answer(read: Read, classes: Sequence[str], frame_s: float) -> dict[str, Any]:
    text = _text(read.labels, classes)
    begins = [place for place, one in enumerate(text) if one != " " and (place == 0 or text[place - 1] == " ")]
    return {
        "label": text,
        "text": text,
        "probability": float(np.exp(min(read.log_probability, 0.0))),
        "words": text.split(),
        "starts_s": [round(read.frames[place] * frame_s, 3) for place in begins],
    }

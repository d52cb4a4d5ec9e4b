"""`plusx.load`: a trained model that answers and is scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plusx.archive import Archive, read_archive
from plusx.data.array import ArraySpec
from plusx.data.cache import default_cache_dir, prepare_samples
from plusx.data.modalities import spec_from_json
from plusx.data.samples import DataSet, read_dataset
from plusx.engines import ENGINES, Engine
from plusx.engines.choose import find_engine, first
from plusx.engines.golden import check_description
from plusx.engines.views import with_views
from plusx.errors import PlusxError, WrongUse
from plusx.evaluate.robustness import Progress, check_corruptible, robustness
from plusx.evaluate.scores import judge
from plusx.predict.ahead import Input
from plusx.predict.dense import segment_stream
from plusx.predict.embed import Embedded, embed_stream, without_answer
from plusx.predict.stream import predict_stream
from plusx.reporting.document import report as write_report
from plusx.reporting.subject import Subject
from plusx.tasks import task_from_json
from plusx.tasks.decoder import find_decoder

if TYPE_CHECKING:
    from plusx.predict.parts import Written
    from plusx.understand.explained import Explained

One = Input | Path


class Model:
    """A trained model, ready to answer. `load` makes one.

    Args:
        archive: the model file's content.
        engine: what runs its network.
    """

    def __init__(self, archive: Archive, engine: Engine):
        self.archive, self.engine = archive, engine

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, in the order of the network's outputs."""
        return self.archive.manifest.classes

    def at(self, threshold: float) -> Model:
        """The same model, whose answers are what is at least so probable: boxes, or labels of any number.

        Raises:
            WrongUse: it answers the likeliest, however sure that is; or the threshold is not between 0 and 1.
        """
        if not 0 < threshold < 1:
            raise WrongUse(f"--threshold {threshold:g}: it must lie between 0 and 1")
        task = task_from_json(self.archive.manifest.task).at(threshold)
        manifest = self.archive.manifest.model_copy(update={"task": task.model_dump(mode="json")})
        return Model(replace(self.archive, manifest=manifest), self.engine)

    def predict(
        self,
        inputs: One | Iterable[One],
        top: int = 5,
        *,
        tta: str = "none",
        beam: int | None = None,
        lm: str | Path | None = None,
    ) -> list[dict[str, Any]]:
        """One answer an input, in order: `path`, `error`, and between them what the model's task answers (the `answers`
        of `plusx.tasks`): mostly `label`, `probability` and `top`.

        Args:
            inputs: one or many of: a path, a file's bytes (a text's in UTF-8), uint8 pixels `(height, width[,
                channels])`, int16 or float samples `(samples[, channels])` at the model's rate.
            top: how many of the likeliest labels to list.
            tta: test-time views, `mirror` or `shift`: probabilities are then the mean over them.
            beam: how many readings of a transcript to follow; None: the likeliest path alone, or 16 with `lm`.
            lm: a language model in the ARPA format, which helps to choose between readings.

        A bad input gives an answer whose `error` says why; it raises nothing.

        Raises:
            WrongUse: no such views, or the model's examples are no pictures; a beam or language model without
                transcripts.
            PlusxError: no such language model.
        """
        engine = with_views(self.engine, self.archive, tta)
        return list(predict_stream(self.archive, engine, _many(inputs), top, find_decoder(beam, lm)))

    def explain(
        self,
        inputs: One | Iterable[One],
        *,
        method: str = "auto",
        layer: str | None = None,
        label: str | None = None,
        nearest: str | Path | None = None,
        out: str | Path | None = None,
    ) -> list[Explained]:
        """What in each input mattered for the answer, in order: its `row`, and its `heat` from -1 to 1.

        The same as `plusx.explain` with this model.
        """
        # Here, since it brings torch along.
        from plusx.api.explain import explain

        return explain(self, inputs, method=method, layer=layer, label=label, nearest=nearest, out=out)

    def embed(self, inputs: One | Iterable[One]) -> np.ndarray:
        """What the model knows of each input just before its answer: `(count, width)`, float32.

        Args:
            inputs: as for `predict`.

        Raises:
            PlusxError: an input cannot be read, or the network has no vector for a whole example.
        """
        rows = list(self.embedded(_many(inputs)))
        for number, row in enumerate(rows):
            if row.error is not None:
                raise PlusxError(f"{row.path or f'input {number}'}: {row.error}")
        return np.stack([row.embedding for row in rows if row.embedding is not None])

    def embedded(self, inputs: Iterable[Input]) -> Iterator[Embedded]:
        """A vector, or why there is none, for each input, in order."""
        archive = without_answer(self.archive)
        engine = self.engine if archive is self.archive else ENGINES[self.engine.name](archive)
        return embed_stream(archive, engine, inputs)

    def predict_into(self, inputs: One | Iterable[One], out: str | Path, **choices: Any) -> Written:
        """Answers in the parts of a folder, as many as there are: `plusx.api.volume.predict_into` with this model."""
        from plusx.api.volume import predict_into

        return predict_into(self, _many(inputs), out, **choices)

    def embed_into(self, inputs: One | Iterable[One], out: str | Path, **choices: Any) -> Written:
        """Vectors in the parts of a folder: `plusx.api.volume.embed_into` with this model."""
        from plusx.api.volume import embed_into

        return embed_into(self, _many(inputs), out, **choices)

    def masks(self, inputs: One | Iterable[One]) -> list[np.ndarray]:
        """Of a model of pictures with masks: each input's mask `(height, width)`, uint8, as large as the picture.

        Values are places in `classes`; 255 is where nothing was asked.

        Raises:
            WrongUse: the model's task is another.
            PlusxError: an input cannot be read.
        """
        many = [inputs] if isinstance(inputs, str | bytes | Path | np.ndarray) else inputs
        sources = (str(source) if isinstance(source, Path) else source for source in many)
        found: list[np.ndarray] = []
        for number, answer in enumerate(segment_stream(self.archive, self.engine, sources)):
            if answer.mask is None:
                raise PlusxError(f"{answer.row['path'] or f'input {number + 1}'}: {answer.row['error']}")
            found.append(answer.mask)
        return found

    def evaluate(
        self,
        data: str | Path | DataSet,
        *,
        split: str = "",
        data_dir: Path | None = None,
        cache: bool = True,
        tta: str = "none",
        beam: int | None = None,
        lm: str | Path | None = None,
        report: str | Path | None = None,
        corruptions: bool = False,
        limit: int | None = None,
        on_progress: Progress | None = None,
    ) -> dict[str, Any]:
        """The scores on a set, as the model's task gives them (`count`, `accuracy`, `loss`, `per_class`, ...), and its
        `split`; with test-time views, their name as `tta`.

        Args:
            data: as for `train`; classes are matched by name, but by a model of the task `embed`, which takes any.
            split: `train`, `val` or `test`; by default the last of test, val, train that there is.
            data_dir: where a known set's files are.
            cache: keep decoded pictures for the next time.
            tta: test-time views, `mirror` or `shift`: probabilities are then the mean over them.
            beam, lm: how transcripts are read, as for `predict`.
            report: the page that is written about it; None: none.
            corruptions: also score corrupted pictures (`plusx.evaluate.corrupt`): the task's main score by corruption
                and severity as `corruptions`, over all as `corruption_mean`, that of the worst as `corruption_worst`.
            limit: how many examples, evenly taken, are corrupted; None: a thousand.
            on_progress: gets (corruption, how many are done, of how many) as each is done.

        Raises:
            WrongUse: no such split or views, views or corruptions of what is no picture, classes that the model does
                not know, several labels where it names one, or a beam or language model without transcripts.
            PlusxError: no example can be read, or no such language model.
        """
        decoder = find_decoder(beam, lm)
        engine = with_views(self.engine, self.archive, tta)
        if corruptions:
            check_corruptible(self.archive, limit)
        elif limit is not None:
            raise WrongUse(f"--limit {limit}: it is how many examples are corrupted; add --corruptions")
        manifest = self.archive.manifest
        spec = spec_from_json(manifest.preprocessing)
        task = task_from_json(manifest.task)
        dataset = read_dataset(
            data,
            data_dir=data_dir,
            classes=None if task.OPEN else self.classes,
            task=task.name,
            modality="auto" if isinstance(spec, ArraySpec) else spec.modality,
        )
        split = split or next(name for name in ("test", "val", "train") if getattr(dataset, name) is not None)
        prepared = prepare_samples(dataset.split(split), spec, cache=default_cache_dir() if cache else None)
        judged = judge(self.archive, engine, prepared, decoder)
        asked = robustness(self.archive, engine, prepared, limit, on_progress) if corruptions else None
        if report is not None:
            subject = Subject(self.archive, engine, prepared, split, *judged, dataset.origin, robustness=asked)
            write_report(subject).write(Path(report))
        reasons = [skipped._asdict() for skipped in prepared.skipped]
        viewed = {} if tta == "none" else {"tta": tta}
        corrupted = {} if asked is None else asked.as_scores()
        return {"split": split, **viewed, **judged.scores, **corrupted, "skipped_because": reasons}


def _many(inputs: One | Iterable[One]) -> Iterator[Input]:
    many = [inputs] if isinstance(inputs, str | bytes | Path | np.ndarray) else inputs
    return (str(source) if isinstance(source, Path) else source for source in many)


def load(
    path: str | Path, engine: str | None = None, *, measure: bool = True, say: Callable[[str], None] | None = None
) -> Model:
    """A model from a `.plusx` file or a run folder, its golden examples checked.

    Args:
        path: the file or folder.
        engine: what runs its network: `torch`, `onnx`, `openvino`, or `auto` for the fastest of these here. None:
            torch, or what starts at once where the model carries its graph.
        measure: whether `auto` measures the engines where it has not yet, which takes seconds.
        say: is told what `auto` took, and why.

    Raises:
        PlusxError: the file is damaged, or the engine is not installed or does not answer as the training did.
        WrongUse: no such engine.
    """
    archive = read_archive(Path(path), weights=False)
    check_description(archive)
    running = first(archive) if engine is None else find_engine(engine, archive, measure=measure, say=say)
    return Model(archive, running)

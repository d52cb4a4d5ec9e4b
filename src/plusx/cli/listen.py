"""`plusx listen`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from plusx.cli.output import Engine, print_json, say
from plusx.errors import WrongUse
from plusx.words import percent


def listen(
    model: Annotated[Path, typer.Argument(help="A .plusx file or a run folder, trained on sounds.")],
    source: Annotated[
        str, typer.Argument(metavar="[FILE|-]", help="A WAV file of any length, or - for raw samples on stdin.")
    ] = "-",
    hop: Annotated[float, typer.Option(min=0.01, help="Seconds from one window to the next.")] = 0.25,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="The least probability of an event.")] = 0.5,
    smooth: Annotated[int, typer.Option(min=1, help="Windows whose mean probability counts.")] = 3,
    ignore: Annotated[list[str] | None, typer.Option(metavar="LABEL", help="A label that makes no event.")] = None,
    engine: Engine = "auto",
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line: each event, then the latency.")
    ] = False,
) -> None:
    """Say what is heard when in a long recording, or on stdin as it comes.

    On stdin: signed 16-bit little-endian samples of one channel at the model's rate (16 kHz), as
    `arecord -t raw -f S16_LE -r 16000` gives them.
    """
    from plusx.api.model import load
    from plusx.predict.listen import Listener, raw_stream, wav_stream

    loaded = load(model, engine, measure=False)
    listener = Listener(loaded.archive, loaded.engine, hop, threshold, smooth, tuple(ignore or ()))
    if source != "-" and not Path(source).exists():
        raise WrongUse(f"{source}: no such file")
    with nullcontext(sys.stdin.buffer) if source == "-" else Path(source).open("rb") as file:
        stream = raw_stream(file, listener.rate, hop) if source == "-" else wav_stream(file, source, hop)
        for event in listener.hear(stream):
            if json:
                print_json(event.as_json())
            else:
                print(f"{event.start_s:9.2f} {event.end_s:9.2f}  {event.label} {percent(event.probability)}")
            # Whoever reads a stream wants each event when it is over.
            sys.stdout.flush()
    latency = listener.latency.as_json()
    if json:
        print_json(latency)
    else:
        say(
            f"{latency['windows']:,} windows, each answered after {latency['latency_ms']:.1f} ms, at most "
            f"{latency['max_latency_ms']:.1f} ms"
        )

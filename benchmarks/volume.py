"""Photos a second from a folder to answers: `plusx predict` beside the loop that people write, as whole commands.

    python benchmarks/volume.py small|large [--photos FOLDER] [--count 320] [--rounds 3] [--write]

`small` are JPEGs of 500x375, `large` of 12 megapixels: crops of scikit-learn's sample photos, and of those in a folder.
Ways take turns, so that what else the machine does meets all of them. The textbook's loop is run with no workers and
with two, and the better of the two goes on.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from mnist import UNSET
from results import setting, spread, write_section
from volume_models import make_models
from volume_photos import SIZES, make_photos, mean_bytes

HEADING = "Photos a second from a folder to answers"
TEXTBOOKS = {f"textbook loop, {workers} workers": workers for workers in (0, 2)}
PLUSX = {
    "plusx, torch": ("float32", "torch"),
    "plusx, OpenVINO, float32": ("float32", "openvino"),
    "plusx, OpenVINO, int8": ("int8", "openvino"),
}


class Time(NamedTuple):
    """What a command takes by the clock, and of all processors with its children's."""

    wall_s: float
    processor_s: float

    def __str__(self) -> str:
        return f"{self.wall_s:.1f} s ({self.processor_s:.1f} s of processors)"


Taken = dict[str, list[Time]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=list(SIZES))
    parser.add_argument("--photos", type=Path, help="more photos to take crops of, such as scikit-image's data folder")
    parser.add_argument("--count", type=int, default=320, help="how many photos")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        make_photos(work / "photos", SIZES[options.size], options.count, options.photos)
        make_photos(work / "one", SIZES[options.size], 1, options.photos)
        commands = commands_in(work, make_models(work, work / "photos"))
        whole, start = measure(commands, work, options.rounds)
        kilobytes = mean_bytes(work / "photos") / 1000
    body = table(options.size, whole, start, options.count)
    size = SIZES[options.size]
    body += (
        f"\n\n{options.count} photos of {size.width}x{size.height}, {kilobytes:,.0f} kB each on average; a ResNet-50 "
        "with random weights, 1000 classes. A whole command begins with an interpreter and ends with the answers in a "
        "CSV file; the start is that of the same command for one photo. What others took of the machine meanwhile is "
        "in the clock's times, not in the processors'. Medians (lowest to highest) of "
        f"{options.rounds} rounds.\n\n{setting()}."
    )
    print(f"\n{body}")
    if options.write:
        photos = " --photos skimage/data" if options.photos else ""
        command = (
            f"python benchmarks/volume.py {options.size}{photos} --count {options.count} --rounds {options.rounds}"
        )
        write_section(f"{HEADING}: {options.size}", f"{body}\n\n`{command} --write`")


def commands_in(work: Path, models: Mapping[str, Path]) -> dict[str, list[str]]:
    """Each way as a command that lacks the folder of photos."""
    textbook = [sys.executable, str(Path(__file__).with_name("volume_textbook.py"))]
    textbook += ["--weights", str(work / "weights.safetensors"), "--out", str(work / "textbook.csv")]
    ways = {title: [*textbook, "--workers", str(workers)] for title, workers in TEXTBOOKS.items()}
    for title, (precision, engine) in PLUSX.items():
        command = [sys.executable, "-m", "plusx", "predict", str(models[precision])]
        ways[title] = [*command, "--engine", engine, "--out", str(work / f"{precision}-{engine}.csv")]
    return ways


def measure(commands: Mapping[str, list[str]], work: Path, rounds: int) -> tuple[Taken, Taken]:
    """What each way takes for all photos, and for one."""
    whole: Taken = {title: [] for title in commands}
    start: Taken = {title: [] for title in commands}
    for title in PLUSX:
        # The graph that OpenVINO reads is made once a model, and kept.
        run(commands[title], work / "one", work)
    for number in range(rounds):
        for title, command in commands.items():
            if number and title in TEXTBOOKS and title != better(whole):
                continue
            start[title].append(run(command, work / "one", work))
            whole[title].append(run(command, work / "photos", work))
            print(f"{title:<26} round {number}: {whole[title][-1]}, start {start[title][-1]}", flush=True)
    chosen = [title for title in commands if title not in TEXTBOOKS or title == better(whole)]
    return {title: whole[title] for title in chosen}, {title: start[title] for title in chosen}


def better(whole: Taken) -> str:
    return min(TEXTBOOKS, key=lambda title: whole[title][0].wall_s)


def run(command: Sequence[str], photos: Path, work: Path) -> Time:
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    environment["PLUSX_CACHE"] = str(work / "cache")
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([*command, str(photos)], env=environment, capture_output=True, text=True, check=False)
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return Time(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def table(size: str, whole: Taken, start: Taken, count: int) -> str:
    first = next(iter(whole))
    lines = [
        f"| {size} photos | a second, whole command | times the textbook | start, s | a second after the start "
        "| times the textbook | processor after the start, ms a photo | times the textbook |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rates = {title: median(count / each.wall_s for each in times) for title, times in whole.items()}
    walls, processors = (
        {title: each_photo_s(part, whole[title], start[title], count) for title in whole} for part in range(2)
    )
    for title, times in whole.items():
        cells = [
            spread([count / each.wall_s for each in times]),
            f"{rates[title] / rates[first]:.2f}",
            f"{median(each.wall_s for each in start[title]):.1f}",
            f"{1 / walls[title]:.1f}",
            f"{walls[first] / walls[title]:.2f}",
            f"{1000 * processors[title]:.0f}",
            f"{processors[first] / processors[title]:.2f}",
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def each_photo_s(part: int, whole: Sequence[Time], start: Sequence[Time], count: int) -> float:
    """Seconds a photo beyond the first, by the clock (part 0) or of processors (1)."""
    return (median(each[part] for each in whole) - median(each[part] for each in start)) / (count - 1)


if __name__ == "__main__":
    main()

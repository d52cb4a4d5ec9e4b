"""Photos a second from a folder to answers: `plusx predict` beside the loop that people write, as whole commands.

    python benchmarks/volume.py small|large [--photos FOLDER] [--count 320] [--rounds 3] [--write]

`small` are JPEGs of 500x375, `large` of 12 megapixels: crops of scikit-learn's sample photos, and of those in a folder.
Ways take turns, so that what else the machine does meets all of them. The textbook's loop is run with no workers and
with two, and the better of the two goes on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

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
Seconds = dict[str, list[float]]


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
        "CSV file; the start is that of the same command for one photo. Medians (lowest to highest) of "
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


def measure(commands: Mapping[str, list[str]], work: Path, rounds: int) -> tuple[Seconds, Seconds]:
    """Each way's seconds for all photos, and for one."""
    whole: Seconds = {title: [] for title in commands}
    start: Seconds = {title: [] for title in commands}
    for title in PLUSX:
        # The graph that OpenVINO reads is made once a model, and kept.
        seconds(commands[title], work / "one", work)
    for number in range(rounds):
        for title, command in commands.items():
            if number and title in TEXTBOOKS and title != better(whole):
                continue
            start[title].append(seconds(command, work / "one", work))
            whole[title].append(seconds(command, work / "photos", work))
            print(f"{title:<26} round {number}: {whole[title][-1]:6.1f} s, start {start[title][-1]:.1f} s", flush=True)
    chosen = [title for title in commands if title not in TEXTBOOKS or title == better(whole)]
    return {title: whole[title] for title in chosen}, {title: start[title] for title in chosen}


def better(whole: Seconds) -> str:
    return min(TEXTBOOKS, key=lambda title: whole[title][0])


def seconds(command: Sequence[str], photos: Path, work: Path) -> float:
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    environment["PLUSX_CACHE"] = str(work / "cache")
    began = time.perf_counter()
    done = subprocess.run([*command, str(photos)], env=environment, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return taken


def table(size: str, whole: Seconds, start: Seconds, count: int) -> str:
    first = next(iter(whole))
    lines = [
        f"| {size} photos | a second, whole command | times the textbook | start, s | a second after the start "
        "| times the textbook |",
        "|---|---|---|---|---|---|",
    ]
    rates = {title: median(count / each for each in values) for title, values in whole.items()}
    after = {title: (count - 1) / (median(whole[title]) - median(start[title])) for title in whole}
    for title, values in whole.items():
        cells = [
            spread([count / each for each in values]),
            f"{rates[title] / rates[first]:.2f}",
            f"{median(start[title]):.1f}",
            f"{after[title]:.1f}",
            f"{after[title] / after[first]:.2f}",
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

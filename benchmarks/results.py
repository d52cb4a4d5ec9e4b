"""What every benchmark's result must say beside its figures, and its section in RESULTS.md."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).with_name("RESULTS.md")
TITLE = "# Results\n\nEach section is what its command printed; `--write` replaces it.\n"


def setting() -> str:
    """The date, the hardware and the versions, in one line."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("plusx", "torch", "torchvision"))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{date.today()}; {cpu_model()}, {cores} cores; Python {platform.python_version()}, {libraries}"


def cpu_model() -> str:
    """The processor's name as the system gives it."""
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def spread(values: Sequence[float], form: str = ".1f") -> str:
    """The median, with the lowest and the highest.

    >>> spread([3.0, 1.0, 2.0])
    '2.0 (1.0 to 3.0)'
    """
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def write_section(heading: str, body: str) -> None:
    """Puts the section in the place of the one with this heading, or at the end; all others stay."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else TITLE
    section = f"## {heading}\n\n{body.strip()}\n"
    start = text.find(f"## {heading}\n")
    if start < 0:
        text = f"{text.rstrip()}\n\n{section}"
    else:
        end = text.find("\n## ", start)
        text = text[:start] + section + (text[end:] if end >= 0 else "")
    RESULTS.write_text(text, encoding="utf-8")

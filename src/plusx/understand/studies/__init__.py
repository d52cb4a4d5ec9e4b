"""The papers' claims as experiments. A new study is one file and one line here."""

from __future__ import annotations

from typing import Any

from plusx.understand.studies.degradation import DEGRADATION
from plusx.understand.studies.depth_cost import DEPTH_COST
from plusx.understand.studies.gradients import GRADIENTS
from plusx.understand.studies.landscape import LANDSCAPE
from plusx.understand.studies.lesion import LESION
from plusx.understand.studies.responses import RESPONSES
from plusx.understand.studies.shortcuts import SHORTCUTS_STUDY
from plusx.understand.studies.study import Study

STUDIES: dict[str, Study[Any]] = {
    "degradation": DEGRADATION,
    "gradients": GRADIENTS,
    "lesion": LESION,
    "shortcuts": SHORTCUTS_STUDY,
    "responses": RESPONSES,
    "landscape": LANDSCAPE,
    "depth-cost": DEPTH_COST,
}

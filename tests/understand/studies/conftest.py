"""A few real digits, and a small network on them with its first weights."""

import pytest

from plusx.training.state import State
from plusx.understand.studies.pictures import Pictures, read_pictures
from plusx.understand.studies.study import Settings
from plusx.understand.studies.training import first_state


@pytest.fixture(scope="session")
def pictures() -> Pictures:
    return read_pictures("digits", None, side=16, train=96, test=64)


@pytest.fixture
def settings() -> Settings:
    return Settings(width=4, batch_size=32, epochs=2)


@pytest.fixture
def state(settings: Settings, pictures: Pictures) -> State:
    return first_state(settings, pictures, blocks=2, seed=3, options={"shortcut": "A"})

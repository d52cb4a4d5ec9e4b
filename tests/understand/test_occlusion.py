"""Occlusion where it is known what must be lost."""

import pytest
import torch

from plusx.understand.occlusion import occlusion, steps_for


@pytest.mark.parametrize("space", [(20,), (12, 16), (6, 8, 10)])
def test_the_planted_part_is_found(space: tuple[int, ...]) -> None:
    planted = tuple(slice(size // 2, size // 2 + 3) for size in space)
    x = torch.zeros(2, 1, *space)
    x[(0, 0, *planted)] = 1
    heat = occlusion(lambda x: x.flatten(1), x, lambda outputs: outputs.sum(1), torch.zeros_like(x), [2] * len(space))
    inside = torch.zeros(space, dtype=torch.bool)
    inside[planted] = True
    assert inside.flatten()[heat[0].argmax()]
    far = tuple(slice(0, size // 2 - 4) for size in space)
    assert not heat[(0, *far)].any()
    assert not heat[1].any()


def test_each_place_has_the_mean_of_its_windows() -> None:
    x = torch.arange(1.0, 7).reshape(1, 1, 6)
    # Windows of 4 from -2, 0, 2, 4 on cover 1 2, 1 2 3 4, 3 4 5 6 and 5 6; each place is in two of them.
    heat = occlusion(lambda x: x[:, 0], x, lambda outputs: outputs.sum(1), torch.zeros_like(x), [2])
    assert heat.tolist() == [[(3 + 10) / 2] * 2 + [(10 + 18) / 2] * 2 + [(18 + 11) / 2] * 2]


@pytest.mark.parametrize("space", [(1,), (5000,), (1, 1), (224, 224), (101, 40), (1, 3, 200), (32, 32, 32)])
def test_the_usual_steps_take_few_answers(space: tuple[int, ...]) -> None:
    answers = 0

    def network(x: torch.Tensor) -> torch.Tensor:
        nonlocal answers
        answers += 1
        return x.flatten(1)

    x = torch.randn(1, 1, *space)
    heat = occlusion(network, x, lambda outputs: outputs.sum(1), torch.zeros_like(x), steps_for(space))
    assert heat.shape == (1, *space)
    assert answers <= 1 + 7**3
    assert heat.isfinite().all()

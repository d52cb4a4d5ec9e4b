"""What the rows say a network costs is what the network costs, and both axes' steps cost about the same."""

import pytest

from plusx.model.cost import cost
from plusx.model.resnet import ResNet
from plusx.understand.studies.depth_cost import DepthCost, run
from plusx.understand.studies.pictures import Pictures


def test_costs_are_counted_on_the_network(pictures: Pictures) -> None:
    settings = DepthCost(width=4, factors=(2,), epochs=0.5, seeds=(0,), batch_size=32)
    rows = run(settings, pictures, lambda text: None)
    for row in rows:
        net = ResNet([(row["layers"] - 2) // 6] * 3, row["width"], in_channels=1, shortcut="A", num_classes=10)
        there = cost(net, (1, 8, 8))
        assert (row["macs"], row["params"]) == (there.macs, there.params)
    deep, wide = rows[2:]
    assert (deep["axis"], deep["layers"], deep["width"]) == ("depth", 26, 4)
    assert (wide["axis"], wide["layers"], wide["width"]) == ("width", 8, 8)
    assert deep["macs"] == pytest.approx(wide["macs"], rel=0.25)
    # The smallest network is trained once and stands on both axes.
    assert {**rows[0], "axis": ""} == {**rows[1], "axis": ""}

import torch
from torch import nn

from plusx.training.average import Average


def test_follows_the_formula_and_copies_counters() -> None:
    net = nn.BatchNorm1d(1)
    average = Average(net, decay=0.9)
    expected = 1.0
    for step, value in enumerate([3.0, 5.0, 2.0]):
        with torch.no_grad():
            net.weight.fill_(value)
        assert net.num_batches_tracked is not None
        net.num_batches_tracked.fill_(step + 7)
        average.update(net, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    torch.testing.assert_close(average.state["weight"], torch.tensor([expected]))
    assert average.state["num_batches_tracked"].item() == 9


def test_does_not_share_memory_with_the_network() -> None:
    net = nn.Linear(1, 1)
    average = Average(net, decay=0.5)
    before = average.state["weight"].clone()
    with torch.no_grad():
        net.weight.add_(1)
    assert torch.equal(average.state["weight"], before)

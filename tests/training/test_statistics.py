import pytest
import torch
from torch import nn

from plusx.training.statistics import statistics_kept


def test_a_block_in_a_block_or_with_a_failure_gives_back_what_there_was() -> None:
    network = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2, track_running_stats=False))
    with pytest.raises(RuntimeError), statistics_kept(network), statistics_kept(network):
        network(torch.randn(4, 3))
    assert [norm.track_running_stats for norm in network] == [True, False]
    assert network[0].running_mean.tolist() == [0, 0]
    with statistics_kept(network):
        network(torch.randn(4, 2))
    assert network[0].running_mean.tolist() == [0, 0]
    network(torch.randn(4, 2))
    assert network[0].num_batches_tracked.item() == 1


def test_a_frozen_normalisation_still_answers_by_its_running_statistics() -> None:
    norm = nn.BatchNorm1d(2).eval()
    x = torch.randn(4, 2)
    with statistics_kept(norm):
        torch.testing.assert_close(norm(x), x, rtol=1e-4, atol=1e-4)

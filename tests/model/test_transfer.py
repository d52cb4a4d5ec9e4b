"""What is taken of trained weights: checked by what the networks then answer."""

import pytest
import torch

from plusx.model.resnet import ResNet
from plusx.model.transfer import in_the_zoo, transfer, transferable
from plusx.model.zoo import ZOO, resnet8, resnet14


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def trained(**options) -> ResNet:
    """A network whose every tensor differs from a fresh one's."""
    net = resnet8(num_filters=8, **options).eval()
    for tensor in net.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(torch.rand_like(tensor))
    return net


def test_the_same_network_answers_the_same() -> None:
    theirs = trained()
    ours = resnet8(num_filters=8).eval()
    done = transfer(ours, theirs.state_dict(), "abcdefghij", "abcdefghij")
    assert done.fresh == done.adapted == ()
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(ours(x), theirs(x))


def test_as_many_other_classes_get_a_fresh_head() -> None:
    theirs = trained(num_classes=2)
    ours = resnet8(num_filters=8, num_classes=2).eval()
    before = ours.get_parameter("head.linear.weight").clone()
    assert transfer(ours, theirs.state_dict(), ["cat", "dog"], ["oak", "elm"]).fresh == (
        "head.linear.weight",
        "head.linear.bias",
    )
    assert torch.equal(ours.get_parameter("head.linear.weight"), before)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(ours.features(x)["stage3"], theirs.features(x)["stage3"])


def test_classes_of_the_same_names_keep_their_answers() -> None:
    theirs = trained(num_classes=3)
    ours = resnet8(num_filters=8, num_classes=4).eval()
    fresh = ours.get_parameter("head.linear.bias").clone()
    done = transfer(ours, theirs.state_dict(), ["new", "c", "a", "other"], ["a", "b", "c"])
    assert done.adapted == ("head.linear.weight", "head.linear.bias")
    x = torch.randn(2, 3, 8, 8)
    # One product is of three rows, the other of four: sums may be in another order.
    torch.testing.assert_close(ours(x)[:, [2, 1]], theirs(x)[:, [0, 2]])
    assert torch.equal(ours.get_parameter("head.linear.bias")[[0, 3]], fresh[[0, 3]])


def test_a_head_of_unknown_classes_is_taken_where_there_are_as_many() -> None:
    theirs = trained(num_classes=3)
    assert transfer(resnet8(num_filters=8, num_classes=3), theirs.state_dict(), "abc").fresh == ()
    assert len(transfer(resnet8(num_filters=8, num_classes=4), theirs.state_dict(), "abcd").fresh) == 2


@pytest.mark.parametrize(("theirs_in", "ours_in"), [(3, 1), (1, 3), (3, 4)])
def test_a_stem_answers_alike_channels_as_before(theirs_in: int, ours_in: int) -> None:
    theirs = trained(in_channels=theirs_in)
    ours = resnet8(num_filters=8, in_channels=ours_in).eval()
    done = transfer(ours, theirs.state_dict())
    assert done.adapted == ("stem.conv1.weight",)
    assert "the stem adapted" in str(done)
    grey = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(
        ours(grey.expand(-1, ours_in, -1, -1)), theirs(grey.expand(-1, theirs_in, -1, -1)), atol=1e-4, rtol=1e-4
    )


def test_a_grey_stem_is_timms() -> None:
    manipulate = pytest.importorskip("timm.models._manipulate", reason="timm is not installed")
    theirs = trained(in_channels=3)
    ours = resnet8(num_filters=8, in_channels=1)
    transfer(ours, theirs.state_dict())
    wanted = manipulate.adapt_input_conv(1, theirs.get_parameter("stem.conv1.weight").detach())
    torch.testing.assert_close(ours.get_parameter("stem.conv1.weight").detach(), wanted)


def test_a_deeper_network_takes_what_it_has_in_common() -> None:
    theirs = trained()
    ours = resnet14(num_filters=8)
    done = transfer(ours, theirs.state_dict())
    assert all(name.startswith(("stages.0.1.", "stages.1.1.", "stages.2.1.")) for name in done.fresh)
    assert set(done.taken) == set(theirs.state_dict())


@pytest.mark.parametrize(
    ("ours", "fits"),
    [
        (lambda: resnet14(num_filters=8), True),
        (lambda: resnet8(num_filters=8, in_channels=1), True),
        (lambda: resnet8(num_filters=16), False),
        # Only the normalisations' vectors and the counters are of the same shapes.
        (lambda: resnet8(num_filters=8, dims=1), False),
    ],
)
def test_whether_anything_fits_is_known_without_storage(ours, fits: bool) -> None:
    with torch.device("meta"):
        net = ours()
    assert transferable(net, trained().state_dict()) is fits


def test_any_network_is_one_of_the_zoos_with_options() -> None:
    for network in (*list(ZOO.values())[:3], ZOO["wrn16_4"], ZOO["resnet18d"]):
        with torch.device("meta"):
            net = network(num_classes=7, in_channels=1)
        assert in_the_zoo(net.spec, network.name) == (network.name, {})
    with torch.device("meta"):
        odd = ResNet([1, 3], (8, 24), num_classes=5, in_channels=2, shortcut="C", stem="none", dims=1)
        name, options = in_the_zoo(odd.spec)
        again = ZOO[name](**options, num_classes=5, in_channels=2)
    assert again.spec == odd.spec

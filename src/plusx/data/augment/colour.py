"""Levels and colours changed, each example by its own strength.

All are Pillow's operations, as the augmentation policies were published with. A factor of 1 changes nothing, 0 leaves
the degenerate picture (black, grey, flat, blurred), more goes beyond; fractions of a level are cut off, as there.
"""

import torch
from jaxtyping import Float32, Int32, Int64
from torch import Tensor
from torch.nn import functional

from plusx.data.augment.pixels import Numbers, Pixels, laid_out_like


def brightness(pixels: Pixels, factor: Numbers) -> Pixels:
    """Towards black, or brighter.

    >>> brightness(torch.tensor([[[[10, 200]]]], dtype=torch.uint8), torch.tensor([1.5])).flatten().tolist()
    [15, 255]
    """
    return _cut_off(pixels * _each(factor))


def saturation(pixels: Pixels, factor: Numbers) -> Pixels:
    """Towards grey, or more colourful; nothing else than three channels has colours."""
    return _blend(_grey(pixels), pixels, factor) if pixels.shape[1] == 3 else pixels


def contrast(pixels: Pixels, factor: Numbers) -> Pixels:
    """Towards the picture's mean grey, or away from it."""
    grey = _grey(pixels)
    # The sum of whole numbers is exact in any order, which batches of other sizes may add in.
    mean = grey.sum(dim=(1, 2, 3), keepdim=True, dtype=torch.int64) / grey[0].numel()
    return _blend(mean, pixels, factor)


def sharpness(pixels: Pixels, factor: Numbers) -> Pixels:
    """Towards Pillow's SMOOTH filter, or away from it; the outermost pixels stay."""
    if min(pixels.shape[2:]) < 3:
        return pixels
    values = pixels.float()
    inner = values[:, :, 1:-1, 1:-1]
    # A mean of ones around, and 5 for the middle: the sum of 9 ones and 4 times the middle.
    smooth = ((functional.avg_pool2d(values, 3, stride=1) * 9 + inner * 4) / 13).round()
    result = pixels.clone()
    result[:, :, 1:-1, 1:-1] = _blend(smooth, inner, factor)
    return result


def posterize(pixels: Pixels, bits: Numbers) -> Pixels:
    """Keeps the highest bits of each level: 8 all, 0 none.

    >>> posterize(torch.tensor([[[[255]]]], dtype=torch.uint8), torch.tensor([2.0])).item()
    192
    """
    dropped = (8 - bits).long().clamp(0, 8)
    return pixels & _each(256 - (torch.ones_like(dropped) << dropped)).to(torch.uint8)


def solarize(pixels: Pixels, threshold: Numbers) -> Pixels:
    """Inverts the levels that are not below the threshold."""
    return torch.where(pixels >= _each(threshold), 255 - pixels, pixels)


def solarize_add(pixels: Pixels, added: Numbers) -> Pixels:
    """Adds levels to what is darker than 128."""
    return torch.where(pixels < 128, _cut_off(pixels + _each(added)), pixels)


def autocontrast(pixels: Pixels) -> Pixels:
    """Stretches each channel from its darkest and lightest level to 0 and 255; a flat channel stays."""
    low, high = pixels.amin((2, 3), keepdim=True).float(), pixels.amax((2, 3), keepdim=True).float()
    flat = low == high
    stretched = (pixels - low.masked_fill(flat, 0)) / ((high - low) * (1 / 255)).masked_fill(flat, 1)
    return _cut_off(stretched)


def equalize(pixels: Pixels) -> Pixels:
    """Levels so that each is about as frequent in its channel; a channel that has too few to spread stays.

    The spread is Pillow's, whose steps are whole numbers of pixels: in a small picture, levels crowd at 255.

    >>> two = torch.tensor([100, 101], dtype=torch.uint8).repeat(256).view(1, 1, 16, 32)
    >>> equalize(two).unique().tolist()
    [0, 255]
    """
    batch, channels = pixels.shape[:2]
    levels = pixels.flatten(2).flatten(0, 1).long()
    new_level = _equalizing(_histograms(levels))
    equal = new_level.gather(1, levels).to(torch.uint8).view(batch, channels, *pixels.shape[2:])
    return laid_out_like(pixels, equal)


def invert(pixels: Pixels) -> Pixels:
    """Light for dark."""
    return 255 - pixels


def _histograms(levels: Int64[Tensor, "pictures pixels"]) -> Int64[Tensor, "pictures 256"]:
    own = torch.arange(len(levels), device=levels.device)[:, None] * 256
    return torch.bincount((levels + own).flatten(), minlength=256 * len(levels)).view(-1, 256)


def _equalizing(counts: Int64[Tensor, "pictures 256"]) -> Int64[Tensor, "pictures 256"]:
    """Pillow's table of new levels: pixels below a level, in steps of a 255th of all but the lightest level's."""
    up_to = counts.cumsum(1)
    below = up_to - counts
    lightest = up_to.argmax(1, keepdim=True)
    step = below.gather(1, lightest) // 255
    table = ((below + step // 2) // step.clamp(min=1)).clamp(max=255)
    return torch.where(step > 0, table, torch.arange(256, device=counts.device))


def _grey(pixels: Pixels) -> Int32[Tensor, "batch 1 height width"]:
    """ITU-R BT.601's luma in whole numbers, which no device rounds otherwise."""
    if pixels.shape[1] != 3:
        return pixels.int().sum(1, keepdim=True, dtype=torch.int32) // pixels.shape[1]
    red, green, blue = pixels.int().split(1, dim=1)
    return (red * 19595 + green * 38470 + blue * 7471) >> 16


def _blend(degenerate: Tensor, pixels: Tensor, factor: Numbers) -> Pixels:
    factor = _each(factor)
    return _cut_off(pixels * factor + degenerate * (1 - factor))


def _cut_off(values: Float32[Tensor, "batch channels height width"]) -> Pixels:
    return values.clamp(0, 255).to(torch.uint8)


def _each(numbers: Tensor) -> Tensor:
    return numbers[:, None, None, None]

"""A picture as PNG has the size, the colours and the places of the SVG."""

import numpy as np
import pytest
from matplotlib.image import imread

from sfumato import InputError
from sfumato.picture import WIDTH, heat_map, intervals, ramp
from sfumato.picture_png import write_png


def test_the_cells_have_the_colours_of_the_svg(tmp_path):
    svg = heat_map([("one", [[1.0, 0.0], [0.5, 0.5]])], ["a", "$b_c"], title="Shares")
    pixels = imread(write_png(svg, tmp_path / "shares.png"))
    assert pixels.shape[1] == 2 * WIDTH
    seen = {tuple(pixel) for pixel in (pixels[::3, ::3, :3].reshape(-1, 3) * 255).round().astype(int).tolist()}
    for share in (1.0, 0.0, 0.5):
        assert tuple(bytes.fromhex(ramp(share)[1:])) in seen


def test_lines_and_dots_are_drawn_too(tmp_path):
    blank = imread(write_png(intervals([("x", 1.0, 1.0, 1.0)], title="T"), tmp_path / "blank.png"))
    wide = imread(write_png(intervals([("x", 1.0, 0.0, 2.0)], title="T"), tmp_path / "wide.png"))
    dark = [int((np.asarray(picture)[:, :, 0] < 0.2).sum()) for picture in (blank, wide)]
    assert dark[1] > dark[0] + 500


def test_an_element_that_pictures_do_not_have_is_refused(tmp_path):
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><ellipse/></svg>'
    with pytest.raises(InputError, match="'ellipse'"):
        write_png(svg, tmp_path / "x.png")

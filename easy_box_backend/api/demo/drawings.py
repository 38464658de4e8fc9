"""Drawn pictures for the demo catalogue: garments on a light background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from math import cos, pi, sin

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

SIDE = 800
_SCALE = 2  # drawn at twice the size and shrunk: smooth edges
#: Points on a field of 100 x 100. The corners of a filled shape are rounded.
Shape = Sequence[tuple[float, float]]


def draw(kind: str, colour: str) -> bytes:
    """A JPEG of 800x800 pixels of a garment.

    kind: one of KINDS. colour: a name or #rrggbb, as CSS has it. Raises KeyError and ValueError for others.
    """
    easel = _Easel(colour)
    KINDS[kind](easel)
    out = BytesIO()
    easel.finished().save(out, "JPEG", quality=88, optimize=True, progressive=True)
    return out.getvalue()


class _Easel:
    """A light background with a garment in one colour and its shades."""

    def __init__(self, colour: str) -> None:
        self.side = SIDE * _SCALE
        self.colour = ImageColor.getrgb(colour)[:3]
        self.cloth = Image.new("RGBA", (self.side, self.side))

    def shade(self, light: float) -> tuple[int, ...]:
        """The colour, darker (below 0) or lighter (above 0), from -1 for black to 1 for white."""
        target = 255 if light > 0 else 0
        return (*(round(part + (target - part) * abs(light)) for part in self.colour), 255)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the field, in pixels."""
        return x * self.side / 100, y * self.side / 100

    def mask(self, shape: Shape, rounding: float) -> tuple[Image.Image, tuple[int, int]]:
        """A mask of the shape with rounded corners, and the position of its upper left corner."""
        points = [self.at(x, y) for x, y in shape]
        margin = self.side // 20
        left, top = (int(min(axis)) - margin for axis in zip(*points, strict=True))
        right, bottom = (int(max(axis)) + margin for axis in zip(*points, strict=True))
        mask = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in points], fill=255)
        soft = mask.filter(ImageFilter.GaussianBlur(rounding * self.side / 100))
        return soft.point([max(0, min(255, (value - 112) * 8)) for value in range(256)]), (left, top)

    def fill(self, shape: Shape, light: float = 0, rounding: float = 1.5, mirror: bool = False) -> None:
        """Draw a piece of cloth, lit from the upper left, so darker towards its lower right edge. mirror: draw it on
        the other side too."""
        for piece in (shape, _mirrored(shape)) if mirror else (shape,):
            mask, at = self.mask(piece, rounding)
            self.cloth.paste(self.shade(max(-1, light - 0.22)), at, mask)
            lit = _blurred(ImageChops.offset(mask, -self.side // 60, -self.side // 50), self.side / 45)
            self.cloth.paste(self.shade(light), at, ImageChops.multiply(lit, mask))

    def cut(self, shape: Shape) -> None:
        """Cut a hole."""
        mask, at = self.mask(shape, 0.3)
        self.cloth.paste(0, at, mask)

    def line(self, shape: Shape, light: float = -0.3, width: float = 0.5, mirror: bool = False) -> None:
        """Draw a line: a seam, a fold or a cord."""
        pen = ImageDraw.Draw(self.cloth)
        for piece in (shape, _mirrored(shape)) if mirror else (shape,):
            points = [self.at(x, y) for x, y in _curve(piece)]
            pen.line(points, fill=self.shade(light), width=round(width * self.side / 100), joint="curve")

    def dots(self, spots: Shape, size: float = 0.9, light: float = 0.6) -> None:
        """Draw dots: buttons, eyelets, rivets."""
        pen = ImageDraw.Draw(self.cloth)
        for x, y in spots:
            box = (*self.at(x - size, y - size), *self.at(x + size, y + size))
            pen.ellipse(box, fill=self.shade(light), outline=self.shade(-0.45), width=3)

    def finished(self) -> Image.Image:
        """The garment with its shadow on the background."""
        cloth = self.cloth.reduce(_SCALE)
        page = Image.new("RGB", cloth.size, "#fafbfc")
        page.paste("#dcdfe4", (0, 0), Image.radial_gradient("L").resize(page.size))
        shadow = _blurred(ImageChops.offset(cloth.getchannel("A"), 0, SIDE // 50), SIDE / 50)
        page.paste("#3a4254", (0, 0), shadow.point(lambda value: value * 0.35))
        page.paste(cloth, (0, 0), cloth)
        return page


def _blurred(mask: Image.Image, radius: float) -> Image.Image:
    small = mask.reduce(8).filter(ImageFilter.GaussianBlur(radius / 8))  # looks the same, 50 times as fast
    return small.resize(mask.size, Image.Resampling.BICUBIC)


def _mirrored(shape: Shape) -> Shape:
    return [(100 - x, y) for x, y in shape]


def _both(half: Shape) -> Shape:
    """A symmetric outline from its left half, top to bottom."""
    return [*half, *reversed(_mirrored(half))]


def _curve(points: Shape) -> Shape:
    """Points along the quadratic curve of three points; any other number of points is returned unchanged."""
    if len(points) != 3:
        return points
    (ax, ay), (bx, by), (cx, cy) = points
    weights = [((1 - n / 24) ** 2, 2 * n / 24 * (1 - n / 24), (n / 24) ** 2) for n in range(25)]
    return [(a * ax + b * bx + c * cx, a * ay + b * by + c * cy) for a, b, c in weights]


# --- The garments, on a field of 100 x 100 ------------------------------------------------------------------

_BODY = _both([(40, 15), (30, 19), (27, 32), (29, 60), (28, 88)])


def _t_shirt(easel: _Easel) -> None:
    easel.fill(_both([(40, 15), (30, 18.5), (10, 36), (20, 48), (29.5, 42), (29, 88)]))
    easel.line([(30, 42), (29.5, 34), (32, 27)], mirror=True)
    easel.line([(13.5, 37), (17, 43), (22, 46)], mirror=True)
    easel.line([(29.5, 85.5), (70.5, 85.5)])
    easel.fill([*_curve([(39.5, 13), (50, 33), (60.5, 13)])], -0.12, 0.4)
    easel.fill([*_curve([(42, 13), (50, 28.5), (58, 13)])], -0.45, 0.4)


def _sleeves(easel: _Easel) -> None:
    easel.fill([(33, 17), (25, 21), (19, 34), (11, 74), (20, 77), (29, 50), (34, 34)], -0.06, mirror=True)
    easel.fill([(10.5, 73), (20.5, 76), (19.3, 81), (9.6, 78)], -0.16, 0.5, mirror=True)


def _shirt(easel: _Easel) -> None:
    _sleeves(easel)
    easel.fill(_BODY)
    easel.line([(50, 22), (50, 87)], -0.22)
    easel.line([(53.5, 25), (53.5, 87)], -0.12, 0.3)
    easel.fill([(57, 39), (66, 39), (66, 48), (61.5, 51), (57, 48)], -0.05, 0.4)
    easel.fill([(43, 13), (50, 24), (57, 13)], -0.45, 0.4)
    easel.fill([(42, 12), (50, 23), (43, 31), (36.5, 17)], 0.14, 0.4, mirror=True)
    easel.dots([(51.8, y) for y in (31, 41, 51, 61, 71, 81)], 0.8, 0.75)


def _hoodie(easel: _Easel) -> None:
    _sleeves(easel)
    easel.fill(_BODY)
    easel.fill(_both([(28, 83), (28, 90)]), -0.16, 0.5)
    easel.fill(_both([(38, 58), (31, 74), (32, 80)]), -0.08, 0.8)
    easel.line([(38, 58.5), (33, 66), (31.8, 75)], -0.35, mirror=True)
    easel.fill(_both([(44, 7), (34, 13), (32, 22), (40, 28), (50, 33)]), 0.06, 2)
    easel.fill(_both([(46, 12), (41, 16), (42, 24), (50, 29.5)]), -0.5, 2)
    easel.line([(45, 29), (44, 40), (45, 46)], 0.75, 0.8)
    easel.line([(55, 29), (56, 40), (55, 44)], 0.75, 0.8)


def _jacket(easel: _Easel) -> None:
    _sleeves(easel)
    easel.fill(_BODY)
    for y in (32, 44, 56, 68, 80):
        easel.line([(28.5, y), (50, y + 2.5), (71.5, y)], -0.28, 0.7)
        easel.line([(29, y + 1), (50, y + 3.5), (71, y + 1)], 0.14, 0.4)
    easel.fill(_both([(28, 84), (28, 90)]), -0.3, 0.5)
    easel.fill(_both([(41, 9), (38, 15), (38, 24), (50, 27)]), -0.14, 1)
    easel.line([(50, 12), (50, 89)], -0.6, 1.2)
    easel.line([(50, 12), (50, 89)], 0.6, 0.4)
    easel.line([(34, 60), (38, 71)], -0.6, 0.9, mirror=True)


def _jeans(easel: _Easel) -> None:
    easel.fill(_both([(32, 8), (30, 30), (27, 92), (43.5, 92), (49, 40), (50, 36)]), rounding=0.8)
    easel.fill(_both([(32, 7.5), (31.6, 13.5)]), -0.14, 0.4)
    easel.line([(50, 13.5), (50, 36)], -0.35)
    easel.line([(54, 14), (54.5, 28), (50, 31)], 0.5, 0.35)
    easel.line([(33, 20), (40, 23), (42, 14)], 0.5, 0.45, mirror=True)
    easel.line([(34, 30), (31.5, 90)], -0.2, 0.4, mirror=True)
    easel.line([(27.4, 89), (43.8, 89)], 0.5, 0.4, mirror=True)
    easel.line([(44, 38), (41, 41), (36, 42)], -0.18, 0.5, mirror=True)
    for x in (37, 63):
        easel.line([(x, 7.5), (x, 14.5)], -0.35, 1.4)
    easel.dots([(50, 10.5)], 1.3, 0.7)


def _dress(easel: _Easel) -> None:
    easel.fill(_both([(39, 7), (37, 18), (33, 27), (38, 44), (21, 88), (35, 92), (50, 93)]))
    easel.fill([*_curve([(42, 6), (50, 34), (58, 6)])], -0.5, 0.5)
    for top, bottom in ((42, 28), (45.5, 38), (50, 50)):
        easel.line([(top, 46), (top - 3, 64), (bottom, 89)], -0.22, 0.7, mirror=True)
    easel.fill(_both([(37.5, 41), (37, 46)]), -0.32, 0.4)


def _socks(easel: _Easel) -> None:
    for dx, dy, light in ((16, -4, -0.14), (0, 4, 0)):
        foot = [(36, 10), (54, 10), (53, 56), (48, 72), (30, 86), (18, 84), (17, 74), (34, 58)]
        easel.fill([(x + dx, y + dy) for x, y in foot], light, 2.5)
        easel.fill([(x + dx, y + dy) for x, y in ((35.8, 9), (54.2, 9), (54, 20), (35.8, 20))], light + 0.3, 0.8)
        easel.fill([(x + dx, y + dy) for x, y in ((18, 73), (26, 67), (32, 84), (20, 85))], light + 0.3, 2)
        easel.line([(35.5 + dx, 26 + dy), (54 + dx, 26 + dy)], light + 0.5, 1.3)
        easel.line([(35.5 + dx, 30 + dy), (54 + dx, 30 + dy)], light + 0.5, 1.3)


def _cap(easel: _Easel) -> None:
    easel.fill([*_curve([(22, 60), (26, 12), (60, 22)]), *_curve([(60, 22), (80, 30), (78, 62)]), (50, 66)], 0, 1)
    easel.fill([(23, 56), (50, 60), (48, 68), (26, 74), (8, 72), (6, 67)], -0.16, 2)
    easel.line([(47, 62), (42, 36), (50, 21)], -0.25, 0.6)
    easel.line([(50, 21), (66, 34), (68, 63)], -0.25, 0.6)
    easel.line([(10, 68), (30, 66), (49, 62)], 0.35, 0.4)
    easel.dots([(50, 21)], 1.8, -0.1)
    easel.dots([(35, 36), (59, 38)], 0.7, -0.5)


def _scarf(easel: _Easel) -> None:
    for shape, light in (
        ([(52, 40), (66, 38), (72, 84), (57, 86)], -0.16),
        ([(36, 38), (52, 40), (46, 88), (30, 86)], 0),
    ):
        easel.fill(shape, light, 1)
        (ax, ay), (bx, by) = shape[3], shape[2]
        for n in range(9):
            x, y = ax + (bx - ax) * (n + 0.5) / 9, ay + (by - ay) * (n + 0.5) / 9
            easel.line([(x, y - 1), (x, y + 6)], light - 0.1, 0.7)
    for y in (66, 71, 76):
        easel.line([(33.5, y), (48, y + 1.5)], 0.6, 1.6)
        easel.line([(56.5, y + 0.5), (70, y - 1)], 0.45, 1.6)
    easel.fill([*_curve([(26, 26), (50, 2), (74, 26)]), *_curve([(74, 36), (50, 66), (26, 36)])], -0.08, 1)
    easel.fill([*_curve([(34, 25), (50, 10), (66, 25)]), *_curve([(66, 27), (50, 42), (34, 27)])], -0.5, 1)
    easel.line([(28, 33), (50, 60), (72, 33)], -0.28, 0.7)


def _sneakers(easel: _Easel) -> None:
    easel.fill([(34, 40), (40, 26), (47, 27), (60, 47), (50, 52)], -0.1, 1.4)
    easel.fill([(12, 38), (18, 36.5), (42, 37), (42, 48), (18, 48)], -0.5, 1)
    back = [(90, 68), (10, 68), (10, 36), (16, 33), (21, 42), (30, 46), (38, 43), (44, 35)]
    upper = [*back, (60, 47), (82, 53), (91, 62)]
    easel.fill(upper, 0, 1.6)
    easel.fill([(70, 50), (84, 54), (91, 62), (91, 68), (66, 68), (67, 58)], -0.14, 1.6)
    easel.fill([(10, 36), (16, 33), (21, 42), (24, 52), (21, 68), (10, 68)], -0.2, 1)
    easel.fill([(8, 66), (92, 65), (93, 71), (88, 75), (12, 75), (8, 73)], 0.88, 1.2)
    easel.line([(9, 71.5), (92, 71.5)], -0.2, 0.6)
    easel.fill([(29, 66), (36, 48), (42, 48), (39, 66)], -0.2, 0.5)
    easel.fill([(42, 66), (46, 52), (52, 55), (51, 66)], -0.2, 0.5)
    for n in range(5):
        x, y = 44 + 5.2 * n, 37.5 + 3.6 * n
        easel.line([(x, y), (x - 5.5, y + 6)], 0.9, 1.3)


def _bag(easel: _Easel) -> None:
    for width, light in ((3.4, -0.35), (2.2, -0.1)):
        easel.line([(34, 40), (50, -22), (66, 40)], light, width)
    easel.fill(_both([(24, 36), (19, 86), (26, 90)]), 0, 2)
    easel.fill(_both([(25, 35), (22, 58), (38, 64), (50, 65)]), 0.1, 2)
    easel.line([(22.5, 57), (50, 75), (77.5, 57)], -0.3, 0.6)
    easel.fill(_both([(46, 60), (46, 70)]), 0.6, 0.8)
    easel.line([(22, 84), (50, 89), (78, 84)], -0.25, 0.4)


def _belt(easel: _Easel) -> None:
    circle = [(cos(n * pi / 60), sin(n * pi / 60)) for n in range(120)]
    easel.fill([(50 + 36 * x, 48 + 27 * y) for x, y in circle], -0.35, 0.3)
    easel.cut([(50 + 33.5 * x, 48 + 16 * y) for x, y in circle])
    front = [*_curve([(14, 46), (14, 78), (58, 79)]), (58, 67), *_curve([(58, 67), (22, 64), (14, 46)])]
    easel.fill(front, 0, 0.4)
    easel.fill([(42, 67), (88, 62), (93, 66), (89, 71), (42, 79)], 0.06, 1)
    easel.line([(46, 69), (88, 64)], 0.35, 0.3)
    easel.line([(46, 77), (88, 69.5)], 0.35, 0.3)
    easel.dots([(66, 70.7), (71.5, 69.8), (77, 68.9), (82.5, 68)], 0.7, -0.8)
    pen = ImageDraw.Draw(easel.cloth)
    for grow, metal in ((0.0, "#8d939d"), (0.5, "#d9dde3")):
        box = (*easel.at(43 + grow, 64 + grow), *easel.at(57 - grow, 83 - grow))
        pen.rounded_rectangle(box, 30, outline=metal, width=round((2.2 - grow * 2) * easel.side / 100))
    pen.line([easel.at(44, 74), easel.at(58, 72.5)], fill="#c4c9d1", width=20)


def _gloves(easel: _Easel) -> None:
    hand = [
        (20, 88), (19, 60), (14, 44), (12, 26), (16, 23), (19, 27), (21, 42), (22, 20), (26, 16), (29, 20),
        (29, 41), (31, 17), (35, 14), (37, 18), (36, 42), (39, 25), (43, 23), (44, 28), (42, 52),
        (48, 46), (52, 49), (45, 64), (41, 72), (41, 88),
    ]  # fmt: skip
    easel.fill([(x - 3, y) for x, y in hand], 0, 0.9, mirror=True)
    for y in (76, 79, 82, 85):
        easel.line([(16.5, y), (38.5, y)], -0.3, 0.6, mirror=True)
    easel.fill([(16, 88), (39, 88), (39, 92), (16, 92)], 0.3, 0.8, mirror=True)


#: What can be drawn, by name.
KINDS: dict[str, Callable[[_Easel], None]] = {
    "t-shirt": _t_shirt, "shirt": _shirt, "hoodie": _hoodie, "jacket": _jacket, "jeans": _jeans,
    "dress": _dress, "socks": _socks, "cap": _cap, "scarf": _scarf, "sneakers": _sneakers,
    "bag": _bag, "belt": _belt, "gloves": _gloves,
}  # fmt: skip

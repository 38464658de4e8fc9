"""The photo pipeline: what comes out of good files, what is refused, and that nothing else ever happens."""

from __future__ import annotations

import hashlib
import os
import random
import re
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageStat

from api import images
from api.demo import drawings
from api.images import BadImage, DecoderBusy, Photo, decoder
from api.tests import photos
from api.tests.conftest import decode
from api.tests.examples import examples, some


@pytest.fixture(autouse=True)
def each_file_has_a_process(own_surroundings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if it was decoded before."""
    monkeypatch.setattr(images, "_run_decoder", decode)


def prepare(raw: bytes) -> Photo:
    """As the server does it, with a process for each photo."""
    return images.prepare(BytesIO(raw), lock_folder=Path(settings.MEDIA_ROOT))


def prepared(raw: bytes) -> Photo:
    """The same in this process, which is faster; a warning fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image, thumbnail = decoder.decode(images.format_of(raw[: images.LOOK]), raw)
    return Photo(image, thumbnail, hashlib.sha256(image).hexdigest())


def shown(data: bytes) -> Image.Image:
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture


def refusal(raw: bytes) -> BadImage:
    with pytest.raises(BadImage) as caught:
        prepare(raw)
    return caught.value


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def colour(raw: bytes, spot: tuple[float, float] = (0.5, 0.5)) -> tuple[int, ...]:
    picture = shown(prepared(raw).image)
    value = picture.getpixel((int(picture.width * spot[0]), int(picture.height * spot[1])))
    assert isinstance(value, tuple)
    return tuple(int(part) for part in value)


def assert_close(seen: tuple[int, ...], wanted: tuple[int, ...], tolerance: int = 6) -> None:
    assert max(abs(a - b) for a, b in zip(seen, wanted, strict=True)) <= tolerance, (seen, wanted)


# --- Good photos --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("maker", [photos.phone_jpeg, photos.phone_heic])
def test_a_phones_12_megapixels_come_out_upright_small_and_clean(maker: Callable[[], bytes]):
    raw = maker()
    source = photos.SECRET.encode()
    assert source in raw
    photo = prepare(raw)
    image, thumbnail = shown(photo.image), shown(photo.thumbnail)
    assert (image.size, thumbnail.size) == ((960, 1280), (150, 200))
    assert photos.is_upright(image)
    assert photos.is_upright(thumbnail)
    assert len(photo.image) < 700_000
    assert len(photo.thumbnail) < 30_000


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("maker", [photos.jpeg, photos.heic, photos.webp])
def test_every_orientation_comes_out_upright(maker: Callable[..., bytes], orientation: int):
    image = shown(prepared(maker(640, 480, orientation)).image)
    assert image.size == (640, 480)
    assert photos.is_upright(image)


def test_the_makers_photos_are_not_upright_as_stored():
    assert not photos.is_upright(shown(photos.jpeg(640, 480, 6)))
    assert shown(photos.jpeg(640, 480, 6)).size == (480, 640)


@pytest.mark.parametrize(
    "make",
    [
        lambda: photos.jpeg(640, 480, 6),
        lambda: photos.heic(640, 480, 6),
        lambda: photos.webp(640, 480, 6),
        photos.png,
        lambda: photos.jpeg(640, 480, 3, True),
    ],
    ids=["jpeg", "heic", "webp", "png", "progressive"],
)
def test_no_metadata_survives(make: Callable[[], bytes]):
    photo = prepared(make())
    for data in (photo.image, photo.thumbnail):
        picture = shown(data)
        assert picture.format == "JPEG"
        assert picture.mode == "RGB"
        assert not dict(picture.getexif())
        assert not {"exif", "xmp", "icc_profile", "comment", "photoshop", "mp"} & set(picture.info)
        for mark in (b"Exif", b"http://ns.adobe.com", b"ICC_PROFILE", photos.SECRET.encode()):
            assert mark not in data


def test_the_same_upload_gives_the_same_digest_and_another_one_another():
    first, again = prepare(photos.jpeg()), prepare(photos.jpeg())
    assert first == again
    assert first.digest == hashlib.sha256(first.image).hexdigest()
    assert prepared(photos.webp()).digest != first.digest


def test_the_upload_is_read_from_its_start():
    upload = BytesIO(photos.jpeg())
    upload.seek(100)
    assert images.prepare(upload, lock_folder=Path(settings.MEDIA_ROOT)) == prepared(photos.jpeg())


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1281, 10), (1280, 10)), ((1280, 1280), (1280, 1280)), ((3, 5), (3, 5)), ((2600, 1300), (1280, 640))],
)
def test_large_pictures_shrink_and_small_ones_are_never_enlarged(size: tuple[int, int], expected: tuple[int, int]):
    for kind in ("PNG", "JPEG"):
        photo = prepared(saved(Image.new("RGB", size, "teal"), kind))
        assert shown(photo.image).size == expected
        assert max(shown(photo.thumbnail).size) == min(200, max(size))


@pytest.mark.parametrize("width", [1280, 1500, 2560, 3000, 5120, 5200])
@pytest.mark.parametrize("ratio", [1, 0.75, 0.01])
def test_decoding_at_a_fraction_never_costs_resolution(width: int, ratio: float):
    image = shown(prepared(saved(Image.new("L", (width, int(width * ratio)), 90), "JPEG")).image)
    assert max(image.size) == 1280


def test_a_jpeg_decoded_at_half_size_looks_like_one_decoded_in_full():
    full = shown(photos.phone_jpeg()).transpose(Image.Transpose.ROTATE_270)
    full.thumbnail((1280, 1280), Image.Resampling.LANCZOS)
    seen = shown(prepared(photos.phone_jpeg()).image)
    assert max(ImageStat.Stat(ImageChops.difference(full, seen)).rms) < 6


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [1, 2, 3, 50, 1000, 10_000])
def test_a_jpeg_without_its_last_bytes_is_a_photo(missing: int, progressive: bool):
    raw = photos.jpeg(640, 480, 1, progressive)[:-missing]
    picture = shown(prepared(raw).image)
    assert picture.size == (640, 480)
    above = picture.crop((0, 0, 640, 320))
    whole = shown(prepared(photos.jpeg(640, 480, 1, progressive)).image).crop((0, 0, 640, 320))
    assert max(ImageStat.Stat(ImageChops.difference(above, whole)).rms) < 12


def test_a_jpeg_that_breaks_off_anywhere_is_a_photo_or_a_refusal():
    for raw in (photos.jpeg(64, 48), photos.jpeg(64, 48, 1, True), photos.cmyk_jpeg(64, 48)):
        for end in some(range(2, len(raw), max(1, len(raw) // 60)), len(raw)):
            _photo_or_refusal(raw[:end])


def test_a_multi_picture_file_of_a_phone_is_its_main_picture():
    side = photos.scene(640, 480).rotate(180)
    raw = saved(photos.scene(640, 480), "MPO", save_all=True, append_images=[side])
    assert photos.is_upright(shown(prepared(raw).image))


def test_of_an_animation_the_first_frame_is_taken():
    for kind in ("PNG", "WEBP"):
        later = [Image.new("RGB", (40, 40), "blue")]
        raw = saved(Image.new("RGB", (40, 40), "red"), kind, save_all=True, append_images=later)
        assert_close(colour(raw), (255, 0, 0))


# --- Colours ------------------------------------------------------------------------------------------------


def test_transparency_becomes_white():
    assert_close(colour(photos.transparent_png()), (255, 255, 255))
    assert photos.is_upright(shown(prepared(photos.transparent_png()).image))


def _palette(transparency: int | bytes | None) -> bytes:
    picture = Image.new("P", (2600, 2600), 1)
    picture.putpalette([255, 0, 0, 0, 90, 200])
    return saved(picture, "PNG", **({} if transparency is None else {"transparency": transparency}))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: _palette(None), (0, 90, 200)),
        (lambda: _palette(1), (255, 255, 255)),
        (lambda: _palette(b"\xff\x00"), (255, 255, 255)),
        (lambda: saved(Image.new("L", (50, 50), 77)), (77, 77, 77)),
        (lambda: saved(Image.new("L", (50, 50), 77), transparency=77), (255, 255, 255)),
        (lambda: saved(Image.new("LA", (50, 50), (0, 128))), (127, 127, 127)),
        (lambda: saved(Image.new("RGBA", (2600, 2600), (255, 0, 0, 128))), (255, 127, 127)),
        (lambda: saved(Image.new("RGB", (50, 50), (9, 9, 9)), transparency=(9, 9, 9)), (255, 255, 255)),
        (lambda: saved(Image.new("1", (50, 50), 1)), (255, 255, 255)),
        (lambda: saved(Image.new("I;16", (50, 50), 30_000)), (116, 116, 116)),
        (lambda: saved(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), "WEBP"), (255, 255, 255)),
        (lambda: saved(Image.new("CMYK", (50, 50), (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
    ],
    ids=[
        "palette", "palette-key", "palette-alpha", "grey", "grey-key", "grey-alpha", "rgba", "rgb-key",
        "bits", "16-bit", "webp-alpha", "cmyk",
    ],
)  # fmt: skip
def test_every_kind_of_colour_comes_out_as_it_looks(make: Callable[[], bytes], expected: tuple[int, ...]):
    assert_close(colour(make()), expected)


def test_a_print_shops_cmyk_jpeg_keeps_its_colours():
    assert photos.is_upright(shown(prepared(photos.cmyk_jpeg()).image))


def test_a_colour_profile_is_applied_and_not_just_dropped():
    raw = saved(Image.new("RGB", (50, 50), (120, 120, 120)), icc_profile=_with_gamma(1.0))
    assert colour(raw)[0] > 160  # 120 in linear light is much lighter in sRGB
    assert_close(
        colour(saved(Image.new("RGB", (50, 50), (120, 60, 200)), icc_profile=photos.srgb_profile())),
        (120, 60, 200),
    )


def _with_gamma(gamma: float) -> bytes:
    """The sRGB profile with a pure power as its tone curve (tag rTRC, shared by all three colours)."""
    profile = bytearray(photos.srgb_profile())
    for n in range(struct.unpack_from(">I", profile, 128)[0]):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * n)
        if name == b"rTRC":
            curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, int(gamma * 256))
            profile[offset : offset + size] = curve.ljust(size, b"\0")
    ImageCms.ImageCmsProfile(BytesIO(bytes(profile)))
    return bytes(profile)


@pytest.mark.parametrize(
    "profile",
    [b"", b"x", b"x" * 5000, photos.srgb_profile()[:200], photos.srgb_profile().replace(b"RGB ", b"CMYK")],
    ids=["empty", "short", "junk", "cut", "cmyk"],
)
def test_a_broken_colour_profile_does_not_cost_the_photo(profile: bytes):
    for mode in ("RGB", "L", "CMYK"):
        prepared(saved(Image.new(mode, (50, 50)), "JPEG", icc_profile=profile))


@pytest.mark.parametrize("times", [2, 3])
def test_a_photo_whose_exif_header_is_repeated_is_turned(times: int):
    block = b"Exif\0\0" * times + photos.exif(6)[6:]
    raw = saved(photos.scene(640, 480).transpose(Image.Transpose.ROTATE_90), "JPEG", exif=block)
    assert photos.is_upright(shown(prepared(raw).image))


@pytest.mark.parametrize(
    "block",
    [
        b"Exif\0\0",
        b"Exif\0\0" * 9000,
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
        b"Exif\0\0junk" * 20,
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0",  # orientation 99
    ],
)
def test_broken_exif_does_not_cost_the_photo(block: bytes):
    raw = photos.scene(640, 480)
    assert photos.is_upright(shown(prepared(saved(raw, "JPEG", exif=block)).image))


# --- Refusals -----------------------------------------------------------------------------------------------


def _heic_that_lies() -> bytes:
    """Says 40x40 in its header; the coded picture has 200 times as many pixels."""
    raw = bytearray(photos.heic())
    at = raw.find(b"ispe")
    while at >= 0:
        raw[at + 8 : at + 16] = struct.pack(">II", 40, 40)
        at = raw.find(b"ispe", at + 4)
    return bytes(raw)


def _huge_heic() -> bytes:
    raw = bytearray(photos.heic())
    at = raw.find(b"ispe")
    while at >= 0:
        raw[at + 8 : at + 16] = struct.pack(">II", 30_000, 30_000)
        at = raw.find(b"ispe", at + 4)
    return bytes(raw)


def _huge_webp(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    frames = [Image.new("RGB", (9, 9), "red")]
    raw = bytearray(saved(Image.new("RGB", (9, 9)), "WEBP", save_all=True, append_images=frames))
    assert raw[12:16] == b"VP8X"
    raw[24:30] = canvas
    return bytes(raw)


def _taller(jpeg: bytes, height: int) -> bytes:
    """The JPEG as if it were 1,000 pixels wide and so high."""
    at = re.search(rb"\xff[\xc0\xc2]", jpeg)
    assert at
    size = struct.pack(">HH", height, 1000)
    return jpeg[: at.start() + 5] + size + jpeg[at.start() + 9 :]


def _one_pixel_png(*chunks: bytes) -> bytes:
    end = photos.png_chunk(b"IEND", b"")
    return photos.png_of(*chunks, photos.png_chunk(b"IDAT", zlib.compress(bytes(4))), end)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "image_empty"),
    "text": (lambda: b"hello", "not_an_image"),
    "html": (photos.html, "not_an_image"),
    "zeros": (lambda: bytes(5000), "not_an_image"),
    "video": (lambda: b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(500), "not_an_image"),
    "svg": (photos.svg, "unsupported_format"),
    "gif": (lambda: saved(Image.new("L", (9, 9)), "GIF"), "unsupported_format"),
    "tiff": (lambda: saved(Image.new("L", (9, 9)), "TIFF"), "unsupported_format"),
    "bmp": (lambda: saved(Image.new("L", (9, 9)), "BMP"), "unsupported_format"),
    "pdf": (lambda: saved(Image.new("L", (9, 9)), "PDF"), "unsupported_format"),
    "avif": (photos.avif, "unsupported_format"),
    "21 MB": (photos.too_large_jpeg, "image_too_large"),
    "truncated jpeg": (photos.truncated_jpeg, "image_truncated"),
    "truncated heic": (lambda: photos.heic()[:20_000], "image_truncated"),
    "truncated webp": (lambda: photos.webp()[:-2000], "image_truncated"),
    "truncated png": (lambda: photos.png()[:-90_000], "image_truncated"),
    "header only": (lambda: photos.jpeg()[:3], "image_truncated"),
    "bomb png": (photos.bomb_png, "too_many_pixels"),
    "bomb jpeg": (photos.huge_jpeg, "too_many_pixels"),
    "bomb heic": (_huge_heic, "too_many_pixels"),
    "bomb webp": (lambda: _huge_webp(16_000, 16_000), "too_many_pixels"),
    "bigger webp": (lambda: _huge_webp(5500, 5500), "too_many_pixels"),
    "tiny webp": (lambda: photos.tiny_webp(7000), "too_many_pixels"),
    "progressive jpeg": (lambda: _taller(photos.jpeg(64, 48, 1, True), 60_000), "too_many_pixels"),
    "slow scans": (lambda: _taller(photos.scan_bomb_jpeg(40), 40_000), "image_too_complex"),
    "lossless jpeg": (lambda: photos.jpeg().replace(b"\xff\xc0", b"\xff\xc3", 1), "image_too_complex"),
    "cut to a half": (lambda: photos.cut_jpeg(0.5), "image_truncated"),
    "no picture data": (lambda: photos.jpeg()[: photos.jpeg().index(b"\xff\xda") + 14], "image_truncated"),
    "lying heic": (_heic_that_lies, "image_truncated"),
    "scan bomb": (photos.scan_bomb_jpeg, "image_too_complex"),
    "text bomb": (photos.text_bomb_png, "image_truncated"),
    "no pixels": (lambda: _one_pixel_png(photos.png_header(0, 5)), "image_truncated"),
    "transparencies": (
        lambda: _one_pixel_png(photos.png_header(1, 1, 8, 3), photos.png_chunk(b"tRNS", bytes(300))),
        "image_truncated",
    ),
}


@pytest.mark.parametrize(("make", "code"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_become_a_photo_is_refused_at_once_with_its_reason(make: Callable[[], bytes], code: str):
    raw = make()
    for is_last in (False, False, True):  # a busy machine may spoil a measurement, not three of them
        start = sum(os.times()[:4])  # the decoder's time too
        error = refusal(raw)
        assert error.code == code
        if sum(os.times()[:4]) - start < 2:
            break
        assert not is_last
    assert all(isinstance(fact, str | int) for fact in error.facts.values())


def test_files_of_exactly_20_megabytes_and_50_megapixels_are_taken():
    assert prepare(photos.jpeg() + bytes(images.MAX_BYTES - len(photos.jpeg())))
    assert prepare(saved(Image.new("1", (8000, 6250))))
    assert refusal(saved(Image.new("1", (8001, 6250)))).code == "too_many_pixels"


def test_a_baseline_jpeg_may_have_210_megapixels():
    assert shown(prepare(photos.camera_jpeg(16_320, 12_240)).image).size == (1280, 960)
    facts = refusal(photos.huge_jpeg()).facts
    assert facts == {"format": "JPEG", "max_megapixels": 210, "max_pixels": 210_000_000}


def test_a_camera_progressive_jpeg_is_no_scan_bomb():
    assert photos.is_upright(shown(prepared(photos.jpeg(640, 480, 1, True)).image))
    assert prepared(photos.scan_bomb_jpeg(40))


def test_every_refusal_has_a_sentence_in_the_language_of_the_moment():
    reasons = [
        BadImage("image_empty"),
        *(refusal(raw) for raw in (photos.svg(), photos.html(), photos.too_large_jpeg(), photos.bomb_png())),
        *(refusal(raw) for raw in (photos.truncated_jpeg(), photos.scan_bomb_jpeg())),
    ]
    assert {reason.code for reason in reasons} == set(BadImage.DETAILS)
    for language in ("en", "ru", "de"):
        with translation.override(language):
            assert all(reason.detail and "%(" not in reason.detail for reason in reasons)
    with translation.override("en"):
        assert refusal(photos.too_large_jpeg()).detail == "The file is larger than 20 MB."
        assert refusal(photos.svg()).detail.startswith("SVG pictures are not supported.")


def test_the_cause_of_a_refusal_is_kept_for_the_log():
    assert "OSError" in str(refusal(photos.webp()[:-2000]).__cause__)


# --- The demo's drawings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", drawings.KINDS)
def test_every_drawing_of_the_demo_is_a_photo_in_its_colour(kind: str):
    picture = shown(drawings.draw(kind, "#c03030"))
    assert picture.size == (drawings.SIDE, drawings.SIDE)
    red, green, _blue = picture.resize((1, 1), Image.Resampling.BOX).tobytes()
    assert red > green + 5


# --- Any input at all ---------------------------------------------------------------------------------------


def _photo_or_refusal(raw: bytes) -> None:
    """Anything but these two fails the test, a warning too."""
    try:
        photo = prepared(raw)
    except decoder.Refused as refused:
        assert BadImage(refused.code, **refused.facts).detail  # noqa: PT017
    except BadImage as error:
        assert error.detail  # noqa: PT017
    else:
        assert max(shown(photo.image).size) <= 1280
        assert max(shown(photo.thumbnail).size) <= 200


@pytest.mark.filterwarnings("error", "ignore:Invalid APNG")
def test_a_damaged_file_becomes_a_photo_or_a_refusal_and_nothing_else():
    dice, files = random.Random(20260), photos.small_files()
    for _ in range(examples(500)):
        _photo_or_refusal(photos.damaged(dice.choice(files), dice))


_STARTS = [b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"RIFF\x40\0\0\0WEBPVP8X", b"II*\0"]


@pytest.mark.filterwarnings("error", "ignore:Invalid APNG")
@tried(max_examples=examples(150), deadline=None)
@given(start=st.sampled_from([*_STARTS, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"]), rest=st.binary(max_size=600))
def test_garbage_behind_any_signature_is_a_refusal(start: bytes, rest: bytes):
    _photo_or_refusal(start + rest)


@pytest.mark.filterwarnings("error")
@tried(max_examples=examples(150), deadline=None)
@given(
    colour=st.sampled_from([0, 2, 3, 4, 6]),
    depth=st.sampled_from([1, 2, 4, 8, 16]),
    palette=st.sampled_from([None, 0, 3, 300, 768, 900]),
    transparency=st.sampled_from([None, 0, 1, 2, 6, 7, 256, 300]),
    profile=st.none() | st.binary(max_size=200),
)
def test_any_combination_of_png_tables_is_a_photo_or_a_refusal(
    colour: int, depth: int, palette: int | None, transparency: int | None, profile: bytes | None
):
    rows = zlib.compress(bytes(4 * (1 + (5 * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] + 7) // 8)))
    chunks = [
        photos.png_header(5, 4, depth, colour),
        None if profile is None else photos.png_chunk(b"iCCP", b"n\0\0" + zlib.compress(profile)),
        None if palette is None else photos.png_chunk(b"PLTE", bytes(palette)),
        None if transparency is None else photos.png_chunk(b"tRNS", bytes(transparency)),
        photos.png_chunk(b"IDAT", rows),
        photos.png_chunk(b"IEND", b""),
    ]
    _photo_or_refusal(photos.png_of(*(chunk for chunk in chunks if chunk)))


# --- The other process --------------------------------------------------------------------------------------

_FOLDER = str(Path(images.__file__).parent)


@pytest.fixture
def instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Runs this program as the decoder. `decoder` is imported in it."""

    def put(program: str) -> None:
        file = tmp_path / "decoder.py"
        file.write_text(f"import os, sys, time\nsys.path.append({_FOLDER!r})\nimport decoder\n{program}\n")
        monkeypatch.setattr(images, "_DECODER", file)

    return put


def test_a_decoder_that_computes_too_long_is_killed_and_the_picture_refused(instead: Callable[[str], None]):
    instead("decoder.SECONDS = 1\ndecoder.limit()\nwhile True: pass")
    reason = refusal(photos.jpeg())
    assert reason.code == "image_too_complex"
    assert "signal" in str(reason.__cause__)


@pytest.mark.parametrize(
    ("make", "codes"),
    [
        (photos.phone_heic, {"image_too_complex"}),
        (lambda: photos.empty_png(5000), {"image_too_complex"}),
        # These libraries do not say what went wrong. Their pictures of a permitted size do fit, see below.
        (lambda: photos.tiny_webp(5000), {"image_too_complex", "image_truncated"}),
        (lambda: photos.scan_bomb_jpeg(1, 7000), {"image_too_complex", "image_truncated"}),
    ],
    ids=["heic", "png", "webp", "progressive"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")
def test_a_picture_that_takes_too_much_memory_is_refused(
    instead: Callable[[str], None], make: Callable[[], bytes], codes: set[str]
):
    instead("decoder.MEMORY = 100 * 2**20\ndecoder.main()")
    assert refusal(make()).code in codes


def test_a_decoder_that_crashes_costs_the_picture_only(instead: Callable[[str], None]):
    instead("decoder.limit()\nos.abort()")
    assert refusal(photos.jpeg()).code == "image_too_complex"


@pytest.mark.parametrize("program", ["os.kill(os.getpid(), 15)", "time.sleep(60)"], ids=["stopped", "no time"])
def test_a_decoder_that_gets_no_time_is_no_fault_of_the_picture(
    instead: Callable[[str], None], program: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(images, "DECODE_SECONDS", 1.0)
    instead(program)
    with pytest.raises(DecoderBusy):
        prepare(photos.jpeg())


def test_a_decoder_that_can_not_start_is_a_fault_of_ours(instead: Callable[[str], None]):
    instead("raise ImportError('no Pillow')")
    with pytest.raises(RuntimeError, match="no Pillow"):
        prepare(photos.jpeg())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows starts no process without an environment")
def test_the_decoder_knows_no_secrets(instead: Callable[[str], None], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET_KEY", "not-for-a-decoder")
    instead("sys.exit(str(os.environ))")
    with pytest.raises(RuntimeError) as caught:
        prepare(photos.jpeg())
    assert "environ" in str(caught.value)
    assert "not-for-a-decoder" not in str(caught.value)


def test_photos_are_decoded_one_after_another(
    instead: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(images, "PLACES", threading.BoundedSemaphore(4))
    log = tmp_path / "log"
    note = f"open({str(log)!r}, 'a').write"
    instead(f"{note}('begin ')\ntime.sleep(0.1)\ndecoder.main()\n{note}('end ')")
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(prepare, [photos.jpeg()] * 4))) == 1
    assert log.read_text().split() == ["begin", "end"] * 4


@pytest.mark.skipif(sys.platform == "win32", reason="Windows locks no folders")
def test_a_photo_waits_for_one_of_another_process_and_not_for_ever(monkeypatch: pytest.MonkeyPatch):
    hold = (
        "import fcntl, os, sys; f = os.open(sys.argv[1], 0); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"
    )
    Path(settings.MEDIA_ROOT).mkdir(exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-c", hold, settings.MEDIA_ROOT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        assert other.stdin
        other.stdout.readline()
        monkeypatch.setattr(images, "WAIT_SECONDS", 0.2)
        with pytest.raises(DecoderBusy):
            prepare(photos.jpeg())
        monkeypatch.setattr(images, "WAIT_SECONDS", 60.0)
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(prepare, photos.jpeg())
            time.sleep(0.3)
            assert not waiting.done()
            other.stdin.close()  # it ends
            assert waiting.result(60)


_MEASURE = f"""
import sys
sys.path.append({_FOLDER!r})
import decoder
decoder.main()
sys.stderr.write(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from Linux' /proc")
@pytest.mark.parametrize(
    ("kind", "make", "megabytes"),
    [
        ("JPEG", photos.phone_jpeg, 70),
        ("JPEG", photos.camera_jpeg, 60),
        ("HEIC", photos.phone_heic, 160),
        ("WebP", lambda: photos.tiny_webp(5400), 520),
        ("PNG", lambda: photos.empty_png(7000), 300),
        ("JPEG", lambda: photos.scan_bomb_jpeg(1, 7000), 150),
    ],
    ids=["phone", "camera", "heic", "webp", "png", "progressive"],
)
def test_the_largest_pictures_fit_into_the_decoders_memory(kind: str, make: Callable[[], bytes], megabytes: int):
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, kind], input=make(), capture_output=True, check=True,
        env={"MALLOC_ARENA_MAX": "1"},
    )  # fmt: skip
    assert b'"image"' in done.stdout[:100]
    assert int(done.stderr) // 1024 < megabytes < decoder.MEMORY // 2**20

"""The photo pipeline: what comes out of good files, what is refused, and that nothing else ever happens."""

from __future__ import annotations

import hashlib
import random
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageStat

from api import demo_photos, images
from api.images import BadImage, Photo, prepare
from api.tests import photos


def prepared(raw: bytes) -> Photo:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return prepare(BytesIO(raw))


def shown(data: bytes) -> Image.Image:
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture


def refusal(raw: bytes) -> BadImage:
    with pytest.raises(BadImage) as caught:
        prepared(raw)
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


@pytest.mark.parametrize("maker", [photos.phone_jpeg, photos.phone_heic])
def test_a_phones_12_megapixels_come_out_upright_small_and_clean(maker: Callable[[], bytes]):
    raw = maker()
    source = photos.SECRET.encode()
    assert source in raw
    photo = prepared(raw)
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
    "raw",
    [
        photos.jpeg(640, 480, 6),
        photos.heic(640, 480, 6),
        photos.webp(640, 480, 6),
        photos.png(),
        photos.jpeg(640, 480, 3, True),
    ],
    ids=["jpeg", "heic", "webp", "png", "progressive"],
)
def test_no_metadata_survives(raw: bytes):
    photo = prepared(raw)
    for data in (photo.image, photo.thumbnail):
        picture = shown(data)
        assert picture.format == "JPEG"
        assert picture.mode == "RGB"
        assert not dict(picture.getexif())
        assert not {"exif", "xmp", "icc_profile", "comment", "photoshop", "mp"} & set(picture.info)
        for mark in (b"Exif", b"http://ns.adobe.com", b"ICC_PROFILE", photos.SECRET.encode()):
            assert mark not in data


def test_the_same_upload_gives_the_same_digest_and_another_one_another():
    first, again = prepared(photos.jpeg()), prepared(photos.jpeg())
    assert first == again
    assert first.digest == hashlib.sha256(first.image).hexdigest()
    assert prepared(photos.webp()).digest != first.digest


def test_the_upload_is_read_from_its_start():
    upload = BytesIO(photos.jpeg())
    upload.seek(100)
    assert prepare(upload) == prepared(photos.jpeg())


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
    ("raw", "expected"),
    [
        (_palette(None), (0, 90, 200)),
        (_palette(1), (255, 255, 255)),
        (_palette(b"\xff\x00"), (255, 255, 255)),
        (saved(Image.new("L", (50, 50), 77)), (77, 77, 77)),
        (saved(Image.new("L", (50, 50), 77), transparency=77), (255, 255, 255)),
        (saved(Image.new("LA", (50, 50), (0, 128))), (127, 127, 127)),
        (saved(Image.new("RGBA", (2600, 2600), (255, 0, 0, 128))), (255, 127, 127)),
        (saved(Image.new("RGB", (50, 50), (9, 9, 9)), transparency=(9, 9, 9)), (255, 255, 255)),
        (saved(Image.new("1", (50, 50), 1)), (255, 255, 255)),
        (saved(Image.new("I;16", (50, 50), 30_000)), (116, 116, 116)),
        (saved(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), "WEBP"), (255, 255, 255)),
        (saved(Image.new("CMYK", (50, 50), (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
    ],
    ids=[
        "palette", "palette-key", "palette-alpha", "grey", "grey-key", "grey-alpha", "rgba", "rgb-key",
        "bits", "16-bit", "webp-alpha", "cmyk",
    ],
)  # fmt: skip
def test_every_kind_of_colour_comes_out_as_it_looks(raw: bytes, expected: tuple[int, ...]):
    assert_close(colour(raw), expected)


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


@pytest.mark.parametrize(
    "block",
    [
        b"Exif\0\0",
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


def _avif() -> bytes:
    return b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif" + bytes(500)


def _heic_that_lies() -> bytes:
    """Says 100x100 in its header; the coded picture has 200 times as many pixels."""
    raw = bytearray(photos.heic(1600, 1200))
    at = raw.find(b"ispe")
    while at >= 0:
        raw[at + 8 : at + 16] = struct.pack(">II", 100, 100)
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


def _huge_jpeg() -> bytes:
    raw = bytearray(saved(Image.new("L", (16, 16)), "JPEG"))
    at = raw.find(b"\xff\xc0")
    raw[at + 5 : at + 9] = struct.pack(">HH", 60_000, 60_000)
    return bytes(raw)


def _one_pixel_png(*chunks: bytes) -> bytes:
    end = photos.png_chunk(b"IEND", b"")
    return photos.png_of(*chunks, photos.png_chunk(b"IDAT", zlib.compress(bytes(4))), end)


REFUSED = {
    "empty": (b"", "image_empty"),
    "text": (b"hello", "not_an_image"),
    "html": (photos.html(), "not_an_image"),
    "zeros": (bytes(5000), "not_an_image"),
    "video": (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(500), "not_an_image"),
    "svg": (photos.svg(), "unsupported_format"),
    "gif": (saved(Image.new("L", (9, 9)), "GIF"), "unsupported_format"),
    "tiff": (saved(Image.new("L", (9, 9)), "TIFF"), "unsupported_format"),
    "bmp": (saved(Image.new("L", (9, 9)), "BMP"), "unsupported_format"),
    "pdf": (saved(Image.new("L", (9, 9)), "PDF"), "unsupported_format"),
    "avif": (_avif(), "unsupported_format"),
    "21 MB": (photos.too_large_jpeg(), "image_too_large"),
    "truncated jpeg": (photos.truncated_jpeg(), "image_truncated"),
    "truncated heic": (photos.heic()[:20_000], "image_truncated"),
    "truncated webp": (photos.webp()[:-2000], "image_truncated"),
    "truncated png": (photos.png()[:-90_000], "image_truncated"),
    "header only": (photos.jpeg()[:3], "image_truncated"),
    "bomb png": (photos.bomb_png(), "too_many_pixels"),
    "bomb jpeg": (_huge_jpeg(), "too_many_pixels"),
    "bomb heic": (_huge_heic(), "too_many_pixels"),
    "bomb webp": (_huge_webp(16_000, 16_000), "too_many_pixels"),
    "bigger webp": (_huge_webp(8000, 8000), "too_many_pixels"),
    "lying heic": (_heic_that_lies(), "image_truncated"),
    "scan bomb": (photos.scan_bomb_jpeg(), "image_too_complex"),
    "text bomb": (photos.text_bomb_png(), "image_truncated"),
    "no pixels": (_one_pixel_png(photos.png_header(0, 5)), "image_truncated"),
    "transparencies": (
        _one_pixel_png(photos.png_header(1, 1, 8, 3), photos.png_chunk(b"tRNS", bytes(300))),
        "image_truncated",
    ),
}


@pytest.mark.parametrize(("raw", "code"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_become_a_photo_is_refused_at_once_with_its_reason(raw: bytes, code: str):
    start = time.process_time()
    error = refusal(raw)
    assert error.code == code
    assert time.process_time() - start < 2
    assert all(isinstance(fact, str | int) for fact in error.facts.values())


def test_files_of_exactly_20_megabytes_and_50_megapixels_are_taken():
    assert prepared(photos.jpeg() + bytes(images.MAX_BYTES - len(photos.jpeg())))
    assert prepared(saved(Image.new("1", (8000, 6250))))
    assert refusal(saved(Image.new("1", (8001, 6250)))).code == "too_many_pixels"


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
    assert isinstance(refusal(photos.truncated_jpeg()).__cause__, OSError)


# --- The demo's drawings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", demo_photos.KINDS)
def test_every_drawing_of_the_demo_is_a_photo_in_its_colour(kind: str):
    picture = shown(demo_photos.draw(kind, "#c03030"))
    assert picture.size == (demo_photos.SIDE, demo_photos.SIDE)
    red, green, _blue = picture.resize((1, 1), Image.Resampling.BOX).tobytes()
    assert red > green + 5


# --- Any input at all ---------------------------------------------------------------------------------------


def _small_files() -> list[bytes]:
    scene = photos.scene(64, 48)
    return [
        photos.jpeg(64, 48, 6),
        photos.jpeg(64, 48, 3, True),
        photos.heic(64, 48, 6),
        photos.png(64, 48),
        photos.webp(64, 48, 8),
        photos.cmyk_jpeg(64, 48),
        saved(scene.quantize(16), transparency=bytes(range(16))),
        saved(scene.convert("L"), transparency=7),
        saved(scene.convert("LA")),
        saved(scene, save_all=True, append_images=[scene.rotate(9)]),
        saved(scene, "WEBP", save_all=True, append_images=[scene.rotate(9)]),
    ]


def _damaged(raw: bytes, dice: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(dice.choice((1, 1, 2, 5, 20))):
        at = dice.randrange(min(len(data), 400) if dice.random() < 0.5 else len(data))
        match dice.randrange(5):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                data[at] = dice.randrange(256)
            case 2:
                data[at : at + 4] = dice.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\0\0\0\1"))
            case 3:
                data[at:at] = dice.randbytes(dice.randrange(1, 9))
            case 4:
                del data[at : at + dice.randrange(1, 20)]
        if len(data) < 50:
            break
    return _with_right_checksums(bytes(data)) if dice.random() < 0.8 else bytes(data)


def _with_right_checksums(raw: bytes) -> bytes:
    """A damaged PNG whose damage is behind the checksums; anything else as it is."""
    if not raw.startswith(b"\x89PNG"):
        return raw
    out, at = raw[:8], 8
    while at + 12 <= len(raw):
        length = int.from_bytes(raw[at : at + 4])
        if at + 12 + length > len(raw):
            break
        out += photos.png_chunk(raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length])
        at += 12 + length
    return out + raw[at:]


def _photo_or_refusal(raw: bytes) -> None:
    """Anything but these two fails the test, a warning too."""
    try:
        photo = prepare(BytesIO(raw))
    except BadImage as error:
        assert error.detail  # noqa: PT017
    else:
        assert max(shown(photo.image).size) <= 1280
        assert max(shown(photo.thumbnail).size) <= 200


@pytest.mark.filterwarnings("error", "ignore:Invalid APNG")
def test_a_damaged_file_becomes_a_photo_or_a_refusal_and_nothing_else():
    dice, files = random.Random(20260), _small_files()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        _photo_or_refusal(_damaged(dice.choice(files), dice))


_STARTS = [b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"RIFF\x40\0\0\0WEBPVP8X", b"II*\0"]


@pytest.mark.filterwarnings("error", "ignore:Invalid APNG")
@settings(max_examples=150, deadline=None)
@given(start=st.sampled_from([*_STARTS, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"]), rest=st.binary(max_size=600))
def test_garbage_behind_any_signature_is_a_refusal(start: bytes, rest: bytes):
    _photo_or_refusal(start + rest)


@pytest.mark.filterwarnings("error")
@settings(max_examples=150, deadline=None)
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


# --- Cost ---------------------------------------------------------------------------------------------------

_MEASURE = """
import sys
from io import BytesIO
from pathlib import Path
from api.images import prepare
raw = Path(sys.argv[1]).read_bytes()
def peak(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name)) // 1024
before = peak("VmRSS")
prepare(BytesIO(raw))
print(peak("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from Linux' /proc")
@pytest.mark.parametrize(("maker", "megabytes"), [(photos.phone_jpeg, 80), (photos.phone_heic, 220)])
def test_memory_for_12_megapixels_stays_bounded(maker: Callable[[], bytes], megabytes: int, tmp_path: Path):
    file = tmp_path / "photo"
    file.write_bytes(maker())
    backend = Path(images.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(file)], capture_output=True, text=True, check=True, cwd=backend
    )
    assert int(done.stdout) < megabytes


def test_big_pictures_are_decoded_one_at_a_time_and_phone_jpegs_do_not_wait(monkeypatch: pytest.MonkeyPatch):
    gate = threading.Semaphore(0)
    monkeypatch.setattr(images, "_one_big_picture", gate)
    prepared(photos.phone_jpeg())
    prepared(photos.heic())  # small ones don't wait either
    waiting = threading.Thread(target=prepare, args=(BytesIO(photos.phone_heic()),), daemon=True)
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive()
    gate.release()
    waiting.join(30)
    assert not waiting.is_alive()
    assert gate.acquire(blocking=False)  # and it is given back

"""Uploaded pictures are always encoded again; invalid files are refused."""

import io
import struct
import zlib

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from ticketshop.lib import images


def picture(size=(40, 30), kind="PNG", mode="RGB", colour="red", **options) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind, **options)
    return file.getvalue()


def upload(content: bytes, name="photo.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/png")


def kept(content: bytes, name="photo.png"):
    made = images.PictureField().clean(upload(content, name))
    return made, Image.open(made)


def head_of_a_png(width: int, height: int) -> bytes:
    """Says how large it is; nothing else is true."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_is_written_anew_as_webp_under_a_name_of_ours(kind):
    made, image = kept(picture(kind=kind), f"My holidays {'x' * 300}.exe.{kind.lower()}")
    assert (image.format, image.size) == ("WEBP", (40, 30))
    assert made.name.endswith(".webp")
    assert len(made.name) < 40
    assert "holidays" not in made.name


def test_two_uploads_of_one_file_have_two_names():
    assert kept(picture())[0].name != kept(picture())[0].name


def test_large_pictures_are_made_smaller_in_their_proportions():
    _made, image = kept(picture((4000, 1000)))
    assert image.size == (1600, 400)


def test_transparency_is_kept():
    assert kept(picture(mode="RGBA", colour="#ff000080"))[1].mode == "RGBA"


def test_a_photo_loses_its_metadata_and_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    exif[0x010E] = "Secret place"
    made, image = kept(picture((40, 30), "JPEG", exif=exif))
    assert image.size == (30, 40)
    assert not image.getexif()
    assert b"Secret place" not in made.open().read()


def test_bytes_after_the_picture_are_removed():
    made, _image = kept(picture() + b"<script>alert(1)</script>")
    assert b"script" not in made.open().read()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"%PDF-1.7",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        picture()[:60],
        picture(kind="JPEG")[:200],
        picture(kind="BMP"),
        picture(kind="TIFF"),
        b"GIF89a" + b"\xff" * 60,
    ],
    ids=["empty", "text", "svg", "pdf", "eps", "cut png", "cut jpeg", "bmp", "tiff", "broken gif"],
)
def test_what_is_no_picture_is_refused_with_a_sentence(content):
    with pytest.raises(forms.ValidationError):
        images.PictureField().clean(upload(content))


@pytest.mark.parametrize("size", [(30_000, 30_000), (7_000, 6_000)])
def test_decompression_bomb_is_refused_by_its_header(size):
    with pytest.raises(forms.ValidationError, match="40 million"):
        images.PictureField().clean(upload(head_of_a_png(*size)))


def test_a_file_over_the_limit_is_refused_unread():
    with pytest.raises(forms.ValidationError, match="8 MB"):
        images.PictureField().clean(upload(b"\0" * (images.MOST_BYTES + 1)))

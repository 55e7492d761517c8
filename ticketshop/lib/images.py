"""Pictures that staff upload: read with care, made small, written anew under a name of ours.

Nothing of the uploaded file is kept: no name, no metadata (a photo says where it was taken), no bytes behind the picture.
"""

import io
import secrets

from django import forms
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 1600
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
# What Pillow raises for files that are broken, and for those that unpack to more than it wants to hold.
BROKEN = (OSError, ValueError, SyntaxError, EOFError)
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
TOO_MANY = _("The picture has more than 40 million pixels. Choose a smaller one.")


class NotAPicture(Exception):
    """The file can't be taken; the message is a sentence for the person who chose it."""


def remade(file) -> ContentFile:
    """The picture in ``file`` as WebP, upright, at most 1600 px wide and high. Raises NotAPicture."""
    try:
        with Image.open(file, formats=FORMATS) as picture:
            # Known from the file's head: a bomb is refused before it is unpacked.
            if picture.width * picture.height > MOST_PIXELS:
                raise NotAPicture(TOO_MANY)
            picture.draft("RGB", (2 * LONGEST_SIDE, 2 * LONGEST_SIDE))
            upright = ImageOps.exif_transpose(picture)
            has_alpha = upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info
            small = upright.convert("RGBA" if has_alpha else "RGB")
            small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    except BOMBS as error:
        raise NotAPicture(TOO_MANY) from error
    except BROKEN as error:
        raise NotAPicture(_("This is no picture we can read. Choose a JPEG, PNG or WebP file.")) from error
    written = io.BytesIO()
    small.save(written, "WEBP", quality=82, method=4)
    return ContentFile(written.getvalue(), name=f"{secrets.token_hex(12)}.webp")


class PictureField(forms.FileField):
    """A form field whose value is the remade picture."""

    def __init__(self, **kwargs):
        kwargs.pop("max_length", None)  # of a name that is not kept
        kwargs["help_text"] = kwargs.get("help_text") or _(
            "JPEG, PNG or WebP, at most 8 MB. Large pictures are made smaller."
        )
        super().__init__(**kwargs)

    def widget_attrs(self, widget):
        return {**super().widget_attrs(widget), "accept": "image/jpeg,image/png,image/webp,image/gif"}

    def to_python(self, data):
        file = super().to_python(data)
        if file is None or not isinstance(file, UploadedFile):
            return file
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than 8 MB. Choose a smaller one."))
        try:
            return remade(file)
        except NotAPicture as error:
            raise forms.ValidationError(error.args[0]) from error

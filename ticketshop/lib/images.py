"""Pictures that staff upload: check, shrink, and encode them again.

No part of the uploaded file is stored: neither its name nor metadata (such as the place of a photo) nor trailing bytes.
"""

import io
import secrets

from django import forms
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 1600
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
# Exceptions of Pillow for broken files.
BROKEN = (OSError, ValueError, SyntaxError, EOFError)
TOO_MANY = _("The picture has more than 40 million pixels. Choose a smaller one.")


class NotAPicture(Exception):
    """The file is refused. The message is a translated sentence for the staff member."""


def remade(file) -> ContentFile:
    """Return the picture in ``file`` as an upright WebP of at most 1600 × 1600 px, with a random name. Raises NotAPicture."""
    from PIL import Image, ImageOps  # noqa: PLC0415  needed for uploads only

    try:
        with Image.open(file, formats=FORMATS) as picture:
            # The size is in the file's header, so a decompression bomb is refused before it is decoded.
            if picture.width * picture.height > MOST_PIXELS:
                raise NotAPicture(TOO_MANY)
            picture.draft("RGB", (2 * LONGEST_SIDE, 2 * LONGEST_SIDE))
            upright = ImageOps.exif_transpose(picture)
            has_alpha = upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info
            small = upright.convert("RGBA" if has_alpha else "RGB")
            small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NotAPicture(TOO_MANY) from error
    except BROKEN as error:
        raise NotAPicture(_("This is no picture we can read. Choose a JPEG, PNG or WebP file.")) from error
    written = io.BytesIO()
    small.save(written, "WEBP", quality=82, method=4)
    return ContentFile(written.getvalue(), name=f"{secrets.token_hex(12)}.webp")


class PictureField(forms.FileField):
    """A file field whose value is the picture that ``remade`` returns."""

    def __init__(self, **kwargs):
        kwargs.pop("max_length", None)  # limits the file name, which is not stored
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

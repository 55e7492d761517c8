"""Files on disk: one that could not be written whole is not there at all."""

import logging
import os
from contextlib import suppress

from django.core.files.storage import FileSystemStorage

logger = logging.getLogger("ticketshop.files")


class NotStored(Exception):
    """The disk took no more: nothing of the file is left."""


class WholeFiles(FileSystemStorage):
    """Raises NotStored where a file can't be written, for example on a full disk."""

    def _save(self, name, content):
        try:
            return super()._save(name, content)  # type: ignore[misc]
        except OSError as error:
            logger.error("file not stored error=%s", error.errno)
            # Names are random, so what lies there is what was begun here.
            with suppress(OSError):
                os.unlink(self.path(name))
            raise NotStored(str(name)) from error

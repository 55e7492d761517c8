"""A file storage without incomplete files."""

import logging
import os
from contextlib import suppress

from django.core.files.storage import FileSystemStorage

logger = logging.getLogger("ticketshop.files")


class NotStored(Exception):
    """The file could not be written, for example because the disk is full. No part of it is left."""


class WholeFiles(FileSystemStorage):
    """Raises NotStored if a file can't be written, and removes what was written of it."""

    def _save(self, name, content):
        try:
            return super()._save(name, content)  # type: ignore[misc]
        except OSError as error:
            logger.error("file not stored error=%s", error.errno)
            # Names are random, so the incomplete file is the one begun here.
            with suppress(OSError):
                os.unlink(self.path(name))
            raise NotStored(str(name)) from error

"""Keep native code from writing its internals to stderr."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

LAST_WORDS_S = 0.5


@contextmanager
def native_stderr_captured() -> Iterator[None]:
    """Capture what native code writes to stderr; show it only if there is an error.

    MediaPipe logs its internals there on every start and has no switch for it.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(saved, held.read())
            raise
        except BaseException:  # an interrupt; threads of the native code are still starting
            time.sleep(LAST_WORDS_S)
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)

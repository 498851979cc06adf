"""What can go wrong, as a tree.

```
LipsyncError                 the user can mend it: one line, exit code 2
├── InputError               a file given to us
│   ├── MediaError           it is missing, unreadable, or not the media we need
│   │   └── NoFaceError      a picture in which no usable face was found
│   ├── AudioError           no sound in it, or too little of it
│   ├── SpansError           spans that cannot be read, overlap, or name nobody that is known
│   ├── PlanError            a plan of shards that is damaged, incomplete, or of another version
│   ├── ManifestError        lines of a manifest of jobs, all that are wrong
│   ├── AdaptError           footage that cannot adapt the speech model
│   ├── MouthError           footage that cannot teach a decoder its mouth
│   └── FacesError           a set of faces that cannot be used, or too few of them
├── OutputError              where the result should go
├── OptionsError             an option or YAML key that is unknown or out of range
├── SystemUnfitError        a machine or cluster that is not there, or not as it has to be
├── CancelledError           the caller no longer wants it
├── TimeLimitError           it took longer than the caller allows
├── WeightsError             weights that are missing, damaged, or do not fit
└── MissingPackageError      an optional package; the message carries the pip line
```

Every message says what is wrong, where (file, frame, second) and what to do about it.
Anything that is not a `LipsyncError` is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence


class LipsyncError(Exception):
    """Something the user can mend. `str(error)` is one line."""


class InputError(LipsyncError):
    """A file that was given to us cannot be used."""


class MediaError(InputError):
    """A file is missing, unreadable, or holds no usable picture."""


class NoFaceError(MediaError):
    """No usable face was found in the target."""


class AudioError(InputError):
    """No sound, or too little of it."""


class SpansError(InputError):
    """Spans cannot be read, overlap, lie beyond the target, or name an unknown speaker."""


class PlanError(InputError):
    """A plan of shards is missing, damaged, incomplete, or of another version."""


class ManifestError(InputError):
    """A manifest of jobs cannot be used.

    Args:
        path: of the manifest.
        faults: what is wrong, one line each, with the number of the line.
    """

    def __init__(self, path: object, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        lines = "1 line is" if len(faults) == 1 else f"{len(faults)} lines are"
        super().__init__(f"{path}: {lines} wrong, nothing was started: {'; '.join(faults)}")


class AdaptError(InputError):
    """Footage cannot adapt the speech model to its speaker, or did not make it better."""


class MouthError(InputError):
    """Footage cannot teach a decoder its person's mouth."""


class FacesError(InputError):
    """A set of faces is missing, damaged, too small, or of the wrong person."""


class OutputError(LipsyncError):
    """The result cannot be written where it should go."""


class OptionsError(LipsyncError):
    """An option or a YAML key is unknown or out of range."""


class SystemUnfitError(LipsyncError):
    """A machine or a cluster is not there, or not as it has to be."""


class CancelledError(LipsyncError):
    """The caller has asked to stop."""


class TimeLimitError(LipsyncError):
    """It took longer than the caller allows."""


class WeightsError(LipsyncError):
    """Weights are missing, damaged, or do not fit the network they are given to."""


class MissingPackageError(LipsyncError):
    """An optional package is not installed.

    Args:
        package: the name to install.
        needed_for: what the user asked for, e.g. `--landmarks face-alignment`.
        extra: our extra that brings it; None: none does.
    """

    def __init__(self, package: str, needed_for: str, extra: str | None = None) -> None:
        how = f": pip install 'lipsync-render[{extra}]'" if extra else ""
        super().__init__(f"{needed_for} needs the package {package}{how}")

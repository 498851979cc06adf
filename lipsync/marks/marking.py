"""The marks of one output, decided before its first frame and put on when it is complete.

In this order: watermark (in the frames), comment (by the encoder), XMP, content credentials,
sidecar. The manifest is bound to all bytes of the file, so that it comes after everything that is
in it; the sidecar has the hash of what is delivered, so that it comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipsync.marks.c2pa_library import manifest_path
from lipsync.marks.certificate import SigningIdentity, load_identity
from lipsync.marks.content_credentials import can_hold_credentials, check_identity, sign
from lipsync.marks.options import MarkOptions
from lipsync.marks.origin import (
    GENERATED_FACE,
    SOURCE_TAG,
    SOURCE_TYPE,
    OriginRecord,
    write_comment,
    write_id,
)
from lipsync.marks.sidecar import write_sidecar
from lipsync.marks.visible_label import (
    TEXTS,
    Kind,
    VisibleLabel,
    can_draw,
    check_language,
    label_frames,
)
from lipsync.marks.watermark import Watermark
from lipsync.marks.xmp import embed_xmp, picture_texts
from lipsync.media import Output
from lipsync.media.frame_coding import RGB, FrameCoding
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.types import U8, VideoInfo


@dataclass(frozen=True)
class Marking:
    """How one output is marked."""

    output: Output
    statement: str
    options: MarkOptions
    record_id: int
    identity: SigningIdentity | None  # who signs; None: no content credentials
    consent: str | None = None

    @staticmethod
    def plan(
        output: Output,
        statement: str,
        options: MarkOptions,
        record_id: int,
        consent: str | None = None,
    ) -> Marking:
        """Find out before the work whether the output can be signed.

        Args:
            record_id: from `derive_record_id`.

        Raises:
            InputError, OptionsError, OutputError: it cannot, with the certificate there is.
        """
        if options.label:
            check_language(options.label_language)
        identity = None
        if options.content_credentials and can_hold_credentials(output):
            identity = load_identity(options.certificate, options.key)
            check_identity(identity)
        return Marking(output, statement, options, record_id, identity, consent)

    @property
    def comment(self) -> str:
        """The comment of the container and of its pictures."""
        return write_comment(
            self.statement, self.record_id, signed=self.identity is not None, consent=self.consent
        )

    @property
    def tags(self) -> dict[str, str]:
        """Tags of every container; one that cannot hold the second (mp4, mov) omits it."""
        return {"comment": self.comment, SOURCE_TAG: SOURCE_TYPE}

    @property
    def picture_texts(self) -> dict[str, str]:
        """Texts of every picture in a folder of frames."""
        return picture_texts(self.comment)

    @property
    def manifest(self) -> Path | None:
        """Where the manifest lies beside the output; None: in it, or there is none."""
        apart = can_hold_credentials(self.output) and not self.output.format.boxes
        return manifest_path(self.output.path) if apart else None

    @property
    def summary(self) -> str:
        """The marks in one line for the user."""
        signed = "no content credentials"
        if self.identity is not None:
            signed = f"content credentials signed by {self.identity.name}"
            if self.identity.self_made:
                signed += ": readers will call them untrusted"
        elif self.options.content_credentials:
            signed += ", which only files of video hold"
        return f"record {write_id(self.record_id)}; {signed}"

    @property
    def notice(self) -> str:
        """The visible notice; in the chosen language, or in English if that cannot be drawn."""
        kind: Kind = "face" if self.statement == GENERATED_FACE else "mouth"
        language = self.options.label_language
        return TEXTS[language if can_draw(language) else "en"][kind]

    def watermark(self) -> Watermark | None:
        """What hides the record's id in the new part of every frame; None: nothing is hidden."""
        return Watermark(self.record_id) if self.options.watermark else None

    def label(
        self,
        frames: Iterable[U8],
        changed: Callable[[int], bool],
        info: VideoInfo,
        first: int = 0,
        coding: FrameCoding = RGB,
    ) -> Iterator[U8]:
        """The frames, with the visible notice if one is wanted.

        Args:
            changed: whether frame i is changed; asked when that frame has arrived.
            first: the number of the first of these frames.
            coding: of the frames.
        """
        if not self.options.label:
            yield from frames
            return
        options = self.options
        drawn = VisibleLabel.of(info.width, info.height, self.notice, options.label_position)
        shown = round(options.label_seconds * info.fps) or None
        yield from label_frames(frames, changed, drawn, shown, first, coding)

    def seal(
        self, file: Path, record: OriginRecord, sidecar: Path | None, digest: str | None = None
    ) -> None:
        """Put the marks on a complete output: all of them, or an error.

        Args:
            file: where its complete bytes are now (inside `finalize`, the temporary file).
            record: of this marking's id.
            sidecar: its place; None: there is none.
            digest: of the output, where there is no file to compute it from.

        Raises:
            OutputError: one of them cannot be written; none is left beside the output.
        """
        embed_xmp(file, self.output, self.comment)
        manifest = None
        if self.identity is not None:
            manifest = sign(file, self.output, record, self.identity)
        with ExitStack() as stack:
            place = self.manifest
            if place is not None and manifest is not None:
                temporary = stack.enter_context(atomic_write(place))
                with os_errors_as_output_errors(place):
                    temporary.write_bytes(manifest)
            if sidecar is not None:
                write_sidecar(
                    record, self.output.path, file, place=sidecar, digest=digest,
                    credentials=self._credentials_entry(),
                )  # fmt: skip
        if place is not None and manifest is None:
            place.unlink(missing_ok=True)  # of the output that this one replaces

    def _credentials_entry(self) -> dict[str, Any] | None:
        """What the sidecar says of the content credentials."""
        if self.identity is None:
            return None
        return {
            "manifest": "in the file" if self.manifest is None else self.manifest.name,
            "signed_by": self.identity.name,
            "self_made_certificate": self.identity.self_made,
        }

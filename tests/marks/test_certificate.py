"""Who signs: the local certificate is made once and guarded, the user's is checked beforehand."""

from __future__ import annotations

import datetime
import multiprocessing
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lipsync.errors import InputError, OptionsError, OutputError
from lipsync.marks.certificate import load_identity, local_place
from lipsync.marks.content_credentials import check_identity
from lipsync.marks.options import MarkOptions
from lipsync.marks.reader import read_marks
from tests.support import marked

PEM = serialization.Encoding.PEM
DAY = datetime.timedelta(days=1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of configuration in which nothing is."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def issue(
    folder: Path,
    key: Any = None,
    *,
    start: int = -1,
    days: int = 30,
    purpose: bool = True,
    self_issued: bool = False,
) -> tuple[Path, Path]:
    """A certificate for a studio, issued by somebody's root, and its key; start, days: from now."""
    root, key = (
        ec.generate_private_key(ec.SECP256R1()),
        key or ec.generate_private_key(ec.SECP384R1()),
    )
    names = [
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text),
                   x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{text} Ltd")])
        for text in ("A Studio", "An Authority")
    ]  # fmt: skip
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[0] if self_issued else names[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + start * DAY)
        .not_valid_after(now + (start + days) * DAY)
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False
        )
    )
    if purpose:
        what = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(what, critical=False)
    files = folder / "studio.pem", folder / "studio.key"
    files[0].write_bytes(builder.sign(root, hashes.SHA256()).public_bytes(PEM))
    files[1].write_bytes(
        key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def test_the_local_certificate_is_made_once_and_only_its_owner_reads_it(home: Path) -> None:
    first = load_identity(None, None)
    place = local_place()
    assert home in place.parents
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    if os.name != "nt":
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert load_identity(None, None) == first
    assert first.self_made
    assert "verified by nobody" in first.name
    assert first.key not in repr(first)


def test_the_local_certificate_fits_the_profile_and_names_nobody(home: Path) -> None:
    identity = load_identity(None, None)
    check_identity(identity)
    leaf, root = x509.load_pem_x509_certificates(identity.chain.encode())
    leaf.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    assert identity.root.encode() == root.public_bytes(PEM)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc > 3649 * DAY
    text = leaf.subject.rfc4514_string() + root.subject.rfc4514_string()
    for private in (os.environ.get("USER", "?"), os.uname().nodename, str(Path.home().name)):
        assert private not in text or private in "lipsync local signer root"
    # The root's key is not kept: nobody can issue another certificate in its name.
    assert local_place().read_text().count("PRIVATE KEY-----") == 2


def _load(folder: str) -> str:
    os.environ["XDG_CONFIG_HOME"] = folder
    return load_identity(None, None).chain


def test_processes_that_start_together_share_one_certificate(home: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        chains = pool.map(_load, [str(home)] * 6)
    assert len(set(chains)) == 1
    assert [path.name for path in local_place().parent.iterdir()] == ["signing.pem"]


def test_an_expired_local_certificate_is_replaced(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipsync.marks import certificate

    with monkeypatch.context() as patch:
        patch.setattr(certificate, "VALID_DAYS", -1)
        patch.setattr(certificate, "ISSUED_BEFORE", 2 * DAY)
        local_place().parent.mkdir(parents=True)
        local_place().write_text(certificate._issue())
    old = local_place().read_text()
    identity = load_identity(None, None)
    assert identity.chain not in old
    check_identity(identity)


def test_a_damaged_local_certificate_is_one_line_that_says_what_to_do(home: Path) -> None:
    load_identity(None, None)
    local_place().write_text("nothing")
    with pytest.raises(InputError, match=r"signing\.pem: holds no certificate.*; delete it"):
        load_identity(None, None)


def test_a_folder_that_cannot_be_made_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match=r"cannot be written .*--no-content-credentials"):
        load_identity(None, None)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA", "Ed25519"])
def test_a_users_certificate_signs(kind: str, tmp_path: Path) -> None:
    keys = {
        "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "RSA": lambda: rsa.generate_private_key(65537, 2048),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
    }
    certificate, key = issue(tmp_path, keys[kind]())
    place = tmp_path / "out.mp4"
    marking = marked.mark(place, MarkOptions(certificate=certificate, key=key))
    assert marking.summary.endswith("signed by A Studio (A Studio Ltd)")
    marks = read_marks(place)
    assert (marks.verdict, marks.state("content credentials")) == ("valid", "untrusted")
    assert marks.found.credentials is not None
    assert marks.found.credentials.signer == "A Studio"
    assert str(tmp_path) not in (tmp_path / "out.mp4.json").read_text()


def test_certificates_that_cannot_sign_are_one_line_before_the_work(tmp_path: Path) -> None:
    def refuse(words: str, certificate: Path, key: Path) -> None:
        with pytest.raises(InputError, match=words) as caught:
            check_identity(load_identity(certificate, key))
        assert "\n" not in str(caught.value)

    good, key = issue(tmp_path)
    nothing, text, locked = (tmp_path / name for name in ("nothing.pem", "text.pem", "locked.key"))
    text.write_text("no certificate")
    locked.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
        )
    )
    refuse(r"nothing\.pem: cannot be read \(No such file", nothing, key)
    refuse(r"nothing\.pem: cannot be read \(No such file", good, nothing)
    refuse(r"text\.pem: holds no certificate", text, key)
    refuse(r"studio\.pem: holds no private key", good, good)
    refuse(r"locked\.key: is protected by a passphrase", good, locked)
    for words, more in (
        ("has expired on 20", {"start": -30, "days": 20}),
        ("is valid from 20", {"start": 3}),
        ("cannot sign content credentials", {"purpose": False}),
        ("has issued itself", {"self_issued": True}),
        ("RSA of 2048 bits or more", {"key": rsa.generate_private_key(65537, 1024)}),  # noqa: S505
        ("allows keys on P-256", {"key": ec.generate_private_key(ec.SECP256K1())}),
    ):
        refuse(words, *issue(tmp_path, **more))
    (tmp_path / "other").mkdir()
    refuse(r"studio\.key: is not the key of", good, issue(tmp_path / "other")[1])


def test_certificate_and_key_belong_together(tmp_path: Path) -> None:
    good, key = issue(tmp_path)
    with pytest.raises(OptionsError, match="--certificate needs --key"):
        load_identity(good, None)
    with pytest.raises(OptionsError, match="--key needs --certificate"):
        load_identity(None, key)

"""The certificate that signs content credentials: the user's, or a local self-made one.

A self-made certificate proves that two outputs come from the same installation and that neither
was changed since; it proves nobody's name, and every reader calls it untrusted. Its key never
leaves the user's configuration folder. The root that issued it has signed nothing else: its key is
forgotten at once.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from lipsync.errors import InputError, OptionsError, OutputError
from lipsync.runtime.atomic import os_errors_as_output_errors
from lipsync.runtime.portable import create_file, name_if_free

LOCAL_NAME = "signing.pem"  # key, certificate and root, in this order
# Nothing stamps the time of a signature without a network, so that readers check the certificate
# as of today: it has to live as long as the videos that it signed.
VALID_DAYS = 3650
ISSUED_BEFORE = datetime.timedelta(hours=1)  # for readers whose clocks are slow
LOCAL_ORGANIZATION = "self-made on this machine, verified by nobody"
RSA_BITS_LEAST = 2048  # C2PA specification, "digital signatures"


@dataclass(frozen=True)
class SigningIdentity:
    """A certificate chain and the key that signs with it."""

    chain: str  # PEM, the signing certificate first
    key: str = field(repr=False)  # PEM, PKCS #8, not encrypted
    algorithm: str  # as C2PA names it, e.g. es256
    name: str  # whom the certificate names
    self_made: bool
    place: Path  # the file with the certificate

    @property
    def root(self) -> str:
        """The last certificate of the chain, PEM: readers that are given it trust the signature."""
        begin = "-----BEGIN CERTIFICATE-----"
        return begin + self.chain.rpartition(begin)[2]


def load_identity(certificate: Path | None, key: Path | None) -> SigningIdentity:
    """The user's certificate, or the local one, which is made if there is none.

    Raises:
        OptionsError: one of certificate and key is missing.
        InputError: they cannot be read, do not fit, or are not valid today.
        OutputError: the local certificate cannot be kept.
    """
    if certificate is None and key is None:
        return _local_identity()
    if certificate is None or key is None:
        given, other = ("--certificate", "--key") if key is None else ("--key", "--certificate")
        raise OptionsError(f"{given} needs {other}: a signature is made with both")
    return _read_identity(certificate, key, self_made=False)


def local_place() -> Path:
    """Where the local certificate and its key are kept."""
    return platformdirs.user_config_path("lipsync") / LOCAL_NAME


def _local_identity() -> SigningIdentity:
    place = local_place()
    if not place.exists():
        _make_local(place)
    try:
        return _read_identity(place, place, self_made=True)
    except InputError as error:
        if "expired" not in str(error):
            raise InputError(f"{error}; delete it, and another is made") from None
    place.unlink()  # ten years old
    _make_local(place)
    return _read_identity(place, place, self_made=True)


def _make_local(place: Path) -> None:
    """Make a root, a certificate that it issues, and a key; keep all but the root's key.

    Of two processes that do so at the same time the first one's is kept.
    """
    text = _issue()
    temporary = place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")
    try:
        with os_errors_as_output_errors(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(create_file(temporary, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            # Unlike a renamed file, a link does not replace what another process has just made.
            name_if_free(temporary, place)
    except OutputError as error:
        raise OutputError(
            f"{error}: no certificate of your own can be kept; pass --certificate and --key, or "
            "--no-content-credentials"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _issue() -> str:
    """A new key, its certificate and that of the root, PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.datetime.now(datetime.timezone.utc)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def named(common: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, LOCAL_ORGANIZATION),
                x509.NameAttribute(NameOID.COMMON_NAME, common),
            ]
        )

    def certificate(common: str, public: Any, *, root: bool) -> x509.CertificateBuilder:
        usage = x509.KeyUsage(
            digital_signature=not root, key_cert_sign=root, crl_sign=root,
            content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(named(common))
            .issuer_name(named("lipsync local root"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - ISSUED_BEFORE)
            .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
            .add_extension(x509.BasicConstraints(root, 0 if root else None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(issuer, critical=False)
        )

    root = certificate("lipsync local root", root_key.public_key(), root=True)
    # The C2PA profile accepts this purpose, and its trust lists know it.
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    leaf = certificate("lipsync local signer", key.public_key(), root=False)
    leaf = leaf.add_extension(purpose, critical=False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signed = [one.sign(root_key, hashes.SHA256()).public_bytes(pem) for one in (leaf, root)]
    return b"".join([private, *signed]).decode()


def _read_identity(certificate: Path, key: Path, *, self_made: bool) -> SigningIdentity:
    """Read and check what can be checked without signing."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    pem = serialization.Encoding.PEM
    try:
        chain = x509.load_pem_x509_certificates(_read(certificate))
    except ValueError:
        raise InputError(f"{certificate}: holds no certificate in PEM form") from None
    leaf = chain[0]
    try:
        private = serialization.load_pem_private_key(_read(key), password=None)
    except TypeError:
        raise InputError(
            f"{key}: is protected by a passphrase; save the key without one (openssl pkey)"
        ) from None
    except ValueError:
        raise InputError(f"{key}: holds no private key in PEM form") from None
    if private.public_key() != leaf.public_key():
        raise InputError(f"{key}: is not the key of {certificate}")
    now = datetime.datetime.now(datetime.timezone.utc)
    if now > leaf.not_valid_after_utc:
        raise InputError(f"{certificate}: has expired on {leaf.not_valid_after_utc:%Y-%m-%d}")
    if now < leaf.not_valid_before_utc:
        raise InputError(f"{certificate}: is valid from {leaf.not_valid_before_utc:%Y-%m-%d} on")
    if leaf.issuer == leaf.subject:
        raise InputError(
            f"{certificate}: has issued itself, which C2PA forbids; leave out --certificate and "
            "--key for one that is made for you"
        )
    return SigningIdentity(
        chain="".join(one.public_bytes(pem).decode() for one in chain),
        key=private.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        algorithm=_algorithm(private, key),
        name=_subject(leaf),
        self_made=self_made,
        place=certificate,
    )


def _subject(leaf: Any) -> str:
    """Whom a certificate names: "name (organization)", or what there is of it."""
    from cryptography.x509.oid import NameOID

    oids = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
    parts = [str(one.value) for oid in oids for one in leaf.subject.get_attributes_for_oid(oid)[:1]]
    return f"{parts[0]} ({parts[1]})" if len(parts) == 2 else (parts or ["no name"])[0]


def _algorithm(private: Any, key: Path) -> str:
    """How a key signs, in C2PA's words.

    Raises:
        InputError: C2PA allows no signatures of it.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size >= RSA_BITS_LEAST:
        return "ps256"
    curves = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in curves:
        return curves[private.curve.name]
    raise InputError(
        f"{key}: C2PA allows keys on P-256, P-384, P-521 or Ed25519, and RSA of {RSA_BITS_LEAST} "
        "bits or more"
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None

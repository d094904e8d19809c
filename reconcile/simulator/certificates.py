"""A certificate authority for tests, and a certificate of this machine that it has signed. Made anew each time.

The only door to `cryptography`, which is needed for this alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_NAMES: Final = ("localhost",)
_ADDRESSES: Final = ("127.0.0.1", "::1")
_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Tls:
    """Where the files are: whom callers must trust, and what the server shows and keeps secret."""

    ca: Path
    certificate: Path
    key: Path


def made(folder: Path) -> Tls:
    """A new authority and a certificate for `localhost`, `127.0.0.1` and `::1`, as files in this folder.

    Raises:
        ValueError: the library for it is not installed.
        OSError: the files cannot be written.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        raise ValueError("TLS needs the library cryptography: pip install 'sailthru-reconcile[tls]'") from None
    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    files = Tls(folder / "ca.pem", folder / "certificate.pem", folder / "key.pem")
    _write(files.ca, _pem(_signed("Test CA of the reconcile simulator", authority, None)), 0o644)
    _write(files.certificate, _pem(_signed("localhost", authority, own)), 0o644)
    _write(files.key, _secret(own), 0o600)
    return files


def _signed(
    name: str, authority: ec.EllipticCurvePrivateKey, own: ec.EllipticCurvePrivateKey | None
) -> x509.Certificate:
    """The authority's own certificate, or, where a key is given, one that it signs for this machine."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    signer, key = authority.public_key(), (own or authority).public_key()
    now = datetime.now(UTC)
    names = [*map(x509.DNSName, _NAMES), *(x509.IPAddress(ip_address(text)) for text in _ADDRESSES)]
    usage = dict.fromkeys(_USES, False) | ({"digital_signature": True} if own else dict.fromkeys(_SIGNS, True))
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named("Test CA of the reconcile simulator"))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=own is None, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )
    if own is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(authority, hashes.SHA256())


_SIGNS: Final = ("key_cert_sign", "crl_sign")
_USES: Final = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *(*_SIGNS, "encipher_only", "decipher_only"),
)


def _named(text: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _secret(key: ec.EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    path.touch(mode)
    path.write_bytes(content)

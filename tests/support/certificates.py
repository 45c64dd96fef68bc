"""Certificates of an unknown authority, valid for a day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from support.commands import run

_DAYS = "2"
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
# Python 3.13 checks these; older versions do not.
_AUTHORITY = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
# Names and addresses of this machine.
_HERE = "DNS:localhost,IP:127.0.0.1,IP:::1"


@dataclass(frozen=True)
class KeyPair:
    """PEM files."""

    certificate: Path
    key: Path


class Authority:
    """An authority that issues certificates as files in `folder`; `certificate` is its own."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._own = KeyPair(folder / "ca.crt", folder / "ca.key")
        extensions = [word for text in _AUTHORITY for word in ("-addext", text)]
        self._new_key(self._own, name, "-x509", "-days", _DAYS, "-out", str(self._own.certificate), *extensions)

    @property
    def certificate(self) -> Path:
        return self._own.certificate

    def server(self, host: str = "127.0.0.1", *names: str) -> KeyPair:
        """Issue the certificate of a server on this machine, which may have another address and other names."""
        known = ",".join((_HERE, f"IP:{host}", *(f"DNS:{name}" for name in names)))
        return self._issue("server", "localhost", f"subjectAltName={known}\nextendedKeyUsage=serverAuth\n")

    def client(self, name: str = "client") -> KeyPair:
        return self._issue(name, name, "extendedKeyUsage=clientAuth\n")

    def _issue(self, file: str, name: str, extensions: str) -> KeyPair:
        pair = KeyPair(self._folder / f"{file}.crt", self._folder / f"{file}.key")
        request, settings = self._folder / f"{file}.csr", self._folder / f"{file}.extensions"
        settings.write_text(f"subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n{extensions}")
        self._new_key(pair, name, "-out", str(request))
        issuer = ("-CA", str(self._own.certificate), "-CAkey", str(self._own.key), "-CAcreateserial")
        output = ("-out", str(pair.certificate), "-days", _DAYS, "-extfile", str(settings))
        run("openssl", "x509", "-req", "-in", str(request), *issuer, *output)
        return pair

    def _new_key(self, pair: KeyPair, name: str, *arguments: str) -> None:
        run("openssl", "req", *_KEY, "-keyout", str(pair.key), "-subj", f"/CN={name}", *arguments)

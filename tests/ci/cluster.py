"""A Kubernetes API server that knows one node, on loopback, with TLS and tokens as in a pod."""

import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

READY = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
PATCH = "application/strategic-merge-patch+json"


class Cluster:
    """The node as the API server has it, and what a pod is given to reach the server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.node: dict[str, Any] = {
            "metadata": {"name": "gpu-17", "labels": {"kubernetes.io/hostname": "gpu-17"}},
            "status": {"conditions": [dict(READY)]},
        }
        self.environ: dict[str, str] = {}

    @property
    def condition(self) -> dict[str, str]:
        (found,) = (
            one for one in self.node["status"]["conditions"] if one["type"] == "EnvcheckUnfit"
        )
        return dict(found)

    @property
    def label(self) -> str | None:
        found: str | None = self.node["metadata"]["labels"].get("envcheck/fit")
        return found

    def merge(self, patch: dict[str, Any]) -> None:
        """What the API server does with a strategic merge patch of a node's status."""
        assert patch.keys() <= {"metadata", "status"}
        self.node["metadata"]["labels"] |= patch["metadata"]["labels"]
        conditions = self.node["status"]["conditions"]
        for new in patch["status"]["conditions"]:
            for old in conditions:
                if old["type"] == new["type"]:
                    old |= new
                    break
            else:
                conditions.append(new)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A running server; `environ` and the account's folder are what a pod sees."""
    made = Cluster(folder)
    account = folder / "account"
    account.mkdir()
    (account / "token").write_text("secret\n")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_PATCH(self) -> None:
            assert self.headers["Content-Type"] == PATCH
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, patch: dict[str, Any] | None) -> None:
            known = self.headers["Authorization"] == "Bearer secret"
            code = 403 if not known else 200
            if self.path != "/api/v1/nodes/gpu-17/status":
                code = 404
            if code == 200 and patch is not None:
                made.merge(patch)
            body = json.dumps(made.node if code == 200 else {"kind": "Status"}).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(
        _certificate(account / "ca.crt", folder / "key.pem"), folder / "key.pem"
    )
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.environ = {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(server.server_port),
        "NODE_NAME": "gpu-17",
        "SERVICE_ACCOUNT": str(account),
    }
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _certificate(path: Path, key_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.datetime.now(datetime.timezone.utc)
    host = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path

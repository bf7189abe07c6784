"""The container and the proxy before it: what can be said of their files without them, and, where docker is there,
both built, started and asked."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.work.settings import read
from pages.ui.front import document

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE, PROXY = (DEPLOY / "Dockerfile").read_text(), (DEPLOY / "nginx.conf").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
COPIED = [name for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE) for name in line.split()[:-1]]
DOCKER = ("docker", "compose", "-f", str(DEPLOY / "compose.yaml"), "-p", "ravine-test")


def test_all_that_is_copied_is_there_and_let_through():
    """Finds a file that was moved, one that .dockerignore holds back, and one that it lets through for nothing."""
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignore[1] == "*" and sorted(line[1:] for line in ignore if line.startswith("!")) == sorted(COPIED)
    assert all((ROOT / name).exists() for name in COPIED) and not [name for name in COPIED if "test" in name]


def test_the_container_is_a_slim_one_whose_process_is_not_root():
    """Finds a heavy base, a process that is root, one without a health check, and one that is not public."""
    assert re.search(r"^FROM python:3\.\d+-slim$", DOCKERFILE, re.MULTILINE)
    assert DOCKERFILE.index("\nUSER ravine") < DOCKERFILE.index("\nCMD")
    assert "/_stcore/health" in re.search(r"HEALTHCHECK.*\n.*", DOCKERFILE)[0]
    given = dict(re.findall(r"(RAVINE_\w+)=(\S+)", DOCKERFILE))
    assert read(given).public and f"VOLUME {given['RAVINE_STORE']}\n" in DOCKERFILE


def test_torch_is_the_cpu_s_and_all_else_is_pinned():
    """Finds an image of five gigabytes, and one made of other releases than were tested."""
    (install,) = re.findall(r"^RUN (pip install .*\n.*)$", DOCKERFILE, re.MULTILINE)
    cpu, others = install.split("&&")
    assert "TORCH_INDEX" in cpu and "--no-deps" in cpu and "'^torch=='" in cpu
    assert "-c constraints.txt -r requirements.txt" in others
    assert re.search(r"^torch==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)


def test_the_proxy_alone_is_reached():
    """Finds a service that can be reached past the proxy, and a proxy that asks for another service or port."""
    services = COMPOSE["services"]
    assert [name for name, service in services.items() if service.get("ports")] == ["proxy"]
    assert services["proxy"]["depends_on"]["ravine"]["condition"] == "service_healthy"
    port = re.search(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)[1]
    assert set(re.findall(r"proxy_pass (\S+);", PROXY)) == {f"http://ravine:{port}"} and "ravine" in services
    (inner,) = re.findall(r"listen (\d+);", PROXY)
    assert services["proxy"]["ports"] == [f"{inner}:{inner}"]


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_what_compose_names_is_there(service):
    """Finds a file or a volume that compose mounts or builds from and that does not exist."""
    about = COMPOSE["services"][service]
    if build := about.get("build"):
        assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    for source in (mount.split(":")[0] for mount in about["volumes"]):
        assert (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


def test_the_policy_allows_the_document_s_own_scripts_and_no_other():
    """Finds a release of Streamlit whose page begins with another script, or ours changed, which the policy stops."""
    scripts = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", document(), re.DOTALL)
    hashes = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts}
    assert scripts and set(re.findall(r"'sha256-([^']+)'", PROXY)) == hashes


def test_files_and_messages_are_bounded_alike():
    """Finds a file that the page takes and the proxy refuses with a page of its own, and messages without bound."""
    server = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["server"]
    megabytes = int(re.search(r"client_max_body_size (\d+)m;", PROXY)[1])
    assert server["maxUploadSize"] < megabytes <= server["maxUploadSize"] + 2
    assert server["maxMessageSize"] <= 20 and server["address"] == "localhost"


def without() -> str:
    """Why the container cannot be built here; "" where it can."""
    if not shutil.which("docker"):
        return "docker is not installed here: the container is neither built nor started"
    for command in (("docker", "info"), ("docker", "compose", "version")):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["it failed"])[-1][:120]
            return f"`{' '.join(command)}` fails here ({why}): the container is neither built nor started"
    if not os.environ.get("TORCH_INDEX"):
        return "TORCH_INDEX is not set: the container is neither built nor started"
    return ""


@pytest.mark.timeout(1800)
@pytest.mark.skipif(bool(without()), reason=without())
def test_both_are_built_and_answer():
    """Finds an image that does not build, a server that does not get healthy or is root, a proxy without its headers
    or through which no socket goes."""
    try:
        subprocess.run([*DOCKER, "up", "--build", "--wait"], check=True, timeout=1700)
        with urllib.request.urlopen("http://localhost:8080/", timeout=30) as answer:
            assert answer.status == 200 and answer.headers["X-Frame-Options"] == "DENY"
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        who = subprocess.run([*DOCKER, "exec", "-T", "ravine", "id", "-u"], capture_output=True, text=True, check=True)
        assert who.stdout.strip() == "1000"
        upgraded = subprocess.run(SOCKET, capture_output=True, text=True, timeout=60)
        assert "101" in upgraded.stdout.splitlines()[0]
    finally:
        subprocess.run([*DOCKER, "down", "--volumes"], timeout=120)


SOCKET = [
    *("curl", "-isN", "--max-time", "5", "http://localhost:8080/_stcore/stream", "-H", "Upgrade: websocket"),
    *(
        "-H",
        "Connection: Upgrade",
        "-H",
        "Sec-WebSocket-Version: 13",
        "-H",
        "Sec-WebSocket-Key: cmF2aW5lcmF2aW5lMTIzNA==",
    ),
]


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed here: its configuration is not tried")
def test_nginx_takes_the_configuration(tmp_path):
    """Finds a directive that nginx does not know."""
    file = tmp_path / "nginx.conf"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    here = "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds) + " access_log off;"
    proxy = PROXY.replace("//ravine:", "//localhost:").replace("http {", f"http {{ {here}")
    file.write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\n{proxy}")
    done = subprocess.run(["nginx", "-t", "-c", str(file), "-p", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

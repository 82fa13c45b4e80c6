"""Secrets stay secret and strangers stay outside: whole applications, observed from other processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from raydp._configuration.security import security_settings
from raydp._machine import installation as _installation
from raydp._machine.java import find_java
from raydp.errors import InvalidArgumentError
from support import programs
from support.strangers import answer_to_stranger, send_as_stranger

if TYPE_CHECKING:
    from collections.abc import Iterator


class Watched:
    """A running application, what it said of itself, and where its standard error goes."""

    def __init__(self, process: subprocess.Popen[str], facts: dict[str, Any], log: Path) -> None:
        self.process, self.facts, self.log = process, facts, log

    def family(self) -> list[psutil.Process]:
        """Every process that belongs to it, Ray's own among them."""
        return programs.marked_processes(self.facts["mark"])

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Ask its UI for a page; return status and body."""
        request = urllib.request.Request(self.facts["ui"] + path, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    mark = uuid.uuid4().hex
    log = tmp_path_factory.mktemp("watched") / "stderr"
    process = programs.start("security/watched", env={"RAYDP_TEST_MARK": mark}, log=log, stdin=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdin is not None
        line = process.stdout.readline()
        assert line, log.read_text()[-6000:]
        yield Watched(process, {**json.loads(line), "mark": mark}, log)
        process.stdin.write("end\n")
        process.stdin.flush()
        rest, _ = process.communicate(timeout=120)
        assert "2 10" in rest.splitlines(), rest + log.read_text()[-6000:]
        assert process.returncode == 0
    finally:
        programs.kill_session(process.pid)
        process.communicate()


@pytest.mark.cluster
def test_encryption_is_one_option() -> None:
    outcome = programs.run("security/encryption_is_one_option")
    assert outcome.code == 0, outcome.everything
    assert "rows: 7" in outcome.output and "conf: true true" in outcome.output
    # Spark's answer to a client that does not start with the key exchange. Without encryption, it asks for SASL.
    assert "Unknown challenge message" in outcome.output, outcome.everything


@pytest.mark.cluster
def test_no_secret_is_in_a_log_a_command_line_or_a_setting(watched: Watched) -> None:
    facts = watched.facts
    secrets = {name: facts[name] for name in ("secret", "token")}
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in secrets.values())
    places = {f"command line of {p.pid}": " ".join(programs.words_of(p)) for p in watched.family()}
    places |= {
        f"environment of {p.pid}": "\n".join(f"{k}={v}" for k, v in programs.variables_of(p).items())
        for p in watched.family()
    }
    logs = [watched.log, *Path(facts["session"], "logs").rglob("*")]
    places |= {str(path): path.read_text(errors="replace") for path in logs if path.is_file()}
    places |= {"configuration": json.dumps(facts["conf"]), "SET -v": json.dumps(facts["sql"])}
    bearer = {"Authorization": f"Bearer {facts['token']}"}
    pages = ["/environment/", "/executors/", "/jobs/", "/api/v1/applications"]
    places |= {page: watched.get(page, bearer)[1] for page in pages}
    assert "spark.authenticate" in places["/environment/"]
    assert any("java" in text for place, text in places.items() if place.startswith("command line"))
    assert any("java-worker" in place for place in places)
    found = [(name, place) for name, value in secrets.items() for place, text in places.items() if value in text]
    assert found == []


@pytest.mark.cluster
def test_the_ui_opens_with_its_link_only(watched: Watched) -> None:
    facts = watched.facts
    for path in ("/", "/environment/", "/api/v1/applications", "/jobs/job/kill/?id=0", "/?token=" + "0" * 64):
        status, body = watched.get(path)
        assert status == 401 and "raydp.ui_url()" in body, path
    assert watched.get("/jobs/", {"Authorization": "Bearer " + "0" * 64})[0] == 401
    assert facts["link"] == f"{facts['ui']}/?token={facts['token']}"
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(facts["link"], timeout=30) as answer:
        assert answer.status == 200 and "token=" not in answer.url
        assert "watched" in answer.read().decode()
    with opener.open(facts["ui"] + "/environment/", timeout=30) as answer:
        assert answer.status == 200


@pytest.mark.cluster
def test_a_stranger_cannot_join_as_an_executor(watched: Watched) -> None:
    host, port = watched.facts["host"], watched.facts["driver"]
    command = [
        str(find_java().executable),
        *_installation.MODULE_OPTIONS,
        "-Xmx128m",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        ":".join(map(str, _installation.class_path())),
        "org.apache.spark.executor.CoarseGrainedExecutorBackend",
        *("--driver-url", f"spark://CoarseGrainedScheduler@{host}:{port}"),
        *("--executor-id", "99", "--bind-address", host, "--hostname", host),
        *("--cores", "1", "--app-id", "stranger", "--resourceProfileId", "0"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "Expected SaslMessage" in said, said[-3000:]


@pytest.mark.cluster
def test_nothing_of_spark_listens_beyond_the_nodes_address(watched: Watched) -> None:
    allowed = {watched.facts["host"], "127.0.0.1", "::1", "::ffff:127.0.0.1", f"::ffff:{watched.facts['host']}"}
    ports = ports_of_spark(watched)
    assert int(watched.facts["driver"]) in [port for _, port in ports]
    assert len(ports) >= 5  # the driver's two, the executors' block managers, the shuffle service
    assert [place for place in ports if place[0] not in allowed] == []


@pytest.mark.cluster
def test_strangers_cannot_fill_the_memory(watched: Watched) -> None:
    announced, refused = 1 << 30, 64 << 20  # with what the kernel buffers; each JVM has 600 MB
    processes = [process for process in watched.family() if process.name() == "java"]
    before = {process.pid: process.memory_info().rss for process in processes}
    for _, port in ports_of_spark(watched):
        for _ in range(2):
            assert send_as_stranger(watched.facts["host"], port, announced) < refused, port
    grown = {process.pid: process.memory_info().rss - before[process.pid] for process in processes}
    assert max(grown.values()) < refused, grown


def ports_of_spark(watched: Watched) -> list[tuple[str, int]]:
    """Return the addresses and ports on which the application speaks Spark's protocol and rejects strangers."""
    return [
        (connection.laddr.ip, connection.laddr.port)
        for process in watched.family()
        if process.name() == "java"
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
        and "SaslMessage" in answer_to_stranger(watched.facts["host"], connection.laddr.port)
    ]


@pytest.mark.cluster
def test_the_exchanges_sockets_belong_to_one_user(watched: Watched) -> None:
    folder = Path(tempfile.gettempdir(), f"raydp-{os.getuid()}", watched.facts["application"])
    sockets = [path for path in folder.iterdir() if path.is_socket()]
    assert sockets
    assert {oct(path.stat().st_mode & 0o777) for path in sockets} == {"0o600"}
    assert {oct(path.stat().st_mode & 0o777) for path in (folder, folder.parent)} == {"0o700"}
    # Who connects without the token is cut off.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.settimeout(30)
        stranger.connect(str(sockets[0]))
        stranger.sendall(bytes(4096))
        with contextlib.suppress(ConnectionResetError):
            while stranger.recv(4096):
                pass


def test_what_the_user_sets_stays() -> None:
    assert security_settings({"spark.authenticate": "false"}) == {}
    assert "spark.authenticate.secret" not in security_settings({"spark.authenticate.secret": "mine"})
    assert "spark.ui.filters" not in security_settings({"spark.raydp.ui.token": "false"})
    assert security_settings({"spark.ui.filters": "a.B"})["spark.ui.filters"] == "io.raydp.security.UiTokenFilter,a.B"
    with pytest.raises(InvalidArgumentError, match="Encryption needs authentication"):
        security_settings({"spark.authenticate": "false", "spark.raydp.network.encryption": "true"})
    with pytest.raises(InvalidArgumentError, match=r"true or false\. spark.authenticate: 'perhaps'"):
        security_settings({"spark.authenticate": "perhaps"})

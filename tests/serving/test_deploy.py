"""What `deploy/` holds is right by the tools that read it, and true of the server that it starts."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from servers import ask, command, png, serving, write_model

from plusx.cli.main import app
from plusx.errors import WrongUse
from plusx.serving.run import Server, check_address
from plusx.serving.service import Service
from plusx.serving.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
TOKEN = "a secret of the tests"
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
Document = dict[str, Any]


def documents(name: str) -> dict[str, Document]:
    """A file's objects by their kind."""
    return {each["kind"]: each for each in yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8"))}


def instructions(name: str) -> list[str]:
    """What a Dockerfile says with this instruction, each on one line."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(rf"^{name} +(.*)$", text, re.MULTILINE)


def environment() -> dict[str, str]:
    """Of the image that runs: the last stage's."""
    return dict(pair.split("=", 1) for pair in shlex.split(instructions("ENV")[-1]))


def containers() -> list[Document]:
    (own,) = documents("kubernetes.yaml")["Deployment"]["spec"]["template"]["spec"]["containers"]
    (others,) = documents("kserve.yaml")["ServingRuntime"]["spec"]["containers"]
    return [own, others]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder, as the manifests mount one."""
    folder = tmp_path_factory.mktemp("models") / "mine"
    folder.mkdir()
    write_model(folder / "model.plusx")
    return folder


def test_the_dockerfile_pleases_its_linter() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, "--no-color", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_nobody_and_writes_to_tmp_alone() -> None:
    assert int(instructions("USER")[-1].partition(":")[0]) >= 1000
    assert environment()["HOME"] == "/tmp"
    assert Path(environment()["PLUSX_CACHE"]).parent == Path("/tmp")
    assert not [key for key in environment() if "TOKEN" in key]


def test_what_is_not_needed_for_the_image_is_left_out_and_what_is_needed_is_not() -> None:
    kept = re.findall(r"^!(.*)$", (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    # All but the last is copied, that is where to.
    copied = [
        name.removeprefix("./") for line in instructions("COPY") if "--from" not in line for name in line.split()[:-1]
    ]
    assert sorted(kept) == sorted(copied)
    assert all((DEPLOY.parent / name).exists() for name in kept)


def test_the_images_command_serves_and_its_health_check_says_so(model: Path, tmp_path: Path) -> None:
    entry = json.loads(instructions("ENTRYPOINT")[-1])
    assert entry[:2] == ["plusx", "serve"]
    given = {**environment(), "PLUSX_TOKEN": TOKEN, "PLUSX_CACHE": str(tmp_path)}
    del given["PATH"]
    # What is said last holds: here nobody else may ask.
    own = [*entry[2:], "--host", "127.0.0.1", "--engine", "torch"]
    with command(model, *own, environment=given) as (_, port):
        check = json.loads(instructions("HEALTHCHECK")[0].partition(" CMD ")[2])
        code = check[2].replace(f":{instructions('EXPOSE')[0]}/", f":{port}/")
        assert f":{port}/" in code
        assert subprocess.run([sys.executable, *check[1:2], code], check=False).returncode == 0
        assert ask(port, "/predict", png()).status == 401
        assert ask(port, "/predict", png(), {"Authorization": f"Bearer {TOKEN}"}).status == 200
    gone = subprocess.run([sys.executable, *check[1:2], code], capture_output=True, check=False)
    assert gone.returncode == 1


@pytest.mark.parametrize("kind", documents("kubernetes.yaml"))
def test_kubernetes_takes_each_object(kind: str) -> None:
    document = documents("kubernetes.yaml")[kind]
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_probes_ask_what_is_there_and_need_no_token(model: Path) -> None:
    asked = {one[probe]["httpGet"]["path"] for one in containers() for probe in PROBES}
    assert len(asked) == 2
    with serving(model, settings=Settings(token=TOKEN)) as running:
        assert {path: urllib.request.urlopen(f"{running.url}{path}").status for path in asked} == dict.fromkeys(
            asked, 200
        )
        running.service.draining = True
        assert [ask(running.port, path).status for path in sorted(asked)] == [200, 503]
        running.service.draining = False


def test_ports_are_the_images() -> None:
    own, others = containers()
    (exposed,) = map(int, instructions("EXPOSE"))
    entry = json.loads(instructions("ENTRYPOINT")[-1])
    assert int(entry[entry.index("--port") + 1]) == exposed
    assert [port["containerPort"] for one in (own, others) for port in one["ports"]] == [exposed, exposed]
    assert {own[probe]["httpGet"]["port"] for probe in PROBES} == {own["ports"][0]["name"]}
    assert {others[probe]["httpGet"]["port"] for probe in PROBES} == {exposed}
    assert documents("kubernetes.yaml")["Service"]["spec"]["ports"][0]["targetPort"] == own["ports"][0]["name"]


@pytest.mark.parametrize("container", containers(), ids=["kubernetes", "kserve"])
def test_containers_may_do_as_little_as_possible(container: Document) -> None:
    pod = documents("kubernetes.yaml")["Deployment"]["spec"]["template"]["spec"]["securityContext"]
    allowed = {**(pod if container["name"] == "plusx" else {}), **container["securityContext"]}
    assert allowed["runAsNonRoot"]
    assert str(allowed["runAsUser"]) == instructions("USER")[-1].partition(":")[0]
    assert allowed["readOnlyRootFilesystem"]
    assert not allowed["allowPrivilegeEscalation"]
    assert allowed["capabilities"] == {"drop": ["ALL"]}
    assert "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("container", containers(), ids=["kubernetes", "kserve"])
def test_arguments_are_the_commands(container: Document) -> None:
    import typer.main

    known = {name for each in typer.main.get_command(app).commands["serve"].params for name in each.opts}
    given = {
        word for word in [*container["args"], *json.loads(instructions("ENTRYPOINT")[-1])] if word.startswith("--")
    }
    assert given <= known


def test_a_pod_is_given_the_time_that_its_end_may_take(model: Path) -> None:
    pod = documents("kubernetes.yaml")["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    before = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    settings = Settings(timeout_s=float(container["args"][container["args"].index("--timeout") + 1]))
    service = Service({"mine": model}, "torch", settings)
    longest = Server(service).config.timeout_graceful_shutdown
    service.close()
    assert longest is not None
    assert pod["terminationGracePeriodSeconds"] > before + longest + settings.timeout_s


def test_no_server_starts_with_the_secret_as_it_stands_there() -> None:
    secret = documents("kubernetes.yaml")["Secret"]
    with pytest.raises(WrongUse, match="PLUSX_TOKEN: a secret has 16 characters or more"):
        check_address("0.0.0.0", secret["stringData"]["token"], insecure=False)
    for container in containers():
        (asked,) = [one["valueFrom"]["secretKeyRef"] for one in container["env"] if one["name"] == "PLUSX_TOKEN"]
        assert asked["name"] == secret["metadata"]["name"]
        assert asked["key"] in secret["stringData"]


def test_objects_mean_one_another() -> None:
    found = documents("kubernetes.yaml")
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == found["Deployment"]["metadata"]["name"]
    # Otherwise nothing could ever be moved.
    assert (
        found["PodDisruptionBudget"]["spec"]["minAvailable"] < found["HorizontalPodAutoscaler"]["spec"]["minReplicas"]
    )


def test_kserve_asks_by_its_services_name(model: Path, tmp_path: Path) -> None:
    found = documents("kserve.yaml")
    runtime, service = found["ServingRuntime"], found["InferenceService"]
    asked = service["spec"]["predictor"]["model"]
    assert asked["runtime"] == runtime["metadata"]["name"]
    assert asked["protocolVersion"] in runtime["spec"]["protocolVersions"]
    assert asked["modelFormat"]["name"] in [one["name"] for one in runtime["spec"]["supportedModelFormats"]]
    name = service["metadata"]["name"]
    (container,) = runtime["spec"]["containers"]
    argument = container["args"][0].replace("{{.Name}}", name).replace("/mnt", str(tmp_path))
    shutil.copytree(model, tmp_path / "models")
    with serving(argument) as running:
        assert ask(running.port, f"/v2/models/{name}").status == 200

"""Each request once in the figures and once in the log, under names that no client can make."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI, Request
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient

from plusx.archive import write_archive
from plusx.data.image import ImageSpec
from plusx.model.resnet import ResNet
from plusx.serving.app import create_app
from plusx.serving.logs import logged
from plusx.serving.metrics import REASONS, Metrics
from plusx.serving.service import Service
from plusx.serving.settings import Settings
from plusx.tasks.classify import Classify
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive

PAGE = (Path(__file__).parents[2] / "docs" / "serving-operations.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net = ResNet([1], 4, num_classes=2, in_channels=1).eval()
    spec = ImageSpec(height=8, width=8, channels=1)
    archive = build_archive(net, Recipe(model="resnet8", preprocessing=spec), Classify(), ("a", "b"), {})
    return write_archive(archive, tmp_path_factory.mktemp("models") / "cats.plusx")


@pytest.fixture
def service(model: Path) -> Service:
    return Service({"cats": model}, "torch", Settings(inside=5))


@pytest.fixture
def app(service: Service) -> FastAPI:
    return create_app(service)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as one:
        yield one


def picture() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(file, "PNG")
    return file.getvalue()


def figures(client: TestClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def figure(client: TestClient, name: str, **labels: str) -> float | None:
    return figures(client).get((name, tuple(sorted(labels.items()))))


def test_requests_are_counted_by_route_model_and_code(client: TestClient) -> None:
    for _ in range(3):
        assert client.post("/predict", content=picture()).status_code == 200
    assert client.post("/models/cats/predict", content=picture()).status_code == 200
    assert client.post("/predict", content=b"").status_code in (200, 400)
    assert client.get("/models/dogs").status_code == 404
    labels = {"route": "/predict", "model": "cats"}
    assert (figure(client, "plusx_requests_total", **labels, code="200") or 0) >= 3
    assert (figure(client, "plusx_request_seconds_count", **labels) or 0) >= 4
    assert figure(client, "plusx_requests_total", route="/models/{name}/predict", model="cats", code="200") == 1
    assert figure(client, "plusx_requests_total", route="/models/{name}", model="unknown", code="404") == 1
    assert figure(client, "plusx_refused_total", reason="unknown") == 1


def test_batches_are_measured(client: TestClient) -> None:
    client.post("/predict", content=picture())
    assert figure(client, "plusx_batch_examples_sum", model="cats") == 1
    assert figure(client, "plusx_engine_seconds_count", model="cats") == 1


def test_models_and_limits_are_told(client: TestClient, service: Service) -> None:
    about = {"model": "cats", "version": "1", "engine": "torch", "precision": "float32"}
    assert figure(client, "plusx_model_info", **about) == 1
    assert figure(client, "plusx_model_trouble", model="cats") == 0
    assert figure(client, "plusx_inside_limit") == 5
    assert figure(client, "plusx_inside") == 0
    assert figure(client, "plusx_draining") == 0
    service.draining, service.models["cats"].trouble = True, "it is broken"
    assert figure(client, "plusx_draining") == 1
    assert figure(client, "plusx_model_trouble", model="cats") == 1
    with service.admission, service.admission:
        assert figure(client, "plusx_inside") == 2
    assert (figure(client, "process_resident_memory_bytes") or 0) > 1e6


def test_no_client_can_make_a_label(client: TestClient) -> None:
    client.get("/metrics")
    client.get("/nosuch")
    client.get("/models/dogs")
    before = len(figures(client))
    for number in range(50):
        client.get(f"/nosuch/{number}")
        client.get(f"/models/dog-{number}")
        client.post(f"/models/dog-{number}/predict", content=b"x")
        client.request(f"VERB{number}", "/predict")
    # A verb that is not for the route, and a model that is not there: each one label more.
    own = {key[1] for key in figures(client) if key[0] == "plusx_requests_total"}
    assert len(figures(client)) - before < 80
    assert {dict(labels)["model"] for labels in own} <= {"", "unknown", "cats"}
    assert not [labels for labels in own if any(char.isdigit() for char in dict(labels)["route"])]


def test_openmetrics_is_given_to_who_asks_for_it(client: TestClient) -> None:
    given = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert given.headers["content-type"].startswith("application/openmetrics-text")
    assert given.text.endswith("# EOF\n")


def test_two_applications_share_no_figures(model: Path) -> None:
    one, other = (Service({"cats": model}, "torch", Settings()) for _ in range(2))
    Metrics(one).request("/predict", "cats", 200, 0.1)
    assert Metrics(other).registry.get_sample_value("plusx_requests_total", {"route": "/predict"}) is None
    one.close()
    other.close()


def test_a_request_is_one_line_without_what_it_holds(client: TestClient) -> None:
    out = io.StringIO()
    sent = picture()
    with logged("json", out):
        answer = client.post(
            "/predict?top=1&token=sesame", content=sent, headers={"Authorization": "Bearer sesame", "Cookie": "sesame"}
        )
    (line,) = map(json.loads, out.getvalue().splitlines())
    assert line["event"] == "request"
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (line["method"], line["route"], line["model"], line["status"]) == ("POST", "/predict", "cats", 200)
    assert (line["bytes_in"], line["bytes_out"]) == (len(sent), len(answer.content))
    assert line["duration_ms"] > 0
    assert line["client"] == "testclient"
    assert "path" not in line
    assert "sesame" not in out.getvalue()


def test_what_has_no_route_is_told_by_its_path_alone(client: TestClient) -> None:
    out = io.StringIO()
    with logged("json", out):
        client.get("/admin%0a.php?key=sesame")
        client.get("/" + "a" * 1000)
    first, second = map(json.loads, out.getvalue().splitlines())
    assert (first["route"], first["path"], first["status"]) == ("none", "/admin\n.php", 404)
    assert len(second["path"]) == 200


@pytest.mark.parametrize("given", ["abc-1", "0af7651916cd43dd8448eb211c80319c", "a.b:c_d"])
def test_a_right_request_id_is_kept(client: TestClient, given: str) -> None:
    assert client.get("/models", headers={"X-Request-Id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "a\tb", '"', "a" * 65, "<script>", "ä".encode()])
def test_a_wrong_request_id_is_replaced(client: TestClient, given: str | bytes) -> None:
    got = client.get("/models", headers={b"X-Request-Id": given}).headers["x-request-id"]
    assert len(got) == 16
    assert int(got, 16) >= 0


def test_a_failure_is_said_once_with_its_id_and_the_client_hears_nothing_of_it(app: FastAPI) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("secret words")

    out = io.StringIO()
    with TestClient(app) as client:
        with logged("json", out):
            answer = client.get("/broken")
        assert figure(client, "plusx_requests_total", route="/broken", model="", code="500") == 1
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.json()["error"]
    assert "secret" not in answer.text
    (line,) = map(json.loads, out.getvalue().splitlines())
    assert (line["level"], line["status"]) == ("error", 500)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert "ZeroDivisionError: secret words" in line["trace"]


def test_a_client_that_left_is_no_failure(app: FastAPI) -> None:
    @app.get("/left")
    async def left(request: Request) -> None:
        raise ClientDisconnect

    out = io.StringIO()
    with TestClient(app, raise_server_exceptions=False) as client:
        with logged("json", out):
            client.get("/left")
        assert figure(client, "plusx_requests_total", route="/left", model="", code="499") == 1
        assert figure(client, "plusx_refused_total", reason="gone") == 1
    assert json.loads(out.getvalue())["status"] == 499


def test_a_server_whose_engine_has_stopped_says_so_to_who_can_start_it_anew(
    client: TestClient, service: Service
) -> None:
    for place in ("live", "ready"):
        assert client.get(f"/v2/health/{place}").json() == {place: True}
    service.models["cats"].now.batcher.close()
    for place in ("live", "ready"):
        told = client.get(f"/v2/health/{place}")
        assert (told.status_code, told.json()) == (503, {place: False})


def test_the_docs_list_every_figure_with_its_labels_and_every_reason(client: TestClient, service: Service) -> None:
    rows = re.findall(r"^\| `(plusx_\w+)` \|([^|]*)\|", PAGE, re.MULTILINE)
    told = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    client.post("/predict", content=picture())
    client.get("/models/dogs")
    families = text_string_to_metric_families(client.get("/metrics").text)
    found = {
        one.name.removesuffix("_count"): one.labels.keys() - {"le"}
        for family in families
        for one in family.samples
        if one.name.startswith("plusx_") and not one.name.endswith(("_created", "_sum", "_bucket"))
    }
    assert told == found
    (reasons,) = re.findall(r"^\| `plusx_refused_total` \| `reason` \| (.*) \|$", PAGE, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", reasons)) == {*REASONS.values(), "wrong"}


def test_the_docs_list_every_field_of_a_line(app: FastAPI) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    section = PAGE.partition("| field | what it is |")[2].partition("\n\n")[0]
    told = {
        name for cell in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)
    }
    out = io.StringIO()
    with TestClient(app) as client, logged("json", out):
        client.post("/predict", content=picture())
        client.get("/nosuch")
        client.get("/broken")
    found = {name for line in out.getvalue().splitlines() for name in json.loads(line)}
    # That lines were dropped is tried where lines are.
    assert told == found | {"count"}

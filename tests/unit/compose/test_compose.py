"""The compose files agree with the code: no container engine is needed to find a wrong name."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from control.settings.fields import leaves
from tests.support.commands import complaint
from tests.support.metric_names import names_in_query, published_names
from tests.support.pages import ROOT

COMPOSE = ROOT / "compose"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((COMPOSE / "docker-compose.yml").read_text())["services"]
ONE_SHOT = {"setup"}
TIERS = {name: service for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (COMPOSE / "Dockerfile").read_text()
ALERTS = yaml.safe_load((COMPOSE / "prometheus/alerts.yml").read_text())
BOARD = json.loads((COMPOSE / "grafana/boards/presence.json").read_text())

# A tag that begins with a full version (major, minor and patch, or PostgreSQL's major and minor).
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w.-]+)?")


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_ours_or_pinned_to_a_version(name: str) -> None:
    image = SERVICES[name]["image"]

    assert name in TIERS or PINNED.fullmatch(image), image


def test_the_bases_of_our_image_are_pinned() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

    assert len(bases) == 2
    assert all(PINNED.fullmatch(base) for base in bases)


def test_no_two_services_publish_the_same_port() -> None:
    published = Counter(
        mapping.rsplit(":", 1)[0] for service in SERVICES.values() for mapping in service.get("ports", [])
    )

    assert published
    assert set(published.values()) == {1}
    assert all(address.startswith("127.0.0.1:") for address in published), "nothing here is protected by TLS"


@pytest.mark.parametrize("name", SERVICES.keys() - ONE_SHOT)
def test_every_service_that_stays_has_a_health_check_and_comes_back(name: str) -> None:
    service = SERVICES[name]

    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_exists_and_can_be_waited_for(name: str) -> None:
    waits = SERVICES[name].get("depends_on", {})

    for other, how in waits.items():
        is_one_shot = other in ONE_SHOT
        assert how["condition"] == ("service_completed_successfully" if is_one_shot else "service_healthy")
        assert other in SERVICES


@pytest.mark.parametrize("name", TIERS)
def test_every_setting_of_a_tier_exists(name: str) -> None:
    known = {leaf.env for leaf in leaves()}

    given = SERVICES[name]["environment"].keys()

    assert {variable for variable in given if variable.startswith("PRESENCE_")} <= known
    assert all(variable.startswith("PRESENCE_") for variable in given)


@pytest.mark.parametrize("name", TIERS)
def test_every_command_of_a_tier_exists(name: str) -> None:
    service = SERVICES[name]
    words = service["command"]
    lines = words[0].split(" && ") if "entrypoint" in service else [" ".join(["presence", *words])]

    complaints = [complaint(line) for line in lines]

    assert complaints == [None] * len(lines)


def test_every_tier_is_there_and_two_edges() -> None:
    commands = Counter(service["command"][-1] for service in TIERS.values() if service["command"][0] == "run")

    assert commands == {"streams": 1, "history": 1, "edge": 2}


def test_edges_have_names_of_their_own() -> None:
    nodes = [SERVICES[name]["environment"]["PRESENCE_EDGE_NODE"] for name in ("edge-1", "edge-2")]

    assert len(set(nodes)) == 2


def test_health_checks_ask_the_ports_the_tiers_listen_on() -> None:
    default = {leaf.name: leaf.default for leaf in leaves()}

    for name, service in TIERS.items():
        if name not in ONE_SHOT:
            tier = service["command"][-1]
            assert service["healthcheck"]["test"][-1] == str(default[f"{tier}.telemetry_port"])
            assert service["environment"][f"PRESENCE_{tier.upper()}_TELEMETRY_HOST"] == "0.0.0.0"


def test_prometheus_asks_every_tier_on_its_telemetry_port() -> None:
    config = yaml.safe_load((COMPOSE / "prometheus/prometheus.yml").read_text())

    targets = {
        target for job in config["scrape_configs"] for group in job["static_configs"] for target in group["targets"]
    }

    expected = {
        f"{name}:{service['healthcheck']['test'][-1]}" for name, service in TIERS.items() if name not in ONE_SHOT
    }
    assert targets == expected


def test_secrets_have_no_default() -> None:
    text = (COMPOSE / "docker-compose.yml").read_text()
    example = dict(
        line.split("=", 1)
        for line in (COMPOSE / ".env.example").read_text().splitlines()
        if re.match(r"[A-Z_]+=", line)
    )

    variables = set(re.findall(r"\$\{(\w+)", text))

    assert variables == example.keys()
    assert set(example.values()) == {""}
    assert not re.search(r"\$\{\w+(?!\w*:\?)[:}-]", text), "every variable must be required by :?"


@pytest.mark.parametrize("mount", [m for s in SERVICES.values() for m in s.get("volumes", []) if m.startswith(".")])
def test_every_mounted_folder_exists(mount: str) -> None:
    assert (COMPOSE / mount.split(":", maxsplit=1)[0]).is_dir()


def test_every_path_the_dockerfile_copies_exists_and_is_sent_to_the_builder() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]

    assert copied
    assert all((ROOT / source).exists() for source in copied)
    assert sent == set(copied)


def test_every_package_of_the_wheel_is_copied() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    packages = re.search(r"^packages = \[(.*)\]$", pyproject, re.MULTILINE)

    assert packages
    for package in re.findall(r'"(\w+)"', packages[1]):
        assert f"COPY {package} {package}\n" in DOCKERFILE


def test_the_image_installs_by_hash_and_runs_without_rights_in_exec_form() -> None:
    instructions = [line for line in DOCKERFILE.splitlines() if line and not line.startswith(("#", " "))]

    assert any("--require-hashes" in line and "requirements/run.txt" in line for line in instructions)
    assert "USER presence" in instructions
    assert 'ENTRYPOINT ["presence"]' in instructions
    assert any(line.startswith("HEALTHCHECK ") and 'CMD ["python"' in line for line in instructions)


@pytest.mark.parametrize("rule", [r for g in ALERTS["groups"] for r in g["rules"]], ids=lambda rule: rule["alert"])
def test_every_alert_asks_for_published_metrics_and_has_a_place_in_the_runbook(rule: dict[str, Any]) -> None:
    runbook = (ROOT / "docs/how-to/runbook.md").read_text()

    asked = names_in_query(rule["expr"])

    assert asked - published_names() == set()
    assert rule["alert"] in runbook


def test_every_panel_asks_for_published_metrics_of_the_provisioned_source() -> None:
    panels = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
    source = yaml.safe_load((COMPOSE / "grafana/provisioning/datasources/prometheus.yml").read_text())

    asked = {name for panel in panels for target in panel["targets"] for name in names_in_query(target["expr"])}

    assert asked - published_names() == set()
    assert {panel["datasource"]["uid"] for panel in panels} == {source["datasources"][0]["uid"]}
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_grafana_finds_the_board_where_it_is_mounted() -> None:
    provider = yaml.safe_load((COMPOSE / "grafana/provisioning/dashboards/presence.yml").read_text())["providers"][0]
    mounts = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"])
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])

    folder = mounts["./grafana/boards"]

    assert provider["options"]["path"] == folder == str(home.parent)
    assert (COMPOSE / "grafana/boards" / home.name).exists()

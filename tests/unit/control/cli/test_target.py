"""Tests of `control.cli.target`."""

import os
from pathlib import Path

import jwt
import pytest
from pydantic import SecretStr

from control.cli.target import find_target
from control.errors import NoEdge, NoSecret
from control.runfile import Running, keep_secret, write_running
from control.settings.model import Settings

SECRET = "a secret of more than thirty-two bytes"


def user_of(token: str, secret: str) -> tuple[str, str]:
    claims = jwt.decode(token, secret, algorithms=["HS256"], audience="presence")
    return claims["tenant"], claims["sub"]


def test_a_running_system_is_the_target(tmp_path: Path) -> None:
    write_running(tmp_path, Running(os.getpid(), "k", "p", "v", "ws://edge", {}, "acme"))
    secret = keep_secret(tmp_path)

    target = find_target(Settings(data_dir=str(tmp_path)), None, None, None)

    assert target.url == "ws://edge"
    assert user_of(target.token_of("ada")(), secret) == ("acme", "ada")


def test_a_named_edge_needs_no_running_system() -> None:
    settings = Settings(data_dir="/nowhere", token={"secret": SecretStr(SECRET)})

    target = find_target(settings, "ws://far", None, "other")

    assert target.url == "ws://far"
    assert user_of(target.token_of("ada")(), SECRET) == ("other", "ada")


def test_a_token_that_is_given_is_shown() -> None:
    target = find_target(Settings(data_dir="/nowhere"), "ws://far", "mine", None)

    assert target.token_of("anybody")() == "mine"


def test_no_edge_and_no_secret_are_told(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))

    with pytest.raises(NoEdge):
        find_target(settings, None, None, None)
    with pytest.raises(NoSecret):
        find_target(settings, "ws://far", None, None).token_of("ada")

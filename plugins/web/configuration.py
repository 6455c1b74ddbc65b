"""The section of the web server in hub.yaml."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from hub.api import PluginConfig


class WebConfig(PluginConfig):
    """The pages."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    public_url: str | None = Field(
        None, pattern=r"^https?://", description="address under which people reach the pages"
    )
    names: list[str] = Field(
        default_factory=list, description="further host names under which it is reached"
    )
    password: SecretStr | None = Field(
        None, min_length=8, description="asked for before anything is shown or changed"
    )
    dapp: Path | None = Field(None, description="folder of the trading page")

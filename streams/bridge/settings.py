"""Settings of the bridge: environment variables `ROBOCALL_BRIDGE_...`, read by `robocall bridge` alone."""

from pathlib import Path

from pydantic import Field, FilePath, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from streams.environment import PartSettings
from streams.settings import PREFIX

BRIDGE_PREFIX = f"{PREFIX}BRIDGE_"


class BridgeSettings(PartSettings):
    """What an operator may set. How Kafka is reached stands in `streams.settings`, who may ask in the peers file."""

    model_config = SettingsConfigDict(env_prefix=BRIDGE_PREFIX)

    peers_file: Path = Field(Path("peers.yaml"), description="Who may ask by SIP, and how each is answered.")
    deadline_ms: int = Field(
        80, ge=5, le=10_000, description="A call that has no decision by then is passed (`late`). A peer may differ."
    )
    max_waiting: int = Field(
        10_000, ge=10, le=1_000_000, description="Most calls that wait for a decision; further ones pass at once."
    )
    sip_host: str = Field("127.0.0.1", min_length=1, description="Address of the SIP dip.")
    sip_port: int = Field(5060, ge=0, le=65_535, description="Port of the SIP dip, UDP and TCP; 0 = no SIP dip.")
    sip_tls_port: int = Field(0, ge=0, le=65_535, description="Port of SIP over TLS; 0 = none.")
    sip_tls_certfile: FilePath | None = Field(None, description="PEM of the certificate of SIP over TLS.")
    sip_tls_keyfile: FilePath | None = Field(None, description="PEM of its private key.")
    sip_tls_cafile: FilePath | None = Field(
        None, description="PEM of the authority that signs peers; then each needs a certificate of it (mutual TLS)."
    )
    max_transactions: int = Field(
        65_536,
        ge=100,
        le=10_000_000,
        description="INVITEs that are remembered at a time, 5 s after an ACK and 32 s without; further ones pass.",
    )
    http_host: str = Field("127.0.0.1", min_length=1, description="Address of the HTTP dip.")
    http_port: int = Field(0, ge=0, le=65_535, description="Port of the HTTP dip; 0 = no HTTP dip.")
    http_tls_certfile: FilePath | None = Field(None, description="PEM of the certificate of HTTPS; none = plain HTTP.")
    http_tls_keyfile: FilePath | None = Field(None, description="PEM of its private key.")
    http_tls_cafile: FilePath | None = Field(
        None, description="PEM of the authority that signs clients; then each needs a certificate of it (mutual TLS)."
    )
    hep_host: str = Field("127.0.0.1", min_length=1, description="Address that copies of SIP come to (HEP3).")
    hep_port: int = Field(0, ge=0, le=65_535, description="Port of it, UDP and TCP; 0 = none.")
    hep_key: SecretStr | None = Field(None, min_length=1, description="Key that each HEP3 packet must have.")
    hep_setups: bool = Field(
        True,
        description="Whether copies give set-ups, and not ends alone. `false` where switches ask about their calls.",
    )
    hep_calls: int = Field(
        65_536, ge=100, le=10_000_000, description="Calls that are followed at a time by their copies, 2 KB each."
    )
    web_host: str = Field("127.0.0.1", min_length=1, description="Address that the metrics are served on.")
    web_port: int = Field(0, ge=0, le=65_535, description="Port of the metrics; 0 = none.")

    @model_validator(mode="after")
    def _complete(self) -> "BridgeSettings":
        if self.sip_tls_port and not (self.sip_tls_certfile and self.sip_tls_keyfile):
            raise ValueError(
                f"{BRIDGE_PREFIX}SIP_TLS_PORT needs {BRIDGE_PREFIX}SIP_TLS_CERTFILE and {BRIDGE_PREFIX}SIP_TLS_KEYFILE"
            )
        if bool(self.http_tls_certfile) != bool(self.http_tls_keyfile) or (
            self.http_tls_cafile and not self.http_tls_certfile
        ):
            raise ValueError(f"{BRIDGE_PREFIX}HTTP_TLS_CERTFILE and {BRIDGE_PREFIX}HTTP_TLS_KEYFILE go together")
        return self

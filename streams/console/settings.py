"""Settings of the console: environment variables `ROBOCALL_CONSOLE_...`, read by `robocall console` alone."""

from pathlib import Path

from pydantic import Field, FilePath, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from streams.environment import PartSettings
from streams.settings import PREFIX

CONSOLE_PREFIX = f"{PREFIX}CONSOLE_"


class ConsoleSettings(PartSettings):
    """What an operator may set. How Kafka and Redis are reached stands in `streams.settings`."""

    model_config = SettingsConfigDict(env_prefix=CONSOLE_PREFIX)

    host: str = Field("127.0.0.1", min_length=1, description="Address of the console.")
    port: int = Field(8090, ge=0, le=65_535, description="Port of the console; 0 = one that is free, which it says.")
    users_file: Path = Field(
        Path("console-users.json"), description="Who may sign in; `robocall console user add` writes it."
    )
    session_hours: float = Field(
        8.0, ge=0.1, le=72, description="How long somebody stays signed in, in hours. A restart signs everybody out."
    )
    kept_decisions: int = Field(
        20_000,
        ge=100,
        le=1_000_000,
        description="Latest decisions kept in memory, 1 to 2 KB each; as many suspect ones are kept beside them.",
    )
    archive_days: int = Field(7, ge=1, le=400, description="Days of the archive that are searched.")
    questions_file: Path | None = Field(
        None,
        description="Questions of `robocall ask`, `adapt` or `budgets measure`, or a folder of such tables. "
        "Answers are filled in.",
    )
    tls_certfile: FilePath | None = Field(None, description="PEM of the certificate of HTTPS; none = plain HTTP.")
    tls_keyfile: FilePath | None = Field(None, description="PEM of its private key.")

    oidc_issuer: str | None = Field(
        None, description="Provider of OpenID Connect to sign in with, as it writes itself; none = local users alone."
    )
    oidc_client_id: str | None = Field(None, min_length=1, description="Client id of the console at the provider.")
    oidc_client_secret: SecretStr | None = Field(None, min_length=1, description="Its secret there; or a file has it:")
    oidc_client_secret_file: FilePath | None = Field(None, description="The file, with the secret in its first line.")
    oidc_console_url: str | None = Field(
        None,
        description="Address of the console in browsers, `https://HOST`. Register it with `/sign-in/oidc/back` behind.",
    )
    oidc_scopes: str = Field(
        "openid profile email", min_length=1, description="Scopes that are asked for; some providers want `groups` too."
    )
    oidc_user_claim: str = Field("preferred_username", min_length=1, description="Claim that is the user's name here.")
    oidc_roles_claim: str = Field("groups", min_length=1, description="Claim that has the user's groups.")
    oidc_roles: str | None = Field(
        None,
        description="`GROUP=ROLE; GROUP=ROLE`: the first group that somebody has counts. Who has none is not let in.",
    )
    oidc_cafile: FilePath | None = Field(
        None, description="PEM of the authority that signed the provider; none = those of the system."
    )

    @model_validator(mode="after")
    def _complete(self) -> "ConsoleSettings":
        if bool(self.tls_certfile) != bool(self.tls_keyfile):
            raise ValueError(f"{CONSOLE_PREFIX}TLS_CERTFILE and {CONSOLE_PREFIX}TLS_KEYFILE go together")
        return self

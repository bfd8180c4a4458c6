"""Settings of a topic, changed while it is there: the broker says yes before they hold."""

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from tests.waiting import wait_until


def configure(admin: KafkaAdminClient, topic: str, **settings: str) -> None:
    """Change settings, named with `_` for `.`, and return once the broker shows them."""
    wanted = {name.replace("_", "."): value for name, value in settings.items()}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, wanted)])
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)

    def are_shown() -> bool:
        found = admin.describe_configs([resource], config_filter="all")["topic"][topic]
        return all(found[name]["value"] == value for name, value in wanted.items())

    wait_until(are_shown, "the broker shows the settings")

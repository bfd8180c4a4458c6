"""What `kafka-acls.sh --add` does, by the broker's own protocol: the tool itself is not among the jars of the tests."""

import argparse

from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType


def main() -> None:
    """Add what the command line says; an option that the tool lacks is an error here as it is there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap-server", required=True)
    parser.add_argument("--add", action="store_true", required=True)
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", action="append", required=True)
    parser.add_argument("--resource-pattern-type", choices=("literal", "prefixed"), default="literal")
    parser.add_argument("--topic", action="append", default=[])
    parser.add_argument("--group", action="append", default=[])
    parser.add_argument("--transactional-id", action="append", default=[])
    asked = parser.parse_args()

    how = ACLResourcePatternType[asked.resource_pattern_type.upper()]
    patterns = [
        *(ResourcePattern(ResourceType.TOPIC, topic, how) for topic in asked.topic),
        *(ResourcePattern(ResourceType.GROUP, group, how) for group in asked.group),
        *(ResourcePattern(ResourceType.TRANSACTIONAL_ID, name, how) for name in asked.transactional_id),
    ]
    names = {operation.name.replace("_", ""): operation for operation in ACLOperation}
    wanted = [
        ACL(asked.allow_principal, "*", names[operation.upper()], ACLPermissionType.ALLOW, pattern)
        for pattern in patterns
        for operation in asked.operation
    ]
    assert patterns
    admin = KafkaAdminClient(bootstrap_servers=asked.bootstrap_server)
    assert not admin.create_acls(wanted)["failed"]
    admin.close()


if __name__ == "__main__":
    main()

"""Words of spans are those of OpenTelemetry's conventions, as its own package has them."""

from opentelemetry.semconv._incubating.attributes import messaging_attributes as theirs

from streams.tracing.words import about_kafka


def test_a_span_says_of_kafka_what_the_conventions_say() -> None:
    """The partition where it is known."""
    said = {
        theirs.MESSAGING_SYSTEM: theirs.MessagingSystemValues.KAFKA.value,
        theirs.MESSAGING_OPERATION_NAME: "process",
        theirs.MESSAGING_OPERATION_TYPE: theirs.MessagingOperationTypeValues.PROCESS.value,
        theirs.MESSAGING_DESTINATION_NAME: "call-events",
    }

    assert about_kafka("process", "call-events") == said
    assert about_kafka("process", "call-events", 7) == said | {theirs.MESSAGING_DESTINATION_PARTITION_ID: "7"}

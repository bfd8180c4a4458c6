"""What nobody reads is said, with what was probably meant."""

from streams.unknown_settings import unknown_keys


def test_an_unknown_variable_is_reported_with_what_was_meant() -> None:
    """A typing error must not silently leave a default in force."""
    environ = {"ROBOCALL_WEB_PROT": "1", "ROBOCALL_SOMETHING_ELSE_ENTIRELY": "x", "ROBOCALL_WEB_PORT": "1", "PATH": "/"}
    assert unknown_keys(environ) == [
        "ROBOCALL_SOMETHING_ELSE_ENTIRELY is not a setting and is ignored",
        "ROBOCALL_WEB_PROT is not a setting: did you mean ROBOCALL_WEB_PORT?",
    ]

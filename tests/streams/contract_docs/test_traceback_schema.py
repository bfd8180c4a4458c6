"""The schema of tracebacks is one, and says what is exported."""

import jsonschema

from streams.contract_docs import traceback_schema


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(traceback_schema.document())

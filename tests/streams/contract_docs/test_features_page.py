"""The page of features has each of them, and their schemas."""

from detector.features.schemas import F4, SCHEMAS
from streams.contract_docs.features_page import render_page


def test_the_page_has_every_feature_once_and_every_schema() -> None:
    page = render_page()

    assert [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")] == list(F4.names)
    assert all(f"`{schema_id}`" in page for schema_id in SCHEMAS)

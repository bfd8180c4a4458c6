"""Where questions and a lot are, in the folder of an adaptation."""

from pathlib import Path

import click

QUESTIONS = "questions.csv"
"""The table, where no other one is named."""
LOT, LOT_FILE = "lot", "lot.json"
"""The folder of what answers are asked for, and the file in it that says what they are about."""
questions_option = click.option(
    "--questions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Table of the questions. [default: DIR/questions.csv]",
)

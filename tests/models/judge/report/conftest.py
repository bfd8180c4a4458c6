"""One small model and its judgement, which the tests of the report share."""

import pytest

from models.judge.packaging import package
from models.judge.report.learnt import learn_first_part
from models.judge.report.report import Judgement, judge
from models.learn.training import Parameters, train
from models.serve.artifact import Model
from tests.models.judge.report.nasty import nasty
from tests.models.labelled_calls import dataset


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    data = dataset()
    trained = train(data, 1, Parameters(n_trees=20, min_samples_leaf=10, lawful_share=1.0, max_features=1.0))
    return package(data, trained, tmp_path_factory.mktemp("model"), schema_id="f0", created_ms=0)


@pytest.fixture(scope="session")
def judgement(model: Model) -> Judgement:
    return judge(model, nasty(dataset(seed=5)), made_ms=1_773_147_600_000, learnt=learn_first_part)

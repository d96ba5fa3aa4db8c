"""Fill an optuna storage with trials from a fixed seed: ``python -m tests.sites.optuna.seed sqlite:///FILE``."""

from __future__ import annotations

import random
import sys

import optuna

STUDIES, TRIALS = 3, 5


def main(storage_url: str) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(storage_url)
    dice = random.Random(7)
    distribution = optuna.distributions.FloatDistribution(-10, 10)
    for number in range(STUDIES):
        study = optuna.create_study(study_name=f"étude {number} <b>&", storage=storage, direction="minimize")
        for _ in range(TRIALS):
            x = round(dice.uniform(-10, 10), 4)
            trial = optuna.trial.create_trial(
                params={"x": x}, distributions={"x": distribution}, value=round(x * x, 4)
            )
            study.add_trial(trial)


if __name__ == "__main__":
    main(sys.argv[1])

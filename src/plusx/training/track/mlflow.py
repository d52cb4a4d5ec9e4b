"""MLflow: a database in the run's folder, or the server that MLFLOW_TRACKING_URI names."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from plusx.training.track.tracker import Parameter, keep, kept

FIGURE = "val_loss"
"""A figure that each row has."""
MOST_PARAMETERS = 100
"""The service's own limit of one call."""


class MLflow:
    """A run of the experiment `plusx`, or of MLFLOW_EXPERIMENT_NAME; `mlflow/run_id` below the run says which.

    Without a server: `mlflow ui --backend-store-uri sqlite:///RUN/mlflow/mlflow.db`.
    """

    needs: ClassVar[tuple[str, ...]] = ("mlflow", "sqlalchemy")

    def __init__(self, run: Path, parameters: Mapping[str, Parameter]) -> None:
        # Its telemetry would otherwise ask a server of its own.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient
        from mlflow.entities import Param

        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        self._home = run.resolve() / "mlflow"
        self._home.mkdir(exist_ok=True)
        given = os.environ.get("MLFLOW_TRACKING_URI")
        self._client = MlflowClient(given or f"sqlite:///{(self._home / 'mlflow.db').as_posix()}")
        self._run_id = self._continued() or self._begun(run.resolve().name, local=not given)
        told = [Param(name, str(value)) for name, value in parameters.items()]
        for first in range(0, len(told), MOST_PARAMETERS):
            self._client.log_batch(self._run_id, params=told[first : first + MOST_PARAMETERS])

    def resume(self, step: int) -> int:
        """What is there stays: a row that comes again is the same, but for its times."""
        return max((metric.step for metric in self._client.get_metric_history(self._run_id, FIGURE)), default=0)

    def row(self, step: int, figures: Mapping[str, float]) -> None:
        """One call for all of them."""
        from mlflow.entities import Metric

        now_ms = int(1000 * time.time())
        told = [Metric(name, float(figure), now_ms, step) for name, figure in figures.items()]
        self._client.log_batch(self._run_id, metrics=told)

    def finish(self, step: int, figures: Mapping[str, float]) -> None:
        """Only those that are not there."""
        there = self._client.get_run(self._run_id).data.metrics
        self.row(step, {name: figure for name, figure in figures.items() if name not in there})

    def close(self, failed: bool) -> None:
        """Says how it ended."""
        self._client.set_terminated(self._run_id, "FAILED" if failed else "FINISHED")

    def _continued(self) -> str | None:
        from mlflow.exceptions import MlflowException

        run_id = kept(self._home / "run_id", lambda: "")
        try:
            if run_id:
                self._client.update_run(run_id, status="RUNNING")
        except MlflowException as error:
            # Begun on another server.
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return run_id or None

    def _begun(self, name: str, local: bool) -> str:
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", "plusx")
        found = self._client.get_experiment_by_name(experiment)
        if found is not None:
            experiment_id = found.experiment_id
        else:
            artifacts = (self._home / "artifacts").as_uri() if local else None
            experiment_id = self._client.create_experiment(experiment, artifact_location=artifacts)
        return keep(self._home / "run_id", self._client.create_run(experiment_id, run_name=name).info.run_id)

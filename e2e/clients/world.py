"""Things on the server that a recorded request can refer to, made when first named."""

from functools import cached_property

from api import unique

EMBEDDED = {"name": "train-ds", "digest": "a5357541", "source_type": "local", "source": '{"uri": "d.csv"}'}


class World:
    """Each property is one placeholder: "{run}" in a request becomes World.run, and so on."""

    missing_experiment = "987654321"
    missing_run = "f" * 32
    missing_model = "m-" + "0" * 32
    long_key = "k" * 251
    long_alias = "a" * 256

    def __init__(self, api):
        self.api = api

    @cached_property
    def name(self):
        return unique("name")

    @cached_property
    def experiment_name(self):
        return unique("exp")

    @cached_property
    def experiment(self):
        tags = [{"key": "team", "value": "a"}]
        body = {"name": self.experiment_name, "tags": tags}
        return self.api.ok("POST", "experiments/create", body)["experiment_id"]

    @cached_property
    def name_of_experiment(self):
        """The experiment's name, once it exists."""
        return self.experiment and self.experiment_name

    @cached_property
    def deleted_experiment(self):
        experiment = self.api.new_experiment()
        self.api.ok("POST", "experiments/delete", {"experiment_id": experiment})
        return experiment

    @cached_property
    def bare_run(self):
        return self.api.new_run(self.experiment, user_id="someone", run_name="first")

    @cached_property
    def deleted_run(self):
        run = self.api.new_run(self.experiment)
        self.api.ok("POST", "runs/delete", {"run_id": run})
        return run

    @cached_property
    def run(self):
        """A run with some of everything, a logged model and a second model as input included."""
        run = self.bare_run
        self.api.ok("POST", "runs/log-batch", {
            "run_id": run,
            "metrics": [
                {"key": "loss", "value": 1.0, "timestamp": 1000, "step": 0},
                {"key": "loss", "value": 0.5, "timestamp": 2000, "step": 1},
                {"key": "acc", "value": 0.9, "timestamp": 2000, "step": 1},
                {"key": "nan", "value": "NaN", "timestamp": 2000, "step": 1},
            ],
            "params": [{"key": "lr", "value": "0.01"}],
            "tags": [{"key": "team", "value": "a"}],
        })
        described = {**EMBEDDED, "schema": "{}", "profile": "{}"}
        context = [{"key": "mlflow.data.context", "value": "training"}]
        self.api.ok("POST", "runs/log-inputs", {
            "run_id": run,
            "datasets": [{"dataset": described, "tags": context}],
            "models": [{"model_id": self.api.new_model(self.experiment)}],
        })
        self.api.ok("POST", "runs/outputs", {"run_id": run, "models": [{"model_id": self.model, "step": 2}]})
        return run

    @cached_property
    def used_experiment(self):
        """The experiment, once {run} is in it."""
        return self.run and self.experiment

    @cached_property
    def finished_run(self):
        self.api.ok("POST", "runs/update", {"run_id": self.run, "status": "FINISHED", "end_time": 5000})
        return self.run

    @cached_property
    def nan_run(self):
        run = self.api.new_run(self.experiment)
        values = {"nan": "NaN", "inf": "Infinity", "ninf": "-Infinity", "num": 0.5}
        metrics = [{"key": k, "value": v, "timestamp": 1000, "step": 2} for k, v in values.items()]
        params = [{"key": "a", "value": "1"}]
        self.api.ok("POST", "runs/log-batch", {"run_id": run, "metrics": metrics, "params": params})
        return run

    @cached_property
    def long_run(self):
        """A run whose metric "m" has twenty steps, 0 to 19."""
        run = self.api.new_run(self.experiment)
        metrics = [{"key": "m", "value": i, "timestamp": i, "step": i} for i in range(20)]
        self.api.ok("POST", "runs/log-batch", {"run_id": run, "metrics": metrics})
        return run

    @cached_property
    def model(self):
        """A ready model with params, tags, and metrics on and off a dataset."""
        model = self.api.new_model(
            self.experiment,
            name="clf",
            model_type="classifier",
            source_run_id=self.bare_run,
            params=[{"key": "C", "value": "1.0"}],
            tags=[{"key": "stage", "value": "dev"}],
        )
        on_dataset = {"dataset_name": EMBEDDED["name"], "dataset_digest": EMBEDDED["digest"]}
        self.api.ok("POST", "runs/log-batch", {
            "run_id": self.bare_run,
            "metrics": [
                {"key": "val_acc", "value": 0.7, "timestamp": 1, "step": 0, "model_id": model},
                {"key": "val_acc", "value": 0.8, "timestamp": 2, "step": 1, "model_id": model},
                {"key": "val_f1", "value": 0.6, "timestamp": 2, "step": 1, "model_id": model, **on_dataset},
            ],
        })
        self.api.ok("PATCH", f"logged-models/{model}", {"model_id": model, "status": "LOGGED_MODEL_READY"})
        return model

    @cached_property
    def deleted_model(self):
        model = self.api.new_model(self.experiment)
        self.api.ok("DELETE", f"logged-models/{model}")
        return model

    @cached_property
    def models_token(self):
        """A page token of a model search in this experiment, oldest first."""
        for _ in range(2):
            self.api.new_model(self.experiment)
        order = [{"field_name": "creation_time", "ascending": True}]
        body = {"experiment_ids": [self.experiment], "max_results": 1, "order_by": order}
        return self.api.ok("POST", "logged-models/search", body)["next_page_token"]

    @cached_property
    def artifacts(self):
        """Path of a run's artifact folder that holds t.txt and sub/a.txt."""
        folder = f"{self.experiment}/{self.bare_run}/artifacts"
        self.api.put_artifact(f"{folder}/t.txt", b"hello")
        self.api.put_artifact(f"{folder}/sub/a.txt", b"below")
        return folder

    @cached_property
    def artifact_run(self):
        """The run of {artifacts}."""
        return self.artifacts.split("/")[1]

    @cached_property
    def stored_model(self):
        """A logged model whose artifact folder holds MLmodel and data/a.txt."""
        folder = f"{self.experiment}/models/{self.model}/artifacts"
        self.api.put_artifact(f"{folder}/MLmodel", b"flavors: {}")
        self.api.put_artifact(f"{folder}/data/a.txt", b"x")
        return self.model

    @cached_property
    def model_artifacts(self):
        return f"{self.experiment}/models/{self.stored_model}/artifacts"

    @cached_property
    def registered(self):
        """The name of a registered model without versions."""
        name = unique("model")
        body = {"name": name, "tags": [{"key": "a", "value": "b"}], "description": "D"}
        self.api.ok("POST", "registered-models/create", body)
        return name

    @cached_property
    def other_registered(self):
        name = unique("model")
        self.api.ok("POST", "registered-models/create", {"name": name})
        return name

    @cached_property
    def versioned(self):
        """A registered model with some of everything: a version of each kind of source, an alias, stages, tags."""
        name = self.registered
        self.api.ok("POST", "model-versions/create", {
            "name": name,
            "source": "s3://bucket/model",
            "run_id": self.bare_run,
            "run_link": "http://ci/1",
            "description": "first",
            "tags": [{"key": "k", "value": "v"}],
        })
        self.api.ok("POST", "model-versions/create", {"name": name, "source": self.stored_source, "run_id": self.artifact_run})
        self.api.ok("POST", "model-versions/create", {"name": name, "source": f"models:/{self.stored_model}", "model_id": self.stored_model})
        self.api.ok("POST", "registered-models/alias", {"name": name, "alias": "champion", "version": "1"})
        self.api.ok("POST", "model-versions/transition-stage", {"name": name, "version": "1", "stage": "Production"})
        return name

    @cached_property
    def used_run(self):
        """The run of the first version of {versioned}."""
        return self.versioned and self.bare_run

    @cached_property
    def stored_source(self):
        """The address of {artifacts}, which is a run's folder."""
        return f"mlflow-artifacts:/{self.artifacts}"

    @cached_property
    def trimmed(self):
        """A registered model of whose two versions the first was deleted."""
        name = self.other_registered
        for version in "12":
            self.api.ok("POST", "model-versions/create", {"name": name, "source": f"s3://bucket/{version}"})
        self.api.ok("DELETE", "model-versions/delete", {"name": name, "version": "1"})
        return name

    @cached_property
    def deleted_registered(self):
        name = unique("model")
        self.api.ok("POST", "registered-models/create", {"name": name})
        self.api.ok("DELETE", "registered-models/delete", {"name": name})
        return name

    @cached_property
    def prompt(self):
        """The name of a prompt with two versions, as the client registers them."""
        name = unique("prompt")
        is_prompt = {"key": "mlflow.prompt.is_prompt", "value": "true"}
        about = [{"key": "author", "value": "me"}, {"key": "_mlflow_experiment_ids", "value": ",4,"}]
        self.api.ok("POST", "registered-models/create", {"name": name, "tags": [is_prompt, *about], "description": "first"})
        for text in ("Hello {{name}}", "Hi {{name}}"):
            tags = [is_prompt, {"key": "_mlflow_prompt_type", "value": "text"}, {"key": "mlflow.prompt.text", "value": text}]
            body = {"name": name, "source": "dummy-source", "tags": tags, "description": text}
            self.api.ok("POST", "model-versions/create", body)
        self.api.ok("POST", "registered-models/alias", {"name": name, "alias": "production", "version": "1"})
        return name

    @cached_property
    def registered_token(self):
        """A page token of a search for models, by name."""
        self.registered and self.other_registered
        query = {"max_results": 1, "order_by": ["name"]}
        return self.api.ok("GET", "registered-models/search", query=query)["next_page_token"]

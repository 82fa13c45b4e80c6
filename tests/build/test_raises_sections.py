"""Each error that a public docstring promises under ``Raises:`` has a test that catches it.

``COVERED`` names the test for each pair. A docstring that promises another error needs another line here, and a test.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from support.frameworks import framework_names, public_names

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "python" / "raydp"

_FRAMEWORK = {
    "InvalidArgumentError": "estimators/test_bad_input.py::test_wrong_arguments",
    "UnknownArgumentError": "estimators/test_bad_input.py::test_an_unknown_argument_is_a_type_error",
    "MissingRequirementError": "estimators/test_requirements.py::test_missing_frameworks_are_named",
}
COVERED: dict[str, dict[str, str]] = {
    "init_spark": {
        "InvalidArgumentError": "errors/test_arguments.py::test_wrong_argument_is_named",
        "MissingRequirementError": "errors/test_start.py::test_a_python_without_pyspark",
        "SessionError": "errors/test_start.py::test_a_jvm_that_is_not_ours",
        "ClusterError": "errors/test_start.py::test_more_than_any_node_has",
        "ExecutorStartError": "errors/test_start.py::test_an_executor_that_cannot_start_shows_its_log",
    },
    "from_spark": {
        "NotADataFrameError": "endtoend/test_spark.py::test_from_spark_of_something_else",
        "InvalidArgumentError": "exchange/test_from_spark.py::test_names_and_arguments_are_checked",
        "UnsupportedTypeError": "exchange/test_from_spark.py::test_unsupported_types_are_named_before_any_job",
        "DataLossError": "first_hour/test_errors_in_spark_jobs.py::"
        "test_every_action_raises_the_error_of_the_data_after_one_attempt",
        "SessionError": "faults/test_going_on.py",
        "ExchangeError": "exchange/test_from_spark.py::test_a_conversion_whose_agents_die_every_time_fails",
    },
    "to_spark": {
        "NotADataFrameError": "first_hour/test_one_run_of_a_dataset.py::test_the_method_raises_the_errors_of_raydp",
        "InvalidArgumentError": "first_hour/test_promised_errors.py::test_datasets_without_columns",
        "UnsupportedTypeError": "exchange/test_to_spark.py::test_unsupported_types_are_named",
        "SessionError": "first_hour/test_promised_errors.py::test_functions_that_need_a_session",
    },
    "register": {
        "NotADataFrameError": "exchange/test_registered.py::test_arguments_are_checked",
        "InvalidArgumentError": "exchange/test_registered.py::test_arguments_are_checked",
        "UnsupportedTypeError": "exchange/test_registered.py::test_arguments_are_checked",
        "SessionError": "first_hour/test_promised_errors.py::test_functions_that_need_a_session",
    },
    "unregister": {
        "InvalidArgumentError": "first_hour/test_wrong_names.py::test_columns_and_names",
        "SessionError": "first_hour/test_promised_errors.py::test_functions_that_need_a_session",
    },
    "ui_url": {"SessionError": "first_hour/test_promised_errors.py::test_functions_that_need_a_session"},
    "scale": {
        "InvalidArgumentError": "lifecycle/test_scaling.py::test_executors_are_added_and_taken_away_by_hand",
        "SessionError": "first_hour/test_promised_errors.py::test_functions_that_need_a_session",
        "ClusterError": "first_hour/test_promised_errors.py::test_scaling_of_an_application_that_has_failed",
        "ExecutorStartError": "first_hour/test_promised_errors.py::test_scaling_of_an_application_that_has_failed",
    },
    "Estimator.fit": {
        "NotADataFrameError": "estimators/test_bad_input.py::test_no_frame",
        "InvalidDataError": "estimators/test_bad_input.py::test_bad_frames",
        "InvalidArgumentError": "estimators/test_bad_input.py::test_wrong_retries",
        "ClusterError": "estimators/test_bad_input.py::test_workers_that_do_not_fit_the_cluster",
        "TrainingError": "estimators/test_killed_workers.py::test_a_mistake_in_a_callback_ends_the_fit_at_once",
    },
    "Estimator.evaluate": {
        "NotFittedError": "first_hour/test_promised_errors.py::test_methods_of_an_estimator_that_was_not_fitted",
        "NotADataFrameError": "first_hour/test_promised_errors.py::test_things_that_are_no_frames",
        "InvalidArgumentError": "first_hour/test_promised_errors.py::test_an_evaluation_without_a_label",
        "InvalidDataError": "first_hour/test_errors_in_ray_tasks.py::test_unknown_labels",
    },
    "Estimator.predict": {
        "NotFittedError": "estimators/test_bad_input.py::test_before_a_fit",
        "NotADataFrameError": "first_hour/test_promised_errors.py::test_things_that_are_no_frames",
        "InvalidArgumentError": "first_hour/test_promised_errors.py::test_columns_that_the_frame_has_already",
        "InvalidDataError": "first_hour/test_errors_in_ray_tasks.py::test_values_that_the_model_does_not_take",
        "ClusterError": "first_hour/test_promised_errors.py::test_a_prediction_that_finds_no_resources",
    },
    "Estimator.best_iteration": {
        "NotFittedError": "first_hour/test_promised_errors.py::test_methods_of_an_estimator_that_was_not_fitted"
    },
    "Estimator.categories": {
        "NotFittedError": "first_hour/test_promised_errors.py::test_methods_of_an_estimator_that_was_not_fitted"
    },
    "Estimator.feature_importances_": {
        "NotFittedError": "first_hour/test_promised_errors.py::test_methods_of_an_estimator_that_was_not_fitted"
    },
    "Estimator.get_model": {"NotFittedError": "estimators/test_bad_input.py::test_before_a_fit"},
    "Estimator.save": {"NotFittedError": "estimators/test_bad_input.py::test_before_a_fit"},
    "Estimator.load": {"InvalidArgumentError": "estimators/test_bad_input.py::test_before_a_fit"},
    "FitResult.plot": {"MissingRequirementError": "first_hour/test_promised_errors.py::test_a_plot_without_matplotlib"},
    **{
        name: _FRAMEWORK
        for framework in framework_names()
        for name in public_names(framework)
        if name.endswith("Estimator")
    },
    "RayEstimator": {
        "InvalidArgumentError": "estimators/test_ml.py::test_wrong_arguments",
        "UnknownArgumentError": "first_hour/test_wrong_names.py::test_arguments_of_estimators",
    },
    "fit": {
        "InvalidArgumentError": "estimators/test_tune.py::test_wrong_arguments",
        "UnknownArgumentError": "first_hour/test_wrong_names.py::test_arguments",
        "NotADataFrameError": "estimators/test_tune.py::test_no_frame",
        "TrainingError": "first_hour/test_promised_errors.py::test_a_search_of_which_no_trial_succeeds",
    },
    "create_mpi_job": {"InvalidArgumentError": "mpi/test_mpi.py::test_wrong_arguments"},
    "MPIType.from_name": {"InvalidArgumentError": "first_hour/test_wrong_names.py::test_columns_and_names"},
    "MPIJob.start": {
        "MissingRequirementError": "mpi/test_mpi.py::test_ranks_that_do_not_come_up",
        "InvalidArgumentError": "mpi/test_mpi.py::test_ranks_that_do_not_come_up",
        "ClusterError": "mpi/test_mpi.py::test_ranks_that_do_not_come_up",
        "MpiError": "mpi/test_mpi.py::test_ranks_that_do_not_come_up",
    },
    "MPIJob.run": {"MpiError": "mpi/test_mpi.py::test_what_goes_wrong_ends_the_job_and_it_can_be_started_again"},
    "MPIJob.get_rank_addresses": {
        "MpiError": "mpi/test_mpi.py::test_what_goes_wrong_ends_the_job_and_it_can_be_started_again"
    },
    "RayDPSparkMaster": {
        "InvalidArgumentError": "endtoend/test_spark.py::test_the_spark_master_of_raydp_1_6_says_what_took_its_place"
    },
    "parse_memory_size": {"InvalidArgumentError": "first_hour/test_promised_errors.py::test_sizes"},
    "divide_blocks": {"InvalidArgumentError": "endtoend/test_block_division.py::test_no_rows"},
    "read_spark_parquet": {
        "NotADataFrameError": "first_hour/test_promised_errors.py::test_paths_and_frames_of_the_former_functions"
    },
    "convert_to_spark": {
        "NotADataFrameError": "first_hour/test_promised_errors.py::test_paths_and_frames_of_the_former_functions"
    },
    "df_type_check": {
        "NotADataFrameError": "first_hour/test_promised_errors.py::test_paths_and_frames_of_the_former_functions"
    },
}
# Promised, and not caught by a test yet. Remove a line when there is one.
WITHOUT_TEST = {
    ("Estimator.best_iteration", "AttributeError"),
    ("Estimator.evaluate", "MissingRequirementError"),
    ("Estimator.feature_importances_", "AttributeError"),
}
# Public, but not in an ``__all__``: users see them as base class and as result.
_ALSO_PUBLIC = {"Estimator", "FitResult"}


def exported_names() -> set[str]:
    """Return the names in ``__all__`` of all packages and modules that users import."""
    found = set(_ALSO_PUBLIC)
    for path in [*PACKAGE.glob("*.py"), *PACKAGE.glob("[!_]*/__init__.py"), *PACKAGE.glob("spark/*.py")]:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                found.update(ast.literal_eval(node.value))
    return found


def public_definitions() -> Iterator[tuple[str, str]]:
    """Yield name and docstring of each public function, class and method, wherever it is defined."""
    names = exported_names()
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in names:
                yield node.name, ast.get_docstring(node) or ""
                for part in node.body if isinstance(node, ast.ClassDef) else ():
                    if isinstance(part, ast.FunctionDef) and not part.name.startswith("_"):
                        yield f"{node.name}.{part.name}", ast.get_docstring(part) or ""


def promised_errors(docstring: str) -> set[str]:
    """Return the errors in the section ``Raises:`` of a docstring."""
    section = re.search(r"^Raises:\n((?: {4}.*\n?|\n)*)", docstring, re.MULTILINE)
    return set(re.findall(r"^ {4}(\w+):", section[1], re.MULTILINE)) if section else set()


def test_each_promised_error_has_a_test() -> None:
    promised = {(name, error) for name, text in public_definitions() for error in promised_errors(text)}
    assert promised - WITHOUT_TEST == {(name, error) for name, tests in COVERED.items() for error in tests}
    assert promised >= WITHOUT_TEST


def test_the_tests_exist_and_know_the_error() -> None:
    wrong = []
    for name, tests in COVERED.items():
        for error, test in tests.items():
            file, _, function = test.partition("::")
            text = (TESTS / file).read_text()
            # A test that looks at the output of a program names the program's file.
            programs = re.findall(r'programs\.(?:run|start)\(\s*"(\w+/\w+)"', text)
            texts = [text, *((TESTS / "programs" / f"{program}.py").read_text() for program in programs)]
            if not any(error in one for one in texts) or (function and f"def {function}(" not in text):
                wrong.append(f"{name}, {error}: {test}")
    assert wrong == []


def test_sections_of_docstrings_are_read() -> None:
    text = "Do.\n\nRaises:\n    AError: If.\n        It is: so.\n    BError: Else.\n\nReturns:\n    CError: No."
    assert promised_errors(text) == {"AError", "BError"}
    assert promised_errors("Do.") == set()

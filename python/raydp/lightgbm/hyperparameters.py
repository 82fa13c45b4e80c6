"""The hyperparameters of LightGBM that users tune, by its main names."""

from __future__ import annotations

from raydp._estimators.hyperparameters import Hyperparameter, Kind, ParameterOf, list_round_hyperparameters
from raydp.lightgbm.parameters import list_aliases

__all__ = ["HYPERPARAMETERS"]


def _parameter(name: str, kind: Kind, doc: str, others: tuple[str, ...] = ()) -> ParameterOf:
    return ParameterOf(name, kind, doc, others=others, mapping="lightgbm_params", aliases=list_aliases(name))


HYPERPARAMETERS: tuple[Hyperparameter, ...] = (
    *list_round_hyperparameters("num_iterations"),
    _parameter("objective", "value", "the loss to minimize, such as binary", others=("loss_type",)),
    _parameter("metric", "value", "a metric for the evaluation frame, such as mae, or a list"),
    _parameter("boosting", "text", "gbdt, dart or rf"),
    _parameter("data_sample_strategy", "text", "how to choose rows: bagging or goss"),
    _parameter("num_leaves", "whole number", "greatest number of leaves of a tree"),
    _parameter("max_depth", "whole number", "greatest depth of a tree; 0 or less: no limit"),
    _parameter("max_bin", "whole number", "number of bins for the values of a feature"),
    _parameter("learning_rate", "number", "how much a tree changes the prediction", others=("step_size",)),
    _parameter(
        "min_data_in_leaf", "whole number", "least number of rows in a leaf", others=("min_instances_per_node",)
    ),
    _parameter("min_sum_hessian_in_leaf", "number", "least sum of hessians in a leaf"),
    _parameter("min_gain_to_split", "number", "least gain of a split", others=("min_info_gain",)),
    _parameter("bagging_fraction", "number", "share of the rows for a tree", others=("subsampling_rate",)),
    _parameter("bagging_freq", "whole number", "choose rows every so many rounds; 0: never"),
    _parameter(
        "feature_fraction", "number", "share of the features for each tree", others=("feature_subset_strategy",)
    ),
    _parameter("feature_fraction_bynode", "number", "share of the features for each split"),
    _parameter("lambda_l1", "number", "L1 regularization of the leaves"),
    _parameter("lambda_l2", "number", "L2 regularization of the leaves", others=("reg_param",)),
    _parameter("path_smooth", "number", "smooth the values of leaves with few rows"),
    _parameter("extra_trees", "flag", "whether to try one random threshold for each split"),
    _parameter("linear_tree", "flag", "whether leaves have linear models"),
    _parameter("is_unbalance", "flag", "whether to weight classes by their rows"),
    _parameter("scale_pos_weight", "number", "weight of the rows of the positive class"),
)

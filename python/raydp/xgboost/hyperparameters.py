"""The hyperparameters of XGBoost that users tune."""

from __future__ import annotations

from functools import partial

from raydp._estimators.hyperparameters import Hyperparameter, ParameterOf, list_round_hyperparameters

__all__ = ["HYPERPARAMETERS"]

_Parameter = partial(ParameterOf, mapping="xgboost_params")

HYPERPARAMETERS: tuple[Hyperparameter, ...] = (
    *list_round_hyperparameters("num_round"),
    _Parameter("objective", "text", "the loss to minimize, such as binary:logistic", others=("loss", "loss_type")),
    _Parameter("eval_metric", "value", "a metric for the evaluation frame, such as mae, or a list", others=("metric",)),
    _Parameter("booster", "text", "gbtree, gblinear or dart"),
    _Parameter("tree_method", "text", "how to build trees: auto, exact, approx or hist"),
    _Parameter("grow_policy", "text", "which nodes to split next: depthwise or lossguide"),
    _Parameter("max_depth", "whole number", "greatest depth of a tree; 0: no limit"),
    _Parameter(
        "max_leaves", "whole number", "greatest number of leaves of a tree; 0: no limit", others=("num_leaves",)
    ),
    _Parameter("max_bin", "whole number", "number of bins for the values of a feature", others=("max_bins",)),
    _Parameter(
        "learning_rate",
        "number",
        "how much a tree changes the prediction (eta)",
        aliases=("eta",),
        others=("step_size",),
    ),
    _Parameter(
        "min_child_weight", "number", "least sum of hessians in a leaf", others=("min_weight_fraction_per_node",)
    ),
    _Parameter("gamma", "number", "least gain of a split", aliases=("min_split_loss",), others=("min_info_gain",)),
    _Parameter("max_delta_step", "number", "greatest change of a leaf's value; 0: no limit"),
    _Parameter(
        "subsample", "number", "share of the rows for each tree", others=("subsampling_rate", "bagging_fraction")
    ),
    _Parameter("colsample_bytree", "number", "share of the features for each tree", others=("feature_fraction",)),
    _Parameter("colsample_bylevel", "number", "share of the features for each level of a tree"),
    _Parameter("colsample_bynode", "number", "share of the features for each split"),
    _Parameter(
        "reg_lambda",
        "number",
        "L2 regularization of the leaves",
        aliases=("lambda",),
        others=("reg_param", "lambda_l2"),
    ),
    _Parameter("reg_alpha", "number", "L1 regularization of the leaves", aliases=("alpha",), others=("lambda_l1",)),
    _Parameter("scale_pos_weight", "number", "weight of the rows of the positive class"),
    _Parameter("num_parallel_tree", "whole number", "number of trees in each round, for random forests"),
)

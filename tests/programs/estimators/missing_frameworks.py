"""A program of estimators/test_requirements.py. Its argument is a JSON object of raydp's modules and their packages."""

import importlib
import json
import sys

packages = json.loads(sys.argv[1])
for blocked in packages.values():
    sys.modules[blocked] = None

import raydp  # noqa: E402  (after the packages are gone)

for name, package in packages.items():
    module = importlib.import_module(f"raydp.{name}")
    try:
        getattr(module, module.__all__[0])
    except raydp.errors.MissingRequirementError as error:
        print(name, f"pip install 'raydp[{name}]'" in str(error), f"Importing {package}:" in str(error))

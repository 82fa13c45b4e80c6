"""A program of property/test_each_deployment.py: tests whose session runs in the deployment that is given."""

import sys

import pytest

deployment, *tests = sys.argv[1:]
sys.exit(pytest.main(["-p", "no:cacheprovider", "-x", "--durations=10", "--deployment", deployment, *tests]))

"""Data quality and model quality by the SDK's third version; runs in that SDK's own environment."""

from sagemaker.core import model_monitor
from sagemaker.core.helper.session_helper import Session

from tests.e2e import quality_calls

if __name__ == "__main__":
    quality_calls.main(Session, model_monitor)

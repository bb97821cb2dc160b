"""Data quality and model quality by the SDK's second version; runs in that SDK's own environment."""

from sagemaker import Session, model_monitor

from tests.e2e import quality_calls

if __name__ == "__main__":
    quality_calls.main(Session, model_monitor)

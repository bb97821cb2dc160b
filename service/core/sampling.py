"""Which answered requests are captured."""


def is_sampled(percentage: float, draw: float) -> bool:
    """True where a draw from [0, 1) falls below the percentage, 0 to 100.

    Both ends are exact: 0 takes nothing and 100 everything. SageMaker's InitialSamplingPercentage; checked in
    tests/unit/test_sampling.py.
    """
    return draw * 100 < percentage

"""Features of pictures and arrays: what data quality watches where a model's input is no table.

What lives here: decoding one captured body into items, and the numbers that describe an item. What does not: columns
(monitor_jobs.feature_table), what is normal (monitor_jobs.data_quality).
"""

from monitor_jobs.data_quality.image_features.features import features_of_many, image_features

__all__ = ["features_of_many", "image_features"]

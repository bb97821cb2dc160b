"""A class-skew monitor as users of SageMaker have it in their images, traps included. It knows nothing of this project.

Its habits: violations under the guide's name only, message and metrics opened without making their folders, a default
output path of its own, no thought for an empty window, answers read as JSON text and nothing else.
"""

import datetime
import json
import os
import pathlib


class Environment:
    """The container's variables, each with a default that suits its author's machine."""

    def __init__(self):
        self.dataset_source = os.environ.get("dataset_source", "/opt/ml/processing/endpointdata")
        self.output_path = os.environ.get("output_path", "/opt/ml/processing/resultdata")
        self.publishes_metrics = os.environ.get("publish_cloudwatch_metrics", "Enabled")
        self.threshold = float(os.environ.get("THRESHOLD", "0.5"))
        self.start_time = os.environ.get("start_time", "")


def count_classes(source):
    counts, total = {}, 0
    for path in sorted(pathlib.Path(source).rglob("*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            answer = json.loads(record["captureData"]["endpointOutput"]["data"])
            label = answer[0][0] if isinstance(answer, list) else answer
            counts[label] = counts.get(label, 0) + 1
            total += 1
    return counts, total


def find_violations(counts, total, threshold):
    share = max(counts.values(), default=0) / total
    if not share > threshold:
        return []
    description = f"one class in {share:.0%} of {total} predictions"
    return [{"feature_name": "prediction", "constraint_check_type": "class_skew", "description": description}]


def leave(violations, environment, job):
    with open(f"{environment.output_path}/constraints_violations.json", "w") as file:
        json.dump({"violations": violations}, file)
    status = "CompletedWithViolations" if violations else "Completed"
    with open("/opt/ml/output/message", "w") as file:
        file.write(f"{status}: Job completed successfully with {len(violations)} violations.")
    if environment.publishes_metrics == "Enabled":
        dimensions = [{"Name": "Endpoint", "Value": job["Environment"].get("sagemaker_endpoint_name", "none")}]
        moment = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        metric = {"MetricName": "violations", "Timestamp": moment, "Dimensions": dimensions, "Value": len(violations)}
        with open("/opt/ml/output/metrics/cloudwatch/cloudwatch_metrics.jsonl", "w") as file:
            file.write(json.dumps(metric) + "\n")


def main():
    environment = Environment()
    with open("/opt/ml/config/processingjobconfig.json") as file:
        job = json.load(file)
    counts, total = count_classes(environment.dataset_source)
    print(f"counted {counts}")
    leave(find_violations(counts, total, environment.threshold), environment, job)


if __name__ == "__main__":
    main()
